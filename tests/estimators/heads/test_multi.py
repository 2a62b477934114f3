"""MultiHead against tf.estimator 2.15, its heads one by one, and scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import Estimator, RunConfig, minimize
from estimators.export.outputs import ClassificationOutput, PredictOutput, RegressionOutput
from estimators.heads import BinaryClassHead, MultiHead, MultiLabelHead, RegressionHead
from estimators.optimizers import Minimize
from estimators.spec import ModeKeys

LOGITS = {"r": [[1.0], [2.0]], "b": [[0.5], [-1.0]]}
JOINED = [[1.0, 0.5], [2.0, -1.0]]
LABELS = {"r": [[1.5], [1.0]], "b": [[1], [0]]}


def regression_and_classes(head_weights=None, **options):
    heads = [RegressionHead(name="r", **options), BinaryClassHead(name="b", **options)]
    return MultiHead(heads, head_weights)


def evaluated(head, *batches, regularization=None):
    metrics = head.metrics(regularization)
    for logits, labels, features in batches:
        head.update_metrics(metrics, features, logits, labels, regularization_losses=regularization)
    return {key: float(metric.result()) for key, metric in metrics.items()}


@pytest.mark.parametrize("logits", [LOGITS, JOINED], ids=["dict", "tensor"])
def test_reference_h1(logits):
    head = regression_and_classes([1.0, 2.0])
    assert (head.name, head.logits_dimension) == ("r_b", 2)
    assert head.loss_reduction == "sum_over_batch_size"
    assert float(head.loss(LABELS, logits)) == pytest.approx(1.4123387)
    found = evaluated(head, (logits, LABELS, None))
    assert found["loss/r"] == pytest.approx(0.625)
    assert found["loss/b"] == pytest.approx(0.393669, rel=1e-5)
    head.check_labels(LABELS)


def test_two_multi_label_heads_h2():
    heads = [MultiLabelHead(2, name="x"), MultiLabelHead(3, name="y")]
    logits = {"x": [[-10.0, 10.0], [-15.0, 10.0]], "y": [[20.0, -20.0, 20.0], [-30.0, 20.0, -20.0]]}
    labels = {"x": [[1, 0], [1, 1]], "y": [[0, 1, 0], [1, 1, 0]]}
    both, regularization = np.concatenate(list(logits.values()), axis=1), [tf.constant(2.0)]
    assert float(MultiHead(heads).loss(labels, both)) == pytest.approx(23.75, rel=1e-4)
    weighted = MultiHead(heads, [1.0, 2.0])
    assert float(weighted.loss(labels, both)) == pytest.approx(38.75, rel=1e-4)
    with_regularization = weighted.loss(labels, both, regularization_losses=regularization)
    assert float(with_regularization) == pytest.approx(40.75, rel=1e-4)
    found = evaluated(weighted, (both, labels, None), regularization=regularization)
    assert found["regularization_loss"] == 2.0
    assert not [key for key in found if key.startswith("regularization_loss/")]


def test_metrics_and_predictions_are_those_of_the_heads():
    head = regression_and_classes([1.0, 2.0])
    alone = {"r": RegressionHead(name="r"), "b": BinaryClassHead(name="b")}
    expected = {}
    for name, one in alone.items():
        expected |= evaluated(one, (LOGITS[name], LABELS[name], None))
        expected[f"loss/{name}"] = float(one.loss(LABELS[name], LOGITS[name]))
    assert evaluated(head, (JOINED, LABELS, None)) == pytest.approx(expected)

    predictions = head.predictions(JOINED)
    assert set(predictions) == {
        (name, key) for name, one in alone.items() for key in one.predictions(LOGITS[name])
    }
    for (name, key), value in predictions.items():
        np.testing.assert_array_equal(value, alone[name].predictions(LOGITS[name])[key])


def test_chosen_predictions():
    head = regression_and_classes()
    assert list(head.predictions(JOINED, keys=[("b", "classes")])) == [("b", "classes")]
    both = MultiHead([BinaryClassHead(name="a"), BinaryClassHead(name="b")])
    assert list(both.predictions(JOINED, ["logistic"])) == [("a", "logistic"), ("b", "logistic")]
    for bogus in ("bogus", ("r", "classes")):
        with pytest.raises(ValueError, match="must be in PredictionKeys, given"):
            head.predictions(JOINED, keys=[bogus])


def test_gradient_is_weighted_and_reaches_each_head():
    head, logits = regression_and_classes([0.5, 2.0]), tf.constant(JOINED)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = head.loss(LABELS, logits)
    p = 1.0 / (1.0 + np.exp([-0.5, 1.0]))
    of_r = 0.5 * 2.0 * (np.array([1.0, 2.0]) - [1.5, 1.0]) / 2
    of_b = 2.0 * (p - [1.0, 0.0]) / 2
    expected = np.stack([of_r, of_b], axis=1)
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-5)


def test_weighted_metrics_over_a_short_last_batch_against_scikit_learn():
    metrics_of = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(10)
    logits = rng.normal(size=(70, 2)).astype(np.float32)
    labels = {"r": rng.normal(size=70).astype(np.float32), "b": rng.integers(0, 2, 70)}
    weights = rng.uniform(size=(2, 70)).astype(np.float32)
    head = MultiHead(
        [RegressionHead(name="r", weight_column="v"), BinaryClassHead(name="b", weight_column="w")]
    )
    assert head.feature_keys == ("v", "w")
    parts = np.split(np.arange(70), [32, 64])
    batches = [
        (
            logits[i],
            {name: values[i] for name, values in labels.items()},
            {"v": weights[0, i], "w": weights[1, i]},
        )
        for i in parts
    ]
    found = evaluated(head, *batches)
    r, p = logits[:, 0], 1.0 / (1.0 + np.exp(-logits[:, 1].astype(float)))
    squared = (r - labels["r"]) ** 2
    expected = {
        "average_loss/r": metrics_of.mean_squared_error(labels["r"], r, sample_weight=weights[0]),
        "label/mean/r": np.average(labels["r"], weights=weights[0]),
        "average_loss/b": metrics_of.log_loss(labels["b"], p, sample_weight=weights[1]),
        "accuracy/b": metrics_of.accuracy_score(labels["b"], p > 0.5, sample_weight=weights[1]),
        # As the `loss` of `evaluate`: of batches, each divided by its own number of rows.
        "loss/r": np.mean([np.mean(squared[i] * weights[0, i]) for i in parts]),
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-5)


def test_export_signatures():
    head = regression_and_classes()
    spec = head.create_estimator_spec({}, ModeKeys.PREDICT, tf.constant(JOINED))
    outputs = spec.export_outputs
    kinds = {
        "serving_default": RegressionOutput,
        "r": RegressionOutput,
        "r/regression": RegressionOutput,
        "r/predict": PredictOutput,
        "b": ClassificationOutput,
        "b/classification": ClassificationOutput,
        "b/regression": RegressionOutput,
        "b/predict": PredictOutput,
        "predict": PredictOutput,
    }
    assert {name: type(output) for name, output in outputs.items()} == kinds
    assert outputs["serving_default"].value is spec.predictions["r", "predictions"]
    assert outputs["b"].scores is spec.predictions["b", "probabilities"]
    assert list(outputs["r/predict"].outputs) == ["predictions"]
    assert list(outputs["predict"].outputs) == ["/".join(key) for key in spec.predictions]


def test_train_describes_the_minimization_of_the_sum():
    head, variable = regression_and_classes([1.0, 2.0]), tf.Variable(1.0)
    spec = head.create_estimator_spec(
        {},
        ModeKeys.TRAIN,
        tf.constant(JOINED),
        LABELS,
        optimizer=keras.optimizers.SGD(0.5),
        trainable_variables=[variable],
    )
    assert isinstance(spec.train_op, Minimize)
    assert float(spec.train_op.loss) == float(spec.loss) == pytest.approx(1.4123387)
    spec = head.create_estimator_spec(
        {}, ModeKeys.TRAIN, tf.constant(JOINED), LABELS, train_op_fn=lambda loss: loss * 2.0
    )
    assert float(spec.train_op) == pytest.approx(2.0 * 1.4123387)


def input_fn():
    rows = {"x": tf.constant([[1.0], [2.0], [3.0]])}
    labels = {"r": tf.constant([[3.0], [5.0], [7.0]]), "b": tf.constant([[0], [1], [1]])}
    return tf.data.Dataset.from_tensor_slices((rows, labels)).batch(2)


@pytest.mark.parametrize("by_train_op_fn", [True, False], ids=["train_op_fn", "optimizer"])
def test_custom_model_fn_trains_both_parts(by_train_op_fn, tmp_path, events):
    def model_fn(features, labels, mode):
        layers = {name: keras.layers.Dense(1) for name in ("r", "b")}
        logits = {name: layer(features["x"]) for name, layer in layers.items()}
        variables = [v for layer in layers.values() for v in layer.trainable_variables]
        optimizer = keras.optimizers.SGD(0.05)
        arguments = {"optimizer": optimizer, "trainable_variables": variables}
        if by_train_op_fn:
            arguments = {"train_op_fn": lambda loss: minimize(loss, optimizer, variables)}
        if mode != ModeKeys.TRAIN:
            arguments = {}
        return regression_and_classes([1.0, 2.0]).create_estimator_spec(
            features, mode, logits, labels, **arguments
        )

    config = RunConfig(model_dir=str(tmp_path), tf_random_seed=3, save_summary_steps=1)
    estimator = Estimator(model_fn, config=config)
    estimator.train(input_fn, max_steps=1)
    before = estimator.evaluate(input_fn)

    estimator.train(lambda: input_fn().repeat(), max_steps=400)

    after = estimator.evaluate(input_fn)
    for key in ("loss", "loss/r", "loss/b", "average_loss/r", "average_loss/b"):
        assert after[key] < before[key], key
    assert after["loss"] == pytest.approx(after["loss/r"] + 2.0 * after["loss/b"], rel=1e-5)
    predictions = np.stack([p["r", "predictions"] for p in estimator.predict(input_fn)])
    np.testing.assert_allclose(predictions, [[3.0], [5.0], [7.0]], atol=0.2)
    (only,) = {tuple(p) for p in estimator.predict(input_fn, predict_keys=[("b", "classes")])}
    assert only == (("b", "classes"),)
    written = {tag: dict(values) for tag, values in events(tmp_path).items()}
    for step in (1, 50, 400):
        parts = written["loss/r"][step] + 2.0 * written["loss/b"][step]
        assert written["loss"][step] == pytest.approx(parts, rel=1e-5)


@pytest.mark.parametrize(
    ("heads", "head_weights", "error", "words"),
    [
        ([], None, ValueError, r"Must specify heads. Given: \[\]"),
        ([RegressionHead()], None, ValueError, "All given heads must have name specified"),
        ([RegressionHead(name="a")], [1.0, 2.0], ValueError, "must have the same size.*1.*2"),
        (
            [RegressionHead(name="a"), BinaryClassHead(name="a")],
            None,
            ValueError,
            "two heads have the name 'a'",
        ),
        (
            [RegressionHead(name="a"), RegressionHead(name="b", loss_reduction="sum")],
            None,
            ValueError,
            "same loss_reduction.*'b': 'sum'",
        ),
        ([RegressionHead(name="predict")], None, ValueError, "may have the name 'predict'"),
        ([regression_and_classes()], None, TypeError, "one objective, got MultiHead"),
        (["a"], None, TypeError, "got str: 'a'"),
    ],
)
def test_wrong_arguments(heads, head_weights, error, words):
    with pytest.raises(error, match=words):
        MultiHead(heads, head_weights)


@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [
        (None, JOINED, "You must provide a labels Tensor"),
        ([[1], [0]], JOINED, r"labels must be a dict by head name, \['r', 'b'\]. Got list"),
        ({"r": LABELS["r"]}, JOINED, r"labels of the heads \['b'\] are missing.*\['r'\]"),
        (LABELS, {"r": [[1.0], [2.0]]}, r"logits of the heads \['b'\] are missing"),
        (LABELS, [[1.0], [2.0]], r"logits must have shape \[batch, ..., 2\]"),
        ({**LABELS, "b": [[1], [2]]}, JOINED, r"BinaryClassHead 'b'.*in \[0, 1\].*2 in row 1"),
    ],
)
def test_wrong_labels_and_logits(labels, logits, words):
    with pytest.raises(ValueError, match=words):
        regression_and_classes().loss(labels, logits)


def test_any_feature_may_be_read_where_one_head_reads_any():
    def loss_fn(labels, logits, features):
        return tf.abs(labels - logits) * features["x"]

    heads = [RegressionHead(name="r", loss_fn=loss_fn), BinaryClassHead(name="b")]
    assert MultiHead(heads).feature_keys is None
