"""LogisticRegressionHead against the numbers of tf.estimator 2.15 and scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf

from estimators.export.outputs import RegressionOutput
from estimators.heads import LogisticRegressionHead
from estimators.spec import ModeKeys

LOGITS, LABELS = [[0.0], [-1.0], [1.0]], [[0.4], [0.6], [0.8]]


def evaluated(head, batches):
    metrics = head.metrics()
    for features, logits, labels in batches:
        head.update_metrics(metrics, features, tf.constant(logits), labels)
    return {key: float(metric.result()) for key, metric in metrics.items()}


def test_loss_g1():
    assert float(LogisticRegressionHead().loss(LABELS, LOGITS)) == pytest.approx(0.7065568)
    in_all = LogisticRegressionHead(loss_reduction="sum")
    for row, loss in enumerate([0.6931, 0.9133, 0.5133]):
        assert float(in_all.loss(LABELS[row], [LOGITS[row]])) == pytest.approx(loss, abs=5e-5)


def test_weighted_g1():
    head, features = LogisticRegressionHead(weight_column="w"), {"w": [1.0, 2.0, 0.0]}
    assert float(head.loss(LABELS, LOGITS, features)) == pytest.approx(0.8398902)
    found = evaluated(head, [(features, LOGITS, LABELS)])
    expected = {
        "average_loss": 0.8398902,  # the weights add up to the number of rows
        "prediction/mean": 0.345961,
        "label/mean": 0.533333,
    }
    assert found == pytest.approx(expected, rel=1e-5)


def test_predictions():
    predictions = LogisticRegressionHead().predictions(LOGITS)
    assert list(predictions) == ["predictions", "logits"]
    expected = 1.0 / (1.0 + np.exp(-np.array(LOGITS)))
    np.testing.assert_allclose(predictions["predictions"], expected, rtol=1e-6)
    np.testing.assert_array_equal(predictions["logits"], LOGITS)


def test_gradient_is_prediction_minus_label():
    logits = tf.constant([[0.0], [-80.0], [80.0]])
    head = LogisticRegressionHead(loss_reduction="sum")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = head.loss(LABELS, logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[0.1], [-0.6], [0.2]], rtol=1e-5)


def test_weighted_metrics_over_a_short_last_batch_against_scikit_learn():
    metrics_of = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(8)
    logits = rng.normal(size=(70, 1)).astype(np.float32)
    labels, weights = rng.uniform(size=(2, 70)).astype(np.float32)
    head = LogisticRegressionHead(weight_column="w", name="h")
    parts = np.split(np.arange(70), [32, 64])
    found = evaluated(head, [({"w": weights[i]}, logits[i], labels[i]) for i in parts])
    p = 1.0 / (1.0 + np.exp(-logits[:, 0].astype(float)))
    # A share of 0.8 is a 1 of weight 0.8 and a 0 of weight 0.2.
    shares = np.concatenate([weights * labels, weights * (1 - labels)])
    expected = {
        "average_loss/h": metrics_of.log_loss(
            np.repeat([1, 0], 70), np.tile(p, 2), sample_weight=shares
        ),
        "prediction/mean/h": np.average(p, weights=weights),
        "label/mean/h": np.average(labels, weights=weights),
    }
    assert found == pytest.approx(expected, rel=1e-5)


def test_export_signatures():
    spec = LogisticRegressionHead().create_estimator_spec({}, ModeKeys.PREDICT, tf.constant(LOGITS))
    outputs = spec.export_outputs
    assert list(outputs) == ["serving_default", "regression", "predict"]
    assert isinstance(outputs["serving_default"], RegressionOutput)
    assert outputs["regression"].value is spec.predictions["predictions"]
    assert list(outputs["predict"].outputs) == ["predictions", "logits"]


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_labels_outside_of_0_to_1(wrong):
    head = LogisticRegressionHead(name="ctr")
    head.check_labels(np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=r"'ctr'.*range \[0, 1\].*in row 1"):
        head.check_labels(np.array([0.5, wrong]))
    with pytest.raises(ValueError, match="must be numbers, got strings"):
        head.check_labels(np.array(["1"]))
