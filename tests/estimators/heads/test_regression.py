"""RegressionHead against the numbers of tf.estimator 2.15 and hand computation."""

import collections
import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from estimators.export.outputs import PredictOutput, RegressionOutput
from estimators.heads import RegressionHead
from estimators.spec import ModeKeys

NumericColumn = collections.namedtuple("NumericColumn", ["key", "normalizer_fn"])
SQUARE = [[1.0, 2.0], [3.0, 4.0]]
SQUARE_LABELS = [[0.0, 0.0], [5.0, 5.0]]


def evaluated(head, logits, labels, features=None):
    metrics = head.metrics()
    head.update_metrics(metrics, features, tf.constant(logits), labels)
    return {key: float(metric.result()) for key, metric in metrics.items()}


def results(average_loss, prediction_mean, label_mean):
    expected = {
        "average_loss": average_loss,
        "prediction/mean": prediction_mean,
        "label/mean": label_mean,
    }
    return pytest.approx(expected, rel=1e-5)


def test_unweighted_r1():
    logits, labels = [[45.0], [41.0]], [[43], [44]]
    head = RegressionHead()
    assert float(head.loss(labels, logits)) == pytest.approx(6.5)
    assert float(RegressionHead(loss_reduction="sum").loss(labels, logits)) == pytest.approx(13.0)
    assert float(
        head.loss(labels, logits, regularization_losses=[tf.constant(2.0)])
    ) == pytest.approx(8.5)
    assert evaluated(head, logits, labels) == results(6.5, 43.0, 43.5)


@pytest.mark.parametrize(
    ("column", "weights"),
    [("w", [1.0, 0.1, 1.5]), (NumericColumn("w", lambda x: x + 1.0), [0.0, -0.9, 0.5])],
)
def test_weighted_r2(column, weights):
    head = RegressionHead(weight_column=column)
    logits, labels, features = [[45.0], [41.0], [44.0]], [[35], [42], [45]], {"w": weights}
    assert float(head.loss(labels, logits, features)) == pytest.approx(33.866667)
    assert evaluated(head, logits, labels, features)["average_loss"] == pytest.approx(39.076923)


def test_one_weight_may_be_zero_r3():
    logits, labels = [[1.0], [2.0], [4.0]], [[1.5], [1.0], [7.0]]
    head = RegressionHead()
    assert float(head.loss(labels, logits)) == pytest.approx(3.4166667)
    assert evaluated(head, logits, labels) == results(3.4166667, 2.333333, 3.166667)
    head, features = RegressionHead(weight_column="w"), {"w": [1.0, 0.0, 2.0]}
    assert float(head.loss(labels, logits, features)) == pytest.approx(6.0833335)
    assert evaluated(head, logits, labels, features) == results(6.083333, 3.0, 5.166667)


def test_weights_per_logit_r4():
    head, features = RegressionHead(2, weight_column="w"), {"w": [[1.0, 2.0], [0.5, 0.0]]}
    assert float(head.loss(SQUARE_LABELS, SQUARE, features)) == pytest.approx(2.75)
    assert evaluated(head, SQUARE, SQUARE_LABELS, features) == results(3.142857, 1.857143, 0.714286)


def test_weights_per_row_r5():
    head, features = RegressionHead(2, weight_column="w"), {"w": [[1.0], [0.5]]}
    assert float(head.loss(SQUARE_LABELS, SQUARE, features)) == pytest.approx(1.875)
    assert evaluated(head, SQUARE, SQUARE_LABELS, features) == results(2.5, 2.166667, 1.666667)


def test_inverse_link_changes_predictions_and_not_the_loss_r6():
    head = RegressionHead(inverse_link_fn=tf.exp)
    logits, labels = [[0.0], [1.0]], [[1], [2]]
    assert float(head.loss(labels, logits)) == pytest.approx(1.0)
    assert evaluated(head, logits, labels)["prediction/mean"] == pytest.approx(1.859141)
    predictions = head.predictions(logits)
    np.testing.assert_allclose(predictions["predictions"], [[1.0], [math.e]], rtol=1e-6)
    np.testing.assert_allclose(predictions["logits"], logits)
    assert list(RegressionHead().predictions(logits)) == ["predictions"]


def test_loss_fn_gets_what_it_names():
    def loss_fn(labels, logits, features, loss_reduction):
        assert loss_reduction == "sum"
        return tf.abs(labels - logits) + tf.constant(features["extra"])

    head = RegressionHead(loss_fn=loss_fn, loss_reduction="sum")
    loss = head.loss([[1.0], [5.0]], [[2.0], [2.0]], {"extra": [[0.5], [0.25]]})
    assert float(loss) == pytest.approx(1.0 + 3.0 + 0.75)


def test_arguments_bound_by_partial_are_not_looked_at():
    def capped(labels, logits, delta):
        return tf.minimum(tf.abs(labels - logits), delta)

    head = RegressionHead(loss_fn=functools.partial(capped, delta=2.0))
    assert float(head.loss([[1.0], [5.0]], [[2.0], [2.0]])) == 1.5


@pytest.mark.parametrize("result", [2.0, [2.0, 2.0], [[2.0, 2.0]] * 2, [[2.0]] * 3])
def test_loss_fn_must_return_the_losses_before_reduction(result):
    head = RegressionHead(loss_fn=lambda labels, logits: tf.constant(result))
    with pytest.raises(ValueError, match="loss_fn"):
        head.loss([[1.0], [5.0]], [[2.0], [2.0]])


def test_export_signatures():
    spec = RegressionHead().create_estimator_spec({}, ModeKeys.PREDICT, tf.constant([[1.0]]))
    assert list(spec.export_outputs) == ["serving_default", "regression", "predict"]
    assert isinstance(spec.export_outputs["serving_default"], RegressionOutput)
    assert isinstance(spec.export_outputs["predict"], PredictOutput)


def test_label_dimension_must_be_positive():
    with pytest.raises(ValueError, match="Invalid label_dimension 0"):
        RegressionHead(0)


def test_check_labels_names_the_row_of_a_nan():
    head = RegressionHead(name="price")
    head.check_labels(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"RegressionHead 'price'.*finite.*nan in row 1"):
        head.check_labels(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="must be numbers, got strings"):
        head.check_labels(np.array(["1"]))


def test_a_loss_fn_may_mask_labels_that_are_nan():
    def masked(labels, logits):
        known = tf.math.is_finite(labels)
        return tf.where(known, tf.abs(tf.where(known, labels, 0.0) - logits), 0.0)

    labels = [[1.0], [np.nan]]
    head = RegressionHead(loss_fn=masked)
    head.check_labels(labels)
    assert float(head.loss(labels, [[3.0], [3.0]])) == 1.0
    with pytest.raises(ValueError, match="nan in row 1"):
        RegressionHead().loss(labels, [[3.0], [3.0]])
