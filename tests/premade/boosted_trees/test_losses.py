"""Boosted trees of many logits and other losses: as good as scikit-learn's, resumed, exported."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import feature_columns as fc
from estimators import BinaryClassHead, MultiHead, RegressionHead, RunConfig, export
from premade.boosted_trees import (
    BoostedTreesClassifier,
    BoostedTreesEstimator,
    BoostedTreesRegressor,
    HuberError,
    QuantileError,
)

NAMES = np.array(["low", "middle", "high"])
ROUNDS = 25


def numbers(seed=0, rows=2000):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 3)).astype(np.float32)
    signal = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2])
    return x, (signal + 0.3 * rng.standard_normal(rows)).astype(np.float32)


def classes(seed=0):
    x, signal = numbers(seed)
    return x, np.digitize(signal, [-0.5, 0.7])


def columns():
    return [fc.numeric_column("x", shape=3)]


def data(x, y=None, **more):
    features = {"x": x, **more}
    parts = features if y is None else (features, y)
    return lambda: tf.data.Dataset.from_tensor_slices(parts).batch(500)


def config(folder):
    return RunConfig(model_dir=str(folder), progress=False)


def classifier(folder):
    return BoostedTreesClassifier(
        columns(),
        n_classes=3,
        label_vocabulary=list(NAMES),
        n_trees=ROUNDS,
        max_depth=4,
        learning_rate=0.15,
        min_node_weight=1.0,
        config=config(folder),
        center_bias=True,
    )


@pytest.fixture(scope="module")
def of_classes(tmp_path_factory):
    x, y = classes()
    trees = classifier(tmp_path_factory.mktemp("classes"))
    return trees.train(data(x, NAMES[y]))


def test_many_classes_are_told_as_well_as_scikit_learn_does(of_classes):
    (x, y), (held_out, target) = classes(), classes(1)
    found = np.stack([p["probabilities"] for p in of_classes.predict(data(held_out))])
    # Second derivatives are p (1 - p) there: the same steps at 2/3 of the rate, (K - 1) / K.
    peer = HistGradientBoostingClassifier(
        max_iter=ROUNDS, max_depth=4, max_leaf_nodes=16, learning_rate=0.1, early_stopping=False
    ).fit(x, y)
    expected = metrics.log_loss(target, peer.predict_proba(held_out))
    assert metrics.log_loss(target, found) < 1.03 * expected
    measured = of_classes.evaluate(data(held_out, NAMES[target]))
    np.testing.assert_allclose(measured["average_loss"], metrics.log_loss(target, found), rtol=1e-3)
    assert measured["accuracy"] == pytest.approx(np.mean(found.argmax(1) == target))


def test_a_step_is_one_tree_for_each_class(of_classes):
    forest = of_classes.forest()
    assert of_classes.get_variable_value("global_step") == ROUNDS
    assert forest.output.tolist() == [0, 1, 2] * (1 + ROUNDS)
    assert not list(forest.part(0, 3).splits())
    shares = np.bincount(classes()[1]) / 2000
    at_first = np.exp(forest.value[:3, 0, 0])
    np.testing.assert_allclose(at_first / at_first.sum(), shares, rtol=1e-3)


def test_many_classes_go_on_after_interruptions(of_classes, tmp_path):
    x, y = classes()
    for steps in (1, 9, None):
        trees = classifier(tmp_path)
        trees.train(data(x, NAMES[y]), steps=steps)
    resumed = trees.forest().arrays()
    for name, array in of_classes.forest().arrays().items():
        np.testing.assert_array_equal(array, resumed[name], err_msg=name)


def test_many_classes_are_exported(of_classes, tmp_path):
    x, _ = classes()
    receiver = export.build_raw_serving_input_receiver_fn(
        {"x": tf.keras.Input([3], dtype=tf.float32)}
    )
    loaded = tf.saved_model.load(of_classes.export_saved_model(tmp_path, receiver).decode())
    answer = loaded.signatures["predict"](x=tf.constant(x[:20]))
    expected = list(of_classes.predict(data(x[:20])))
    np.testing.assert_allclose(
        answer["probabilities"], [p["probabilities"] for p in expected], rtol=1e-6
    )
    assert answer["classes"].numpy().tolist() == [p["classes"].tolist() for p in expected]


@pytest.mark.parametrize(
    ("loss", "peers", "measure"),
    [
        ("absolute", {"loss": "absolute_error"}, metrics.mean_absolute_error),
        (
            QuantileError(0.8),
            {"loss": "quantile", "quantile": 0.8},
            lambda y, found: metrics.mean_pinball_loss(y, found, alpha=0.8),
        ),
        ("poisson", {"loss": "poisson"}, metrics.mean_poisson_deviance),
    ],
    ids=["absolute", "quantile", "poisson"],
)
def test_losses_are_as_small_as_scikit_learns(loss, peers, measure, tmp_path):
    (x, y), (held_out, target) = numbers(), numbers(1)
    if loss == "poisson":
        rng = np.random.default_rng(2)
        y, target = (rng.poisson(np.exp(1 + signal)).astype(np.float32) for signal in (y, target))
    trees = BoostedTreesRegressor(
        columns(),
        n_trees=30,
        max_depth=4,
        learning_rate=0.2,
        min_node_weight=20.0,
        config=config(tmp_path),
        center_bias=True,
        loss=loss,
    )
    trees.train(data(x, y))
    found = np.array([p["predictions"][0] for p in trees.predict(data(held_out))])
    peer = HistGradientBoostingRegressor(
        max_iter=30,
        max_depth=4,
        max_leaf_nodes=16,
        learning_rate=0.2,
        early_stopping=False,
        **peers,
    ).fit(x, y)
    assert measure(target, found) < 1.05 * measure(target, peer.predict(held_out))
    if loss != "poisson":
        reported = trees.evaluate(data(held_out, target))["average_loss"]
        assert reported == pytest.approx(measure(target, found), rel=1e-4)


def test_medians_do_not_depend_on_the_order_of_the_rows(tmp_path):
    x, y = numbers()
    order = np.random.default_rng(3).permutation(len(x))
    weights = np.random.default_rng(4).uniform(0.5, 2, len(x)).astype(np.float32)

    def forest(folder, rows):
        trees = BoostedTreesRegressor(
            columns(),
            weight_column="w",
            n_trees=3,
            max_depth=2,
            config=config(tmp_path / folder),
            loss="absolute",
            center_bias=True,
        )
        return trees.train(data(x[rows], y[rows], w=weights[rows])).forest().arrays()

    one, other = forest("one", np.arange(len(x))), forest("other", order)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_outliers_do_not_move_huber(tmp_path):
    x, y = numbers()
    spoilt = np.where(np.arange(len(y)) % 10 == 0, 1e4, y + 50).astype(np.float32)

    def error(loss):
        folder = tmp_path / type(loss).__name__
        trees = BoostedTreesRegressor(
            columns(), n_trees=20, max_depth=3, learning_rate=0.3, config=config(folder), loss=loss
        )
        trees.train(data(x, spoilt))
        found = np.array([p["predictions"][0] for p in trees.predict(data(x))])
        return np.median(np.abs(found - y - 50))

    assert error(HuberError(1.0)) < 0.6 < 50 < error("squared")


def test_numbers_of_one_label_are_learned_as_if_each_were_alone(tmp_path):
    x, y = numbers()
    both = np.stack([y, 3 - x[:, 0]], axis=1)

    def trained(folder, labels, dimension):
        trees = BoostedTreesRegressor(
            columns(),
            label_dimension=dimension,
            n_trees=3,
            max_depth=2,
            config=config(tmp_path / folder),
        )
        return trees.train(data(x, labels))

    joint = trained("both", both, 2)
    forest, alone = joint.forest(), trained("alone", both[:, 1], 1).forest()
    assert forest.output.tolist() == [0, 1] * 3
    np.testing.assert_array_equal(forest.feature[1::2], alone.feature)
    np.testing.assert_array_equal(forest.value[1::2], alone.value)
    found = np.stack([p["predictions"] for p in joint.predict(data(x, both))])
    measured = joint.evaluate(data(x, both))["average_loss"]
    assert measured == pytest.approx(np.mean((found - both) ** 2), rel=1e-4)


def test_many_heads_are_learned_as_if_each_were_alone(tmp_path):
    x, y = numbers()
    names = np.where(y > 0, "up", "down")

    def forest(folder, head, labels):
        trees = BoostedTreesEstimator(
            columns(), head=head, n_trees=2, max_depth=2, config=config(tmp_path / folder)
        )
        return trees.train(data(x, labels)).forest()

    def binary(**options):
        return BinaryClassHead(label_vocabulary=["down", "up"], **options)

    head = MultiHead([RegressionHead(name="y"), binary(name="up")])
    joint = forest("joint", head, {"y": y, "up": names})
    for k, (alone, labels) in enumerate([(RegressionHead(), y), (binary(), names)]):
        expected = forest(f"alone{k}", alone, labels)
        np.testing.assert_array_equal(joint.feature[k::2], expected.feature)
        np.testing.assert_allclose(joint.value[k::2], expected.value, rtol=1e-3, atol=1e-6)


def test_refuses_losses_and_labels(tmp_path):
    with pytest.raises(ValueError, match=r"loss must be one of .* got 'hubert'"):
        BoostedTreesRegressor(columns(), loss="hubert")
    x, y = numbers()
    y[3] = np.nan
    trees = BoostedTreesRegressor(columns(), loss="absolute", config=config(tmp_path))
    with pytest.raises(ValueError, match="labels must be finite"):
        trees.train(data(x, y))
