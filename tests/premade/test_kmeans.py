"""k-means: the numbers of tf.estimator 2.15 (K1 to K5), scikit-learn's Lloyd, and NumPy."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf
from sklearn import cluster, datasets

import feature_columns as fc
from estimators import Hook, RunConfig, export
from premade import KMeansClustering
from premade.kmeans.distances import squared_euclidean
from premade.kmeans.start import Start

POINTS = np.float32([[0, 0], [0, 1], [10, 0], [10, 2], [5, 5]])
CENTRES = np.float32([[0, 0], [10, 0]])


def once(points=POINTS):
    return lambda: tf.data.Dataset.from_tensors(points)


def over_and_over(points=POINTS):
    return lambda: tf.data.Dataset.from_tensors(points).repeat()


def in_batches(points, size):
    return lambda: tf.data.Dataset.from_tensor_slices(points).batch(size)


@pytest.fixture
def make(tmp_path):
    """Makes a clustering in a folder of the test."""
    made = iter(range(100))

    def make(*args, config=None, **options):
        config = config or {}
        config = RunConfig(model_dir=str(tmp_path / str(next(made))), **config)
        return KMeansClustering(*args, config=config, **options)

    return make


def blobs(seed=0, count=600, spread=1.0):
    return datasets.make_blobs(count, 3, centers=6, cluster_std=spread, random_state=seed)[0]


# The numbers of tf.estimator


def test_k1_full_batch(make):
    kmeans = make(2, initial_clusters=CENTRES, use_mini_batch=False)
    for steps in (1, 3):
        kmeans.train(over_and_over(), steps=steps)
        expected = [[1.6666662, 1.9999994], [9.9999952, 0.9999995]]
        np.testing.assert_allclose(kmeans.cluster_centers(), expected, rtol=3e-7)
        assert kmeans.score(once()) == pytest.approx(32.666668)
        assert list(kmeans.predict_cluster_index(once())) == [0, 0, 1, 1, 0]
        found = kmeans.evaluate(once())
        assert found["loss"] == found["score"] == pytest.approx(32.666668)


def test_k2_distances(make):
    kmeans = make(2, initial_clusters=CENTRES, use_mini_batch=False).train(once())
    assert next(kmeans.transform(once())) == pytest.approx([2.6034157, 10.0498714])
    squared = next(kmeans.predict(once()))["all_distances"]
    assert squared == pytest.approx([6.777774, 100.99991], rel=1e-6)


def test_k3_running_mean(make):
    kmeans = make(2, initial_clusters=CENTRES).train(once())
    expected = [[1.25, 1.5], [10.0, 0.6666667]]
    np.testing.assert_allclose(kmeans.cluster_centers(), expected, rtol=1e-6)


def test_k4_cosine(make):
    options = {"distance_metric": "cosine", "use_mini_batch": False}
    kmeans = make(2, initial_clusters=[[1.0, 0.0], [0.0, 1.0]], **options).train(once())
    expected = [[0.9479052, 0.3185526], [0.0, 1.0]]
    np.testing.assert_allclose(kmeans.cluster_centers(), expected, rtol=1e-6)
    assert kmeans.score(once()) == pytest.approx(0.6646031, rel=1e-6)
    first = next(kmeans.predict(once()))
    assert (first["cluster_index"], first["all_distances"].tolist()) == (0, [1.0, 1.0])


@pytest.mark.parametrize("initial", ["random", "kmeans_plus_plus"])
def test_k5_points_in_the_order_of_their_arrival(make, initial):
    kmeans = make(5, initial_clusters=initial).train(in_batches(POINTS, 1))
    np.testing.assert_array_equal(kmeans.cluster_centers(), POINTS)
    assert kmeans.get_variable_value("global_step") == 1


def test_names_on_disk(make):
    kmeans = make(2).train(over_and_over(), steps=1)
    assert kmeans.get_variable_names() == ["Variable", "clusters", "global_step", "initialized"]
    kmeans = make(2, mini_batch_steps_per_iteration=2).train(over_and_over(), steps=1)
    added = {"clusters_updated", "update_in_steps"}
    assert added <= set(kmeans.get_variable_names())


# Others' arithmetic


@pytest.mark.parametrize("offset", [0.0, 3000.0])
def test_full_batch_is_lloyds_rule_as_scikit_learn_has_it(make, offset):
    points = (blobs() + offset).astype(np.float32)
    start = points[:6]
    kmeans = make(6, initial_clusters=start, use_mini_batch=False)
    for step in range(1, 8):
        kmeans.train(over_and_over(points), max_steps=step)
        theirs = cluster.KMeans(6, init=start, n_init=1, max_iter=step, tol=0.0, algorithm="lloyd")
        theirs.fit(points.astype(np.float64))
        # Their iteration ends with an assignment, ours with the centres; so do theirs before it.
        np.testing.assert_allclose(
            kmeans.cluster_centers(), theirs.cluster_centers_, rtol=1e-6, atol=1e-4
        )
    assert kmeans.score(once(points)) == pytest.approx(theirs.inertia_, rel=1e-3)


def test_running_mean_is_sculleys(make):
    points = blobs().astype(np.float32)
    start = points[:6]
    kmeans = make(6, initial_clusters=start).train(in_batches(points, 50))

    # One point after another with frozen assignments, each with the rate 1 / count.
    centres, counts = start.astype(np.float64), np.ones(6)
    for batch in points.reshape(-1, 50, 3).astype(np.float64):
        nearest = ((batch[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for point, k in zip(batch, nearest, strict=True):
            counts[k] += 1
            centres[k] += (point - centres[k]) / counts[k]

    np.testing.assert_allclose(kmeans.cluster_centers(), centres, rtol=1e-4, atol=1e-4)
    assert kmeans.get_variable_value("Variable").tolist() == counts.tolist()


@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
def test_steps_per_iteration_make_batches_equal_a_full_batch(make, metric):
    points = blobs().astype(np.float32)
    options = {"initial_clusters": points[:6], "distance_metric": metric}
    few = make(6, mini_batch_steps_per_iteration=12, **options)
    few.train(lambda: in_batches(points, 50)().repeat(3))
    full = make(6, use_mini_batch=False, **options).train(over_and_over(points), steps=3)
    np.testing.assert_allclose(few.cluster_centers(), full.cluster_centers(), rtol=1e-4, atol=1e-4)


def test_centres_stand_still_between_iterations(make):
    kmeans = make(2, initial_clusters=CENTRES, mini_batch_steps_per_iteration=3)
    kmeans.train(over_and_over(), steps=2)
    np.testing.assert_array_equal(kmeans.cluster_centers(), CENTRES)
    kmeans.train(over_and_over(), steps=1)
    np.testing.assert_allclose(kmeans.cluster_centers(), [[5 / 3, 2.0], [10.0, 1.0]], rtol=1e-6)


def test_a_centre_without_points_stays(make):
    start = [[0.0, 0.0], [10.0, 0.0], [500.0, 500.0]]
    for mini in (True, False):
        kmeans = make(3, initial_clusters=start, use_mini_batch=mini).train(once())
        assert kmeans.cluster_centers()[2].tolist() == [500.0, 500.0]


# The start


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("use_mini_batch", [True, False])
def test_finds_all_blobs_from_points_far_from_each_other(make, seed, use_mini_batch):
    points = blobs(seed, spread=0.4).astype(np.float32)
    kmeans = make(6, None, "kmeans_plus_plus", seed=seed, use_mini_batch=use_mini_batch)
    kmeans.train(over_and_over(points), steps=20)
    best = cluster.KMeans(6, n_init=20, random_state=0).fit(points).inertia_
    assert kmeans.score(once(points)) == pytest.approx(best, rel=0.05)


def chosen(start, chosen, points):
    return start.choose(tf.constant(chosen, tf.float32), tf.constant(points, tf.float32)).numpy()


def test_kmeans_plus_plus_draws_in_proportion_to_the_squared_distance():
    counts = collections.Counter()
    for seed in range(400):
        start = Start(2, "kmeans_plus_plus", squared_euclidean, seed=seed, retries=0)
        counts[float(chosen(start, [[0.0]], [[0.0], [1.0], [2.0]])[1, 0])] += 1
    # Distances 0, 1 and 4. The standard deviation of the share is 0.02.
    assert counts[0.0] == 0
    assert counts[2.0] / 400 == pytest.approx(0.8, abs=0.07)


def test_retries_take_the_best_candidate():
    points = [[0.0], [10.0], [10.1], [9.9], [30.0]]
    start = Start(2, "kmeans_plus_plus", squared_euclidean, seed=0, retries=200)
    # The one that leaves the least: 400 and little more, where 30 leaves about 300.
    left = {c: sum(min(p[0] ** 2, (p[0] - c) ** 2) for p in points) for (c,) in points}
    best = min(left, key=left.get)
    assert chosen(start, [[0.0]], points)[1, 0] == pytest.approx(best)


def test_kmeans_plus_plus_of_points_that_coincide():
    start = Start(3, "kmeans_plus_plus", squared_euclidean, seed=0, retries=2)
    assert chosen(start, np.zeros((0, 1)), [[2.0]] * 5).tolist() == [[2.0]] * 3


def test_random_draws_different_rows_all_as_likely():
    counts = collections.Counter()
    for seed in range(300):
        start = Start(2, "random", squared_euclidean, seed=seed, retries=2)
        rows = chosen(start, np.zeros((0, 1)), [[0.0], [1.0], [2.0]])[:, 0].tolist()
        assert len(set(rows)) == 2
        counts.update(rows)
    # Each is there in two thirds of the draws; the standard deviation is 0.027.
    assert [counts[i] / 300 for i in range(3)] == pytest.approx([2 / 3] * 3, abs=0.09)


def test_a_function_is_asked_for_what_is_missing(make):
    asked = []

    def first_two(points, missing):
        asked.append(missing)
        return points[: tf.minimum(missing, 2)]

    points = np.arange(10, dtype=np.float32)[:, None]
    kmeans = make(5, initial_clusters=first_two, mini_batch_steps_per_iteration=9)
    kmeans.train(in_batches(points, 3))
    assert kmeans.cluster_centers()[:, 0].tolist() == [0, 1, 3, 4, 6]
    assert kmeans.get_variable_value("global_step") == 2  # the third batch, and the last
    assert asked


def test_seeds(make):
    points = blobs().astype(np.float32)
    centres = [
        make(6, seed=seed).train(once(points)).cluster_centers().tolist() for seed in (1, 1, 2)
    ]
    assert centres[0] == centres[1] != centres[2]
    same = make(6, config={"tf_random_seed": 2}).train(once(points)).cluster_centers().tolist()
    assert same == centres[2]


class Die(Hook):
    def due(self, step):
        return 2

    def after(self, run, outputs):
        raise RuntimeError("killed")


def test_killed_before_its_first_checkpoint_it_begins_again(make, tmp_path):
    points = blobs().astype(np.float32)
    data = lambda: in_batches(points, 4)().repeat()  # noqa: E731
    whole = make(6, seed=1).train(data, max_steps=5).cluster_centers()
    config = RunConfig(model_dir=str(tmp_path / "killed"), save_checkpoints_steps=100)
    with pytest.raises(RuntimeError, match="killed"):
        KMeansClustering(6, seed=1, config=config).train(data, hooks=[Die()], max_steps=5)
    again = KMeansClustering(6, seed=1, config=config)
    assert again.get_variable_value("global_step") == 0
    np.testing.assert_array_equal(again.train(data, max_steps=5).cluster_centers(), whole)


# Use


def test_relative_tolerance_ends_the_run(make):
    points = blobs().astype(np.float32)
    options = {"initial_clusters": points[:6], "use_mini_batch": False}
    kmeans = make(6, relative_tolerance=1e-3, **options)
    kmeans.train(over_and_over(points), steps=200)
    step = kmeans.get_variable_value("global_step")
    losses = []
    for _ in range(step):
        trained = make(6, **options)
        trained.train(over_and_over(points), steps=len(losses) + 1)
        losses.append(float(trained.score(once(points))))
    before = [float(((points[:, None] - points[:6]) ** 2).sum(2).min(1).sum()), *losses]
    changes = [abs(b - a) / (1 + abs(a)) for a, b in zip(before, before[1:], strict=False)]
    # The loss of a step is that of the centres before it.
    assert changes[step - 2] < 1e-3
    assert min(changes[: step - 2]) >= 1e-3


def test_a_dict_is_read_in_the_order_of_its_keys(make):
    features = {"b": POINTS[:, 1], "a": POINTS[:, :1].astype(np.int64)}
    data = lambda: tf.data.Dataset.from_tensors((features, POINTS[:, 0]))  # noqa: E731
    kmeans = make(2, initial_clusters=CENTRES, use_mini_batch=False).train(data)
    np.testing.assert_allclose(kmeans.cluster_centers(), [[5 / 3, 2], [10, 1]], rtol=1e-6)
    assert list(kmeans.predict_cluster_index(data)) == [0, 0, 1, 1, 0]


def test_columns(make):
    words = fc.categorical_column_with_vocabulary_list("w", ["a", "b"])
    columns = [fc.indicator_column(words), fc.numeric_column("x")]
    features = {"w": np.array(["a", "b", "a"]), "x": np.float32([[1], [5], [2]])}
    data = lambda: tf.data.Dataset.from_tensors(features)  # noqa: E731
    start = [[1.0, 0.0, 1.0], [0.0, 1.0, 5.0]]
    kmeans = make(2, initial_clusters=start, use_mini_batch=False, feature_columns=columns)
    kmeans.train(data)
    np.testing.assert_allclose(kmeans.cluster_centers(), [[1, 0, 1.5], [0, 1, 5]], rtol=1e-6)


@pytest.mark.parametrize("initial", ["random", "kmeans_plus_plus"])
@pytest.mark.parametrize("steps", [1, 2])
def test_eagerly(make, initial, steps):
    points = blobs(count=24).astype(np.float32)
    options = {"initial_clusters": initial, "mini_batch_steps_per_iteration": steps}
    found = [
        make(6, config={"run_eagerly": eagerly}, **options)
        .train(in_batches(points, 4))
        .cluster_centers()
        for eagerly in (False, True)
    ]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-5)


def test_all_replicas_hold_the_same_centres(make, mirrored_strategy):
    points = blobs().astype(np.float32)
    config = {"train_distribute": mirrored_strategy}
    for metric in ("squared_euclidean", "cosine"):
        kmeans = make(6, distance_metric=metric, config=config)
        kmeans.train(lambda: in_batches(points, 4)().repeat(), steps=20)
        copies = [each.numpy() for each in kmeans._model.store["clusters"].values]
        np.testing.assert_array_equal(*copies)
        np.testing.assert_array_equal(copies[0], kmeans.cluster_centers())


def test_signatures(make, tmp_path):
    kmeans = make(2, initial_clusters=CENTRES).train(once())
    receiver = export.build_raw_serving_input_receiver_fn({"x": tf.TensorSpec([None, 2])})
    path = kmeans.export_saved_model(str(tmp_path / "export"), receiver)
    signatures = tf.saved_model.load(path.decode()).signatures
    assert set(signatures) == {"all_distances", "cluster_index", "predict", "serving_default"}
    expected = list(kmeans.predict_cluster_index(once()))
    assert signatures["serving_default"](x=POINTS)["output"].numpy().tolist() == expected
    distances = signatures["all_distances"](x=POINTS)["output"].numpy()
    np.testing.assert_allclose(np.sqrt(distances), list(kmeans.transform(once())), rtol=1e-5)


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_clusters": 0}, "num_clusters must be an integer >= 1, got 0"),
        ({"num_clusters": 2.0}, "num_clusters must be an integer >= 1, got 2.0"),
        ({"initial_clusters": "best"}, "Unsupported initialization algorithm 'best'"),
        ({"initial_clusters": [[1.0]]}, r"must have shape \[num_clusters, width\].* \[1, 1\]"),
        ({"initial_clusters": [[1.0], [np.nan]]}, "initial_clusters must be finite"),
        ({"distance_metric": "manhattan"}, "Unsupported distance metric 'manhattan'"),
        ({"mini_batch_steps_per_iteration": 0}, "mini_batch_steps_per_iteration must be"),
        ({"kmeans_plus_plus_num_retries": -1}, "kmeans_plus_plus_num_retries must be"),
        ({"relative_tolerance": -0.5}, "relative_tolerance must be >= 0, got -0.5"),
        (
            {
                "feature_columns": fc.embedding_column(
                    fc.categorical_column_with_identity("day", 7), 2
                )
            },
            "'day_embedding' has weights to be learned, and k-means learns none",
        ),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        KMeansClustering(**{"num_clusters": 2, **options})


def ragged_widths():
    parts = [np.zeros((2, width), np.float32) for width in (2, 3)]
    return tf.data.Dataset.from_generator(
        lambda: iter(parts), output_signature=tf.TensorSpec([None, None])
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (once(POINTS[:3]), "ended after 3 points, and num_clusters is 4"),
        (in_batches(POINTS[:3], 1), "ended after 3 points, and num_clusters is 4"),
        (once(np.float32([[0, 1], [np.nan, 0]])), "k-means needs finite numbers"),
        (once(np.float32([[0, 1], [np.inf, 0]])), "k-means needs finite numbers"),
        (ragged_widths, "a width that is the same in every batch"),
        (once({"a": np.array([["x"]])}), "The feature 'a' must be numbers, got string"),
        (once({"a": tf.sparse.eye(3)}), "The feature 'a' must be dense, got a SparseTensor"),
        (once(np.zeros((2, 2, 2), np.float32)), r"must have shape \[n, width\]"),
    ],
)
def test_wrong_data(make, data, message):
    kmeans = make(4)
    with pytest.raises(ValueError, match=message):
        kmeans.train(data)


def test_another_width_than_that_of_the_centres(make):
    with pytest.raises(ValueError, match="initial_clusters have 2 coordinates.* input_fn 3"):
        make(2, initial_clusters=CENTRES).train(once(np.zeros((4, 3), np.float32)))
    kmeans = make(2).train(once())
    with pytest.raises(ValueError, match="features changed their width"):
        kmeans.score(once(np.zeros((4, 3), np.float32)))


def test_a_function_that_returns_too_much(make):
    kmeans = make(2, initial_clusters=lambda points, missing: points)
    with pytest.raises(ValueError, match="returned more centres than were asked for"):
        kmeans.train(once())
    kmeans = make(2, initial_clusters=lambda points, missing: points[:, :1])
    with pytest.raises(ValueError, match="must return centres of shape"):
        kmeans.train(once())


@pytest.mark.parametrize("use", [lambda k: k.score(once()), lambda k: next(k.predict(once()))])
def test_before_any_training(make, use):
    with pytest.raises(ValueError, match=r"There are no 2 centres yet: call train\(\)"):
        use(make(2))
