"""Boosted trees on the trainer: as good as scikit-learn's, resumed bit for bit, clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import roc_auc_score

import feature_columns as fc
from estimators import Hook, RunConfig, export
from premade.boosted_trees import (
    BoostedTreesClassifier,
    BoostedTreesEstimator,
    BoostedTreesRegressor,
    partition,
    table,
)

ROWS, COLUMNS = 4000, 5


def numbers(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, COLUMNS)).astype(np.float32)
    signal = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + np.abs(x[:, 3])
    return x, signal + 0.3 * rng.standard_normal(rows).astype(np.float32)


def columns():
    return [fc.numeric_column("x", shape=COLUMNS)]


def data(x, y=None, batch=1000, **more):
    features = {"x": x, **more}
    parts = features if y is None else (features, y)
    return lambda: tf.data.Dataset.from_tensor_slices(parts).batch(batch)


@pytest.fixture
def config(tmp_path):
    return RunConfig(model_dir=str(tmp_path / "model"), progress=False)


def test_classifies_as_well_as_scikit_learn(config):
    (x, signal), (held_out, target) = numbers(), numbers(1)
    y, expected = (signal > 0.8).astype(np.int64), (target > 0.8).astype(np.int64)
    trees = BoostedTreesClassifier(
        columns(), n_trees=30, max_depth=4, l2_regularization=1.0, config=config
    )
    trees.train(data(x, y))
    found = [float(p["logistic"][0]) for p in trees.predict(data(held_out))]
    peer = HistGradientBoostingClassifier(
        max_iter=30, max_depth=4, max_leaf_nodes=16, l2_regularization=1.0, early_stopping=False
    ).fit(x, y)
    peers = roc_auc_score(expected, peer.predict_proba(held_out)[:, 1])
    assert roc_auc_score(expected, found) > peers - 0.005
    assert trees.evaluate(data(held_out, expected))["auc"] == pytest.approx(
        roc_auc_score(expected, found), abs=2e-3
    )


def test_regression_is_as_good_as_scikit_learns(config):
    # Deep enough for the product of two numbers: a shallow tree finds it by luck, or does not.
    (x, y), (held_out, target) = numbers(), numbers(1)
    trees = BoostedTreesRegressor(
        columns(),
        n_trees=50,
        max_depth=6,
        min_node_weight=40.0,  # 20 rows, as there
        config=config,
    )
    trees.train(data(x, y))
    found = trees.evaluate(data(held_out, target))["average_loss"]
    peer = HistGradientBoostingRegressor(
        max_iter=50, max_depth=6, max_leaf_nodes=64, early_stopping=False
    ).fit(x, y)
    assert found < 1.05 * np.mean((peer.predict(held_out) - target) ** 2)


def test_the_loss_of_a_step_is_that_of_the_forest_so_far(config):
    x, y = numbers()
    trees = BoostedTreesRegressor(columns(), n_trees=3, max_depth=3, config=config)
    losses = []
    for _ in range(3):
        trees.train(data(x, y), steps=1)
        losses.append(trees.evaluate(data(x, y, ROWS))["average_loss"])
    assert losses == sorted(losses, reverse=True)
    assert losses[0] < np.mean(y**2)


def test_an_interrupted_run_grows_the_same_forest(tmp_path):
    x, signal = numbers()
    y = (signal > 0.8).astype(np.int64)

    def trained(folder, *parts):
        config = RunConfig(model_dir=str(tmp_path / folder), progress=False)
        for steps in parts:
            # A new object each time: nothing but what is on disk is known.
            trees = BoostedTreesClassifier(columns(), n_trees=12, max_depth=4, config=config)
            trees.train(data(x, y), steps=steps)
        return trees.forest().arrays()

    whole, resumed = trained("whole", None), trained("parts", 1, 4, None)
    for name, array in whole.items():
        np.testing.assert_array_equal(array, resumed[name], err_msg=name)
    assert len(whole["feature"]) == 12


class _Stop(Hook):
    """Interrupts a run: unlike one that has come to its end, it goes on where it was."""

    def due(self, step):
        return 2 if step < 2 else None

    def after(self, run, outputs):
        run.request_stop("the test says so")


def test_an_interrupted_run_may_read_its_rows_in_another_order(tmp_path):
    x, y = numbers()
    order = np.random.default_rng(3).permutation(ROWS)

    def forest(folder, *orders):
        config = RunConfig(model_dir=str(tmp_path / folder), progress=False)
        for rows in orders:
            trees = BoostedTreesRegressor(columns(), n_trees=5, max_depth=4, config=config)
            trees.train(data(x[rows], y[rows]), hooks=[_Stop()] if len(orders) > 1 else [])
        return trees.forest().arrays()

    whole = forest("whole", np.arange(ROWS))
    resumed = forest("resumed", np.arange(ROWS), order)
    for name, array in whole.items():
        np.testing.assert_array_equal(array, resumed[name], err_msg=name)
    # No row is in a checkpoint.
    sizes = [path.stat().st_size for path in (tmp_path / "resumed").glob("*.input-*")]
    assert sizes
    assert max(sizes) < 1000


def test_the_order_of_the_rows_does_not_matter(tmp_path):
    x, y = numbers()
    order = np.random.default_rng(3).permutation(ROWS)

    def forest(folder, rows):
        config = RunConfig(model_dir=str(tmp_path / folder), progress=False)
        trees = BoostedTreesRegressor(columns(), n_trees=4, max_depth=4, config=config)
        return trees.train(data(x[rows], y[rows])).forest().arrays()

    one, other = forest("one", np.arange(ROWS)), forest("other", order)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_a_weight_of_two_is_the_row_twice(tmp_path):
    x, y = numbers(rows=600)
    weights = np.where(np.arange(600) % 3 == 0, 2.0, 1.0).astype(np.float32)
    twice = np.repeat(np.arange(600), weights.astype(int))

    def predictions(folder, rows, **options):
        config = RunConfig(model_dir=str(tmp_path / folder), progress=False)
        column = "w" if options else None
        trees = BoostedTreesRegressor(
            columns(), n_trees=5, max_depth=3, weight_column=column, config=config
        )
        # Boundaries are the values themselves: fewer distinct ones than bins.
        trees.train(data(np.round(x[rows], 1), y[rows], **options))
        return [float(p["predictions"][0]) for p in trees.predict(data(np.round(x, 1)))]

    weighted = predictions("weighted", np.arange(600), w=weights)
    np.testing.assert_allclose(weighted, predictions("twice", twice), rtol=1e-5, atol=1e-6)


def test_missing_values_learn_their_side(config):
    x = np.array([np.nan, np.nan, 1.0, 2.0, 3.0, 4.0] * 10, np.float32)
    y = np.array([5.0, 5.0, 0.0, 0.0, 5.0, 5.0] * 10, np.float32)
    trees = BoostedTreesRegressor(
        [fc.numeric_column("x")], n_trees=1, max_depth=2, learning_rate=1.0, config=config
    )
    trees.train(data(x, y))
    found = [float(p["predictions"][0]) for p in trees.predict(data(x[:6]))]
    np.testing.assert_allclose(found, y[:6], atol=1e-6)


def test_infinity_is_a_number(config):
    x = np.array([-np.inf, 1.0, 2.0, np.inf] * 10, np.float32)
    y = np.array([5.0, 0.0, 0.0, 7.0] * 10, np.float32)
    trees = BoostedTreesRegressor(
        [fc.numeric_column("x")], n_trees=1, max_depth=2, learning_rate=1.0, config=config
    )
    trees.train(data(x, y))
    found = [float(p["predictions"][0]) for p in trees.predict(data(x[:4]))]
    np.testing.assert_allclose(found, y[:4], atol=1e-6)


def test_rows_that_32_bits_cannot_count_are_in_more_parts(tmp_path, monkeypatch):
    x, y = numbers(rows=3 * partition.BLOCK)

    def forest(folder):
        config = RunConfig(model_dir=str(tmp_path / folder), progress=False)
        trees = BoostedTreesRegressor(columns(), n_trees=2, max_depth=3, config=config)
        (spec,) = trees._way.gathered(data(x, y)()).element_spec
        return len(spec[table.BINS]), trees.train(data(x, y)).forest().arrays()

    _, few = forest("few")
    monkeypatch.setattr(table, "_MOST_NUMBERS", COLUMNS * partition.BLOCK)
    parts, many = forest("many")
    assert parts >= 3
    for name, array in few.items():
        np.testing.assert_array_equal(array, many[name], err_msg=name)


def test_bucketized_columns_keep_their_boundaries(config):
    x = np.linspace(0, 10, 200, dtype=np.float32)
    column = fc.bucketized_column(fc.numeric_column("x"), [2.5, 7.5])
    trees = BoostedTreesRegressor([column], n_trees=3, max_depth=3, config=config)
    forest = trees.train(data(x, x)).forest()
    assert set(forest.threshold[forest.feature >= 0]) <= {0, 1}
    found = {round(float(p["predictions"][0]), 4) for p in trees.predict(data(x))}
    assert len(found) == 3


def test_the_export_answers_as_predict_does(config, tmp_path):
    x, signal = numbers(rows=500)
    trees = BoostedTreesClassifier(columns(), n_trees=5, max_depth=3, config=config)
    trees.train(data(x, (signal > 0.8).astype(np.int64)))
    receiver = export.build_raw_serving_input_receiver_fn(
        {"x": tf.keras.Input([COLUMNS], dtype=tf.float32)}
    )
    path = trees.export_saved_model(tmp_path / "export", receiver)
    loaded = tf.saved_model.load(path.decode())
    answer = loaded.signatures["predict"](x=tf.constant(x[:20]))["logistic"]
    expected = [p["logistic"] for p in trees.predict(data(x[:20]))]
    np.testing.assert_allclose(answer, expected, rtol=1e-6)
    graph = loaded.signatures["predict"].graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    assert any("Gather" in node.op for node in nodes)
    assert not any(node.attr["_XlaMustCompile"].b for node in nodes)


@pytest.mark.parametrize("value", [2.0, np.nan], ids=["constant", "all missing"])
def test_a_column_that_says_nothing_gives_the_mean(value, config):
    rows, y = np.full([50], value, np.float32), np.arange(50, dtype=np.float32)
    trees = BoostedTreesRegressor(
        [fc.numeric_column("x")], n_trees=1, learning_rate=1.0, max_depth=3, config=config
    )
    trees.train(data(rows, y))
    assert not list(trees.forest().splits())
    (found, *_) = trees.predict(data(rows))
    assert found["predictions"][0] == pytest.approx(y.mean())


def test_one_row_is_one_leaf(config):
    trees = BoostedTreesRegressor(
        [fc.numeric_column("x")], n_trees=1, learning_rate=1.0, config=config
    )
    trees.train(data(np.float32([1.0]), np.float32([3.0])))
    assert [float(p["predictions"][0]) for p in trees.predict(data(np.float32([9.0])))] == [3.0]


def test_one_class_is_predicted(config):
    x, _ = numbers(rows=100)
    trees = BoostedTreesClassifier(columns(), n_trees=20, max_depth=2, config=config)
    trees.train(data(x, np.ones(100, np.int64)))
    assert all(p["class_ids"][0] == 1 for p in trees.predict(data(x)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_trees": 0}, "n_trees > 0"),
        ({"max_depth": 0}, "max_depth > 0"),
        ({"max_depth": 40}, "max_depth must be at most 10, got 40"),
        ({"learning_rate": 0.0}, "learning_rate > 0"),
        ({"l2_regularization": -1.0}, "l2_regularization >= 0"),
        ({"n_classes": 1}, "n_classes must be > 2"),
    ],
)
def test_refuses_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        BoostedTreesClassifier(columns(), **options)


def test_refuses_other_columns_and_heads():
    many = fc.bucketized_column(fc.numeric_column("x"), list(range(300)))
    with pytest.raises(ValueError, match="'x_bucketized' has 300 boundaries"):
        BoostedTreesClassifier([many])
    with pytest.raises(ValueError, match="BoostedTreesEstimator needs a head"):
        BoostedTreesEstimator(columns())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.repeat(), r"Remove \.repeat\(\)"),
        (lambda d: d.map(lambda x, y: x), "no labels"),
        (lambda d: d.filter(lambda x, y: False), "no rows"),
    ],
)
def test_refuses_data(change, message, config):
    x, y = numbers(rows=50)
    trees = BoostedTreesRegressor(columns(), config=config)
    with pytest.raises(ValueError, match=message):
        trees.train(lambda: change(data(x, y)()))


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_refuses_weights(weight, config):
    x, y = numbers(rows=50)
    weights = np.ones(50, np.float32)
    weights[7] = weight
    trees = BoostedTreesRegressor(columns(), weight_column="w", config=config)
    with pytest.raises(ValueError, match="finite and not negative"):
        trees.train(data(x, y, w=weights))


def test_refuses_infinite_labels(config):
    x, y = numbers(rows=50)
    y[3] = np.inf
    with pytest.raises(ValueError, match="labels must be finite"):
        BoostedTreesRegressor(columns(), config=config).train(data(x, y))


def test_other_rows_of_as_many_are_not_taken_for_those_of_the_last_run(tmp_path):
    (x, y), (others, target) = numbers(), numbers(7)

    def trained(folder, *, anew):
        config = RunConfig(model_dir=str(tmp_path / folder), progress=False)

        def made():
            return BoostedTreesRegressor(columns(), n_trees=9, max_depth=3, config=config)

        trees = made().train(data(x, y), steps=2)
        trees = made() if anew else trees
        return trees.train(data(others, target), steps=2).forest().arrays()

    kept, anew = trained("kept", anew=False), trained("anew", anew=True)
    for name, array in anew.items():
        np.testing.assert_array_equal(kept[name], array, err_msg=name)


@pytest.mark.parametrize("is_saved", [True, False])
def test_a_second_training_goes_on_where_the_first_ended(tmp_path, is_saved):
    x, signal = numbers(rows=500)
    input_fn = data(x, np.digitize(signal, [0.5, 1.5]))

    def trained(folder, *steps):
        config = RunConfig(
            model_dir=str(tmp_path / folder),
            progress=False,
            save_checkpoints_steps=2 if is_saved else None,
            save_checkpoints_secs=None,
        )
        trees = BoostedTreesClassifier(
            columns(), n_classes=3, n_trees=9, max_depth=3, center_bias=True, config=config
        )
        for each in steps:
            trees.train(input_fn, steps=each)
        assert (trees.latest_checkpoint() is not None) == is_saved
        return trees.evaluate(input_fn)

    assert trained("twice", 2, 2) == trained("once", 4)
