"""Layers that grow from batches: the numbers of tf.estimator's trees, and how they are resumed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RegressionHead, RunConfig
from premade import BoostedTreesClassifier, BoostedTreesEstimator, BoostedTreesRegressor
from premade.boosted_trees import TreeOptions, export_xgboost, import_xgboost

# The rows that tf.estimator's own tests were made of, with what it found.
F0 = [12.5, 1.0, -2.001, -2.0001, -1.999]
F1 = [2.0, -3.0, 0.5, 0.0, 0.4995]
F2 = [3.0, 20.0, 50.0, -100.0, 102.75]
CLASSES = [[0.0], [1.0], [1.0], [0.0], [0.0]]
NUMBERS = [[1.5], [0.3], [0.2], [2.0], [5.0]]
ALL = {
    name: np.array(values, np.float32)[:, np.newaxis]
    for name, values in (("f_0", F0), ("f_1", F1), ("f_2", F2))
}
FEW_STEPS = 100


def bucketized():
    return [
        fc.bucketized_column(fc.numeric_column(name), [-2.0, 0.5, 12.0])
        for name in ("f_0", "f_1", "f_2")
    ]


def rows(labels, batch=5):
    labels = np.array(labels, np.float32)
    return lambda: tf.data.Dataset.from_tensor_slices((ALL, labels)).batch(batch).repeat()


def once():
    return tf.data.Dataset.from_tensor_slices(ALL).batch(5)


@pytest.fixture
def config(tmp_path):
    return RunConfig(model_dir=str(tmp_path / "model"), progress=False)


def predicted(trees):
    return [float(p["predictions"][0]) for p in trees.predict(once)]


def regressor(config, columns=None, **options):
    given = {"n_batches_per_layer": 1, "n_trees": 1, "max_depth": 5, **options}
    return BoostedTreesRegressor(columns or bucketized(), config=config, **given)


def loss_of(trees):
    return trees.evaluate(rows(NUMBERS), steps=1)["average_loss"].item()


def test_regression_of_one_tree(config):
    trees = regressor(config).train(rows(NUMBERS), steps=FEW_STEPS)
    assert trees.get_variable_value("global_step") == 5
    assert predicted(trees) == pytest.approx(
        [0.571619, 0.262821, 0.124549, 0.956801, 1.769801], abs=1e-6
    )
    assert loss_of(trees) == pytest.approx(2.478283, abs=1e-6)


def test_regression_of_two_trees(config):
    trees = regressor(config, n_trees=2).train(rows(NUMBERS))
    assert trees.get_variable_value("global_step") == 10
    assert loss_of(trees) == pytest.approx(1.008551, abs=1e-6)


def test_regression_that_ends_in_a_tree_and_goes_on(config):
    trees = regressor(config).train(rows(NUMBERS), steps=3)
    assert predicted(trees) == pytest.approx(
        [0.353850, 0.254100, 0.106850, 0.712100, 1.012100], abs=1e-6
    )
    assert loss_of(trees) == pytest.approx(3.777295, abs=1e-6)
    again = regressor(config).train(rows(NUMBERS))
    assert again.get_variable_value("global_step") == 5
    assert loss_of(again) == pytest.approx(2.478283, abs=1e-6)


def test_a_centered_regression(config):
    trees = regressor(config, center_bias=True).train(rows(NUMBERS))
    assert trees.get_variable_value("global_step") == 7
    assert predicted(trees) == pytest.approx(
        [1.634501, 1.325703, 1.187431, 2.019683, 2.832683], abs=1e-6
    )
    more = regressor(config, center_bias=True, n_trees=2).train(rows(NUMBERS))
    assert more.get_variable_value("global_step") == 12
    assert loss_of(more) == pytest.approx(0.614642, abs=1e-6)


def test_five_batches_of_one_row_are_one_of_five(config):
    trees = regressor(config, n_batches_per_layer=5).train(rows(NUMBERS, batch=1))
    assert trees.get_variable_value("global_step") == 25
    assert predicted(trees) == pytest.approx(
        [0.571619, 0.262821, 0.124549, 0.956801, 1.769801], abs=1e-6
    )


@pytest.mark.parametrize(("mode", "steps", "loss"), [("pre", 21, 3.83943), ("post", 10, 2.37652)])
def test_pruning(config, mode, steps, loss):
    trees = regressor(config, n_trees=2, pruning_mode=mode, tree_complexity=0.001)
    trees.train(rows(NUMBERS))
    assert trees.get_variable_value("global_step") == steps
    assert loss_of(trees) == pytest.approx(loss, abs=1e-5)


def classifier(config, **options):
    given = {"n_batches_per_layer": 1, "n_trees": 1, "max_depth": 5, **options}
    return BoostedTreesClassifier(bucketized(), config=config, **given)


def test_classes(config):
    trees = classifier(config).train(rows(CLASSES))
    assert [int(p["class_ids"][0]) for p in trees.predict(once)] == [0, 1, 1, 0, 0]


def test_trees_of_a_classifier(config):
    trees = classifier(config, n_trees=2, max_depth=2, l2_regularization=0.01)
    first, second = trees.train(rows(CLASSES)).forest().value[:, :, 0]
    forest = trees.forest()
    assert (forest.feature[0, 0], forest.threshold[0, 0]) == (2, 2)
    assert forest.gain[:, 0] == pytest.approx([0.387675, 0.287131], abs=1e-6)
    assert first[1:3] == pytest.approx([-0.181818, 0.0625], abs=1e-6)
    assert first[3:] == pytest.approx([-0.348397, -0.181818, 0.224091, 0.056815], abs=1e-6)
    assert (forest.feature[1, 0], forest.threshold[1, 0]) == (1, 0)
    assert second[1:3] == pytest.approx([0.162042, -0.086986], abs=1e-6)


def test_trees_of_a_regression(config):
    trees = regressor(config, n_trees=2, max_depth=2, l2_regularization=0.01)
    first, second = trees.train(rows(NUMBERS)).forest().value[:, :, 0]
    forest = trees.forest()
    assert (forest.feature[0, 0], forest.threshold[0, 0]) == (1, 1)
    assert forest.gain[:, 0] == pytest.approx([1.169715, 0.981025], rel=2e-6)
    assert first[1:3] == pytest.approx([0.241322, 0.083951], abs=1e-6)
    assert first[3:] == pytest.approx([0.563167, 0.247047, 0.095273, 0.222102], abs=1e-6)
    assert (forest.feature[1, 0], forest.threshold[1, 0]) == (1, 0)
    assert second[1:3] == pytest.approx([0.005166, 0.180281], abs=1e-6)


@pytest.mark.parametrize(
    ("make", "labels", "root", "steps", "leaves", "gain"),
    [
        (classifier, CLASSES, -0.405086, 4, [-0.556054, -0.301233], 0.407711),
        (regressor, NUMBERS, 1.799974, 3, [1.862786, 1.706149], 1.190442),
    ],
)
def test_centered_roots(config, make, labels, root, steps, leaves, gain):
    trees = make(config, n_trees=2, max_depth=2, l2_regularization=0.01, center_bias=True)
    trees.train(rows(labels), steps=steps + 1)
    forest = trees.forest()
    assert forest.value[0, 0, 0] == pytest.approx(root, abs=1e-6)
    assert forest.value[0, 1:3, 0] == pytest.approx(leaves, abs=1e-6)
    assert forest.gain[0, 0] == pytest.approx(gain, abs=1e-6)


def test_importances(config):
    trees = classifier(config, n_trees=2).train(rows(CLASSES))
    found = trees.experimental_feature_importances()
    assert list(found) == ["f_0_bucketized", "f_2_bucketized", "f_1_bucketized"]
    assert list(found.values()) == pytest.approx([0.833933, 0.606342, 0.0], abs=1e-6)
    shares = trees.experimental_feature_importances(normalize=True)
    assert list(shares.values()) == pytest.approx([0.579010, 0.420990, 0.0], abs=1e-6)


def test_explained_classes(config):
    trees = classifier(config, center_bias=True).train(rows(CLASSES))
    first, *others = trees.experimental_predict_with_explanations(once)
    assert first["bias"] == pytest.approx(0.4, abs=1e-6)
    assert first["dfc"]["f_0_bucketized"] == pytest.approx(-0.1210861, abs=1e-6)
    assert first["dfc"]["f_2_bucketized"] == pytest.approx(-0.0392549, abs=1e-6)
    found = [float(p["logistic"][0]) for p in (first, *others)]
    expected = [0.23965894, 0.62344426, 0.58751315, 0.23965894, 0.31861359]
    assert found == pytest.approx(expected, abs=1e-6)


def test_explained_numbers(config):
    trees = regressor(config, center_bias=True).train(rows(NUMBERS))
    first, *_ = trees.experimental_predict_with_explanations(once)
    assert first["bias"] == pytest.approx(1.8, abs=1e-6)
    assert first["dfc"]["f_1_bucketized"] == pytest.approx(-0.0950000, abs=1e-6)
    assert first["dfc"]["f_0_bucketized"] == pytest.approx(-0.0704994, abs=1e-6)


def numeric():
    return [fc.numeric_column(name) for name in ("f_0", "f_1", "f_2")]


def ends(trees, feature):
    """The values at which bins end, without the filling of the row."""
    of_feature = trees.get_variable_value("boosted_trees/boundaries")[feature]
    found = of_feature[of_feature < np.finfo(np.float32).max]
    return np.nextafter(found, np.float32(-np.inf)).tolist()


def test_bins_of_numbers(config):
    trees = regressor(config, numeric(), quantile_sketch_epsilon=0.33)
    trees.train(rows(NUMBERS), steps=1)
    # The last end is none: what is above it is in the same bin.
    expected = [[-2.001, -1.999], [-3.0, 0.4995], [-100.0, 20.0]]
    for feature, values in enumerate(expected):
        assert ends(trees, feature) == pytest.approx(values)


def test_bins_of_few_distinct_numbers(config):
    trees = regressor(config, numeric()).train(rows(NUMBERS), steps=1)
    for feature, values in enumerate((F0, F1, F2)):
        assert ends(trees, feature) == pytest.approx(sorted(values)[:-1])


def test_the_batches_in_which_bins_are_found_are_passed_over(config):
    labels = np.float32(NUMBERS)
    far, near = (tf.data.Dataset.from_tensors((ALL, y)) for y in (labels + 1000.0, labels))
    trees = regressor(config, numeric()).train(lambda: far.concatenate(near.repeat(3)))
    assert trees.get_variable_value("global_step") == 3
    assert max(predicted(trees)) < 5.0
    # Where bins are known, layers grow from the first batch on.
    trees.train(lambda: far.concatenate(near.repeat(3)), steps=1)
    assert max(predicted(trees)) > 50.0


def test_no_batch_is_read_for_bins_that_are_known(config):
    taken = []

    def batches():
        for i in range(200):
            taken.append(i)
            yield ALL, np.float32(NUMBERS)

    spec = tf.nest.map_structure(tf.type_spec_from_value, (ALL, np.float32(NUMBERS)))
    data = tf.data.Dataset.from_generator(batches, output_signature=spec)
    trees = regressor(config, numeric(), n_batches_per_layer=50).train(lambda: data, steps=50)
    assert len(taken) >= 150
    taken.clear()
    trees.train(lambda: data, steps=1)
    assert len(taken) < 50


def test_a_run_that_stops_within_its_first_layer_keeps_its_bins(config):
    """What a run that goes on would find is other bins: here its rows are moved, often shuffled."""
    moved = {name: values + 1000.0 for name, values in ALL.items()}
    labels = np.float32(NUMBERS)
    others = tf.data.Dataset.from_tensors((moved, labels)).repeat()
    options = {"n_batches_per_layer": 3, "max_depth": 1}
    regressor(config, numeric(), **options).train(rows(NUMBERS), steps=1)
    trees = regressor(config, numeric(), **options).train(lambda: others, steps=2)
    assert len(trees.forest().output) == 1
    for feature, values in enumerate((F0, F1, F2)):
        assert ends(trees, feature) == pytest.approx(sorted(values)[:-1])


def test_batches_that_are_not_enough_for_a_layer_are_refused(config):
    rows_once = tf.data.Dataset.from_tensors((ALL, np.float32(NUMBERS)))
    with pytest.raises(ValueError, match="gave 1 batches, and in the first 1 .* bins of numbers"):
        regressor(config, numeric()).train(lambda: rows_once)


def test_one_batch_in_memory(config):
    labels = np.float32(NUMBERS)
    trees = regressor(config, train_in_memory=True)
    trees.train(lambda: tf.data.Dataset.from_tensors((ALL, labels)))
    assert trees.get_variable_value("global_step") == 5
    assert loss_of(trees) == pytest.approx(2.478283, abs=1e-6)


def test_data_that_ends_early_ends_the_run(config):
    labels = np.float32(NUMBERS)
    trees = regressor(config).train(lambda: tf.data.Dataset.from_tensors((ALL, labels)).repeat(3))
    assert trees.get_variable_value("global_step") == 3
    assert loss_of(trees) == pytest.approx(3.777295, abs=1e-6)


def test_a_run_that_stops_between_batches_goes_on_alike(config, tmp_path):
    options = {"n_batches_per_layer": 3, "n_trees": 2, "max_depth": 2, "center_bias": True}
    whole = regressor(config, numeric(), **options).train(rows(NUMBERS))
    other = RunConfig(model_dir=str(tmp_path / "other"), progress=False)
    steps = whole.get_variable_value("global_step")
    for _ in range(steps // 7 + 1):
        parted = regressor(other, numeric(), **options).train(rows(NUMBERS), steps=7)
    assert parted.get_variable_value("global_step") == steps
    for name, array in whole.forest().arrays().items():
        np.testing.assert_array_equal(array, parted.forest().arrays()[name], err_msg=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_batches_per_layer": 0}, "Expected n_batches_per_layer > 0, received: 0"),
        ({"tree_complexity": 0.1}, "no effect unless pruning mode is chosen"),
        ({"pruning_mode": "pre"}, "tree_complexity must be positive"),
        (
            {"pruning_mode": "both"},
            "pruning_mode mode must be one of: none, post, pre. Found: both",
        ),
        ({"n_batches_per_layer": 2, "train_in_memory": True}, "must be 1, got 2"),
        ({"quantile_sketch_epsilon": 0.0}, "Expected quantile_sketch_epsilon > 0"),
        ({"quantile_sketch_epsilon": 0.001}, "at least 1 / 254"),
        ({"options": TreeOptions(max_bins=7)}, "Leave n_batches_per_layer .1. out"),
        ({"loss": "absolute"}, "leaves that are quantiles of all rows"),
        ({"label_dimension": 2, "center_bias": True}, "for one logit, got 2"),
    ],
)
def test_what_does_not_go_together_is_refused(config, options, message):
    with pytest.raises(ValueError, match=message):
        regressor(config, **options)


def test_a_folder_in_the_place_of_a_number_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"n_batches_per_layer must be a number.*model_dir="):
        BoostedTreesRegressor(numeric(), str(tmp_path))


def test_numbers_of_numpy_are_numbers(config):
    trees = regressor(config, n_batches_per_layer=np.int64(2), learning_rate=np.float32(0.5))
    assert trees.train(rows(NUMBERS, batch=1)).forest().arrays()["value"].any()


def test_several_replicas_are_refused(tmp_path):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    config = RunConfig(model_dir=str(tmp_path), train_distribute=strategy, progress=False)
    with pytest.raises(ValueError, match="the strategy has 2. Leave n_batches_per_layer out"):
        regressor(config)


def test_bad_labels_are_named(config):
    labels = np.float32(NUMBERS)
    labels[2] = np.inf
    with pytest.raises(ValueError, match="labels must be finite numbers"):
        regressor(config).train(lambda: tf.data.Dataset.from_tensors((ALL, labels)))


def test_bad_weights_and_empty_data_are_named(config):
    labels, weights = np.float32(NUMBERS), np.float32([[1.0], [-1.0], [1.0], [1.0], [1.0]])
    trees = regressor(config, weight_column="w")
    with pytest.raises(ValueError, match="finite and not negative"):
        trees.train(lambda: tf.data.Dataset.from_tensors(({**ALL, "w": weights}, labels)))
    with pytest.raises(ValueError, match="input_fn gave no rows"):
        regressor(config).train(lambda: tf.data.Dataset.from_tensors((ALL, labels)).take(0))
    with pytest.raises(ValueError, match="input_fn gives no labels"):
        regressor(config).train(once)


def test_trees_of_all_outputs_go_to_xgboost_as_one_of_each(config, tmp_path):
    labels = np.concatenate([np.float32(NUMBERS), -np.float32(NUMBERS)], axis=1)
    trees = regressor(config, label_dimension=2, max_depth=2).train(rows(labels))
    export_xgboost(trees, tmp_path / "model.json")
    there = BoostedTreesEstimator(
        [fc.numeric_column(name) for name in ALL],
        head=RegressionHead(label_dimension=2),
        max_depth=2,
        config=RunConfig(model_dir=str(tmp_path / "there"), progress=False),
    )
    by_layers = regressor(RunConfig(model_dir=str(tmp_path / "by_layers")))
    with pytest.raises(ValueError, match="no n_batches_per_layer"):
        import_xgboost(by_layers, tmp_path / "model.json")
    import_xgboost(there, tmp_path / "model.json")
    assert there.forest().trees == 2
    found, expected = ([p["predictions"] for p in each.predict(once)] for each in (there, trees))
    np.testing.assert_allclose(found, expected, atol=1e-6)
