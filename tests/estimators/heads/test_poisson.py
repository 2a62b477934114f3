"""PoissonRegressionHead against tf.estimator 2.15, TensorFlow's loss, scipy and scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf

from estimators.export.outputs import RegressionOutput
from estimators.heads import PoissonRegressionHead
from estimators.spec import ModeKeys

LOGITS, LABELS = [[0.0], [-1.0], [1.0]], [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(("full", "loss"), [(True, 1.8340163), (False, 1.0287204)])
def test_loss_p1(full, loss):
    head = PoissonRegressionHead(compute_full_loss=full)
    assert float(head.loss(LABELS, LOGITS)) == pytest.approx(loss)
    in_all = PoissonRegressionHead(compute_full_loss=full, loss_reduction="sum")
    assert float(in_all.loss(LABELS, LOGITS)) == pytest.approx(3 * loss)


def test_predictions_p1():
    predictions = PoissonRegressionHead().predictions(LOGITS)
    assert list(predictions) == ["predictions", "logits"]
    np.testing.assert_allclose(
        predictions["predictions"], [[1.0], [0.367879], [2.718282]], rtol=1e-5
    )
    np.testing.assert_array_equal(predictions["logits"], LOGITS)


@pytest.mark.parametrize("full", [True, False])
def test_loss_and_gradient_are_those_of_the_formula(full):
    rng = np.random.default_rng(5)
    logits = tf.constant(rng.normal(size=(40, 2)), tf.float32)
    labels = tf.constant(rng.choice([0.0, 0.3, 1.0, 1.5, 2.0, 30.0], (40, 2)), tf.float32)
    head = PoissonRegressionHead(2, compute_full_loss=full, loss_reduction="sum")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = head.loss(labels, logits)
    theirs = tf.nn.log_poisson_loss(labels, logits, compute_full_loss=full)
    assert float(loss) == pytest.approx(float(tf.reduce_sum(theirs)), rel=1e-6)
    expected = np.exp(logits) - labels
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-5, atol=1e-5)


def test_full_loss_is_near_the_negative_log_of_the_probability():
    stats = pytest.importorskip("scipy.stats")
    counts = np.array([[0.0], [1.0], [2.0], [5.0], [40.0]], np.float32)
    logits = np.array([[0.1], [-2.0], [1.0], [0.5], [3.0]], np.float32)
    head = PoissonRegressionHead(loss_reduction="sum")
    for count, logit in zip(counts, logits, strict=True):
        exact = -stats.poisson.logpmf(count[0], np.exp(logit[0]))
        error = float(head.loss([count], [logit])) - exact
        # The first term that Stirling's series leaves out.
        assert -1 / (12 * max(count[0], 1.0)) - 1e-5 <= error <= 1e-5


def test_weighted_metrics_over_a_short_last_batch_against_scikit_learn():
    metrics_of = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(70, 1)).astype(np.float32)
    labels = rng.poisson(np.exp(logits)) + (rng.uniform(size=(70, 1)) < 0.5)
    weights = rng.uniform(size=(70, 1)).astype(np.float32)
    head = PoissonRegressionHead(weight_column="w", compute_full_loss=False, name="h")
    metrics = head.metrics()
    for rows in np.split(np.arange(70), [32, 64]):
        head.update_metrics(metrics, {"w": weights[rows]}, logits[rows], labels[rows])
    y, mu, w = labels[:, 0].astype(float), np.exp(logits[:, 0]).astype(float), weights[:, 0]
    y_log_y = y * np.log(np.maximum(y, 1.0))
    deviance = metrics_of.mean_poisson_deviance(y, mu, sample_weight=w)
    expected = {
        "average_loss/h": deviance / 2 - np.average(y_log_y - y, weights=w),
        "prediction/mean/h": np.average(mu, weights=w),
        "label/mean/h": np.average(y, weights=w),
    }
    found = {key: float(metric.result()) for key, metric in metrics.items()}
    assert found == pytest.approx(expected, rel=1e-5)


def test_export_signatures():
    spec = PoissonRegressionHead().create_estimator_spec({}, ModeKeys.PREDICT, tf.constant(LOGITS))
    outputs = spec.export_outputs
    assert list(outputs) == ["serving_default", "regression", "predict"]
    assert isinstance(outputs["serving_default"], RegressionOutput)
    assert outputs["regression"].value is spec.predictions["predictions"]
    assert list(outputs["predict"].outputs) == ["predictions", "logits"]


def test_label_dimension_must_be_positive():
    with pytest.raises(ValueError, match="Invalid label_dimension 0"):
        PoissonRegressionHead(0)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_labels_that_cannot_be_counts(wrong):
    head = PoissonRegressionHead(name="visits")
    head.check_labels(np.array([0.0, 2.5]))
    with pytest.raises(ValueError, match=f"'visits'.*not below 0.*{wrong} in row 1"):
        head.check_labels(np.array([1.0, wrong]))
    with pytest.raises(ValueError, match="must be numbers, got strings"):
        head.check_labels(np.array(["1"]))
