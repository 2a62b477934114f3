"""`loss_fn`, `inverse_link_fn` and `label_dimension`, against the formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from estimators.heads import (
    BinaryClassHead,
    MultiClassHead,
    MultiLabelHead,
    PoissonRegressionHead,
    RegressionHead,
)
from estimators.spec import ModeKeys

RANDOM = np.random.default_rng(8)
ROWS = 37
WEIGHTS = RANDOM.uniform(0.0, 2.0, (ROWS, 1)).astype(np.float32)
LOGITS = RANDOM.normal(size=(ROWS, 3)).astype(np.float32)
POSITIVE = RANDOM.gamma(2.0, size=(ROWS, 3)).astype(np.float32)


def sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-logits))


def focal(labels, logits):
    """Cross entropy that counts what is far from right twice: Lin et al., 2017, equation 4."""
    right = tf.where(labels > 0.5, tf.sigmoid(logits), 1.0 - tf.sigmoid(logits))
    return -((1.0 - right) ** 2) * tf.math.log(right)


def focal_of(labels, logits):
    right = np.where(labels == 1, sigmoid(logits), 1.0 - sigmoid(logits))
    return -((1.0 - right) ** 2) * np.log(right)


def check(head, labels, logits, losses, weights=WEIGHTS):
    """Compares the loss of a batch, and the average of an evaluation in two batches.

    Args:
        head: reads the weights from the feature `w`.
        losses: what each element loses, before it is weighted.
    """
    head_loss = head.loss(labels, logits, {"w": weights})
    weights_of_each = np.broadcast_to(weights, losses.shape)
    expected = (losses * weights_of_each).sum()
    if head.loss_reduction != "sum":
        expected /= losses.size
    assert float(head_loss) == pytest.approx(expected, rel=1e-5)
    metrics = head.metrics()
    for rows in (slice(0, 32), slice(32, None)):
        features = {"w": weights[rows]}
        head.update_metrics(metrics, features, logits[rows], labels[rows])
    average = float(metrics["average_loss"].result())
    assert average == pytest.approx(np.average(losses, weights=weights_of_each), rel=1e-5)
    return metrics


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
def test_of_two_classes(reduction):
    labels, logits = RANDOM.integers(0, 2, (ROWS, 1)), LOGITS[:, :1]
    losses = focal_of(labels, logits)
    head = BinaryClassHead("w", loss_fn=focal, loss_reduction=reduction)
    check(head, labels, logits, losses)
    head = BinaryClassHead(
        "w", label_vocabulary=["no", "yes"], loss_fn=focal, loss_reduction=reduction
    )
    check(head, np.array(["no", "yes"])[labels], logits, losses)


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
def test_of_more_classes(reduction):
    def distance(labels, logits):
        """The expected distance of the class from the right one."""
        ids = tf.range(3, dtype=tf.int64)
        return tf.reduce_sum(
            tf.nn.softmax(logits) * tf.cast(tf.abs(labels - ids), tf.float32), -1, keepdims=True
        )

    labels = RANDOM.integers(0, 3, (ROWS, 1))
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    losses = (shares * abs(labels - np.arange(3))).sum(axis=1, keepdims=True)
    options = {"loss_fn": distance, "loss_reduction": reduction}
    check(MultiClassHead(3, "w", **options), labels, LOGITS, losses)
    words = ["low", "middle", "high"]
    head = MultiClassHead(3, "w", label_vocabulary=words, **options)
    check(head, np.array(words)[labels], LOGITS, losses)


def test_of_several_classes():
    labels = RANDOM.integers(0, 2, (ROWS, 3))
    head = MultiLabelHead(
        3, "w", loss_fn=lambda labels, logits: tf.reduce_max(focal(labels, logits), 1, True)
    )
    check(head, labels, LOGITS, focal_of(labels, LOGITS).max(axis=1, keepdims=True))


def gamma_deviance(labels, logits):
    """The deviance of a gamma distribution whose mean is exp(logit), without constants."""
    return 2.0 * (logits + labels * tf.exp(-logits))


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS * [[1.0, 0.0, 2.0]]], ids=["row", "number"])
@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size"])
def test_of_numbers_with_a_link(reduction, weights):
    """A loss of one's own gets the logits; what is predicted is their inverse link."""
    weights = weights.astype(np.float32)
    head = RegressionHead(
        3, "w", loss_reduction=reduction, loss_fn=gamma_deviance, inverse_link_fn=tf.exp
    )
    losses = 2.0 * (LOGITS + POSITIVE * np.exp(-LOGITS))
    metrics = check(head, POSITIVE, LOGITS, losses, weights)
    weights = np.broadcast_to(weights, LOGITS.shape)
    for key, values in (("prediction/mean", np.exp(LOGITS)), ("label/mean", POSITIVE)):
        expected = np.average(values, weights=weights)
        assert float(metrics[key].result()) == pytest.approx(expected, rel=1e-5)


def test_gradient_of_a_loss_of_ones_own_is_by_the_logits():
    head = RegressionHead(3, loss_fn=gamma_deviance, inverse_link_fn=tf.exp, loss_reduction="sum")
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = head.loss(POSITIVE, logits)
    expected = 2.0 * (1.0 - POSITIVE * np.exp(-LOGITS))
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("link", "expected"), [(tf.exp, np.exp), (tf.sigmoid, sigmoid), (tf.square, np.square)]
)
def test_predictions_of_a_link(link, expected):
    spec = RegressionHead(3, inverse_link_fn=link).create_estimator_spec(
        {}, ModeKeys.PREDICT, tf.constant(LOGITS)
    )
    found = spec.predictions["predictions"]
    np.testing.assert_allclose(found, expected(LOGITS), rtol=1e-5)
    np.testing.assert_array_equal(spec.predictions["logits"], LOGITS)
    assert spec.export_outputs["serving_default"].value is found
    assert spec.export_outputs["regression"].value is found
    assert spec.export_outputs["predict"].outputs.keys() == {"predictions", "logits"}


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_several_numbers_of_a_row(dimension):
    logits, labels = LOGITS[:, :dimension], POSITIVE[:, :dimension]
    check(RegressionHead(dimension, "w"), labels, logits, (labels - logits) ** 2)
    head = PoissonRegressionHead(dimension, "w", compute_full_loss=False)
    metrics = check(head, labels, logits, np.exp(logits) - labels * logits)
    weights = np.broadcast_to(WEIGHTS, logits.shape)
    expected = np.average(np.exp(logits), weights=weights)
    assert float(metrics["prediction/mean"].result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("head", [RegressionHead(2), PoissonRegressionHead(2)])
def test_several_numbers_need_as_many_labels_and_logits(head):
    assert head.logits_dimension == 2
    for labels in (POSITIVE[:, 0], POSITIVE[:, :1], POSITIVE):
        with pytest.raises(ValueError, match=r"labels must have shape \[batch, ..., 2\]"):
            head.loss(labels, LOGITS[:, :2])
    with pytest.raises(ValueError, match=r"logits must have shape \[batch, ..., 2\]"):
        head.loss(POSITIVE[:, :2], LOGITS)
