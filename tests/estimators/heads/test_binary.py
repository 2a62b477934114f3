"""BinaryClassHead against the numbers of tf.estimator 2.15, hand computation and scikit-learn."""

import math

import numpy as np
import pytest
import tensorflow as tf

from estimators.export.outputs import ClassificationOutput, PredictOutput, RegressionOutput
from estimators.heads import BinaryClassHead
from estimators.heads.losses import sigmoid_cross_entropy
from estimators.spec import ModeKeys

TWO = [[45.0], [-41.0]]
THREE = [[45.0], [-41.0], [44.0]]
FOUR = [[0.5], [-1.0], [2.0], [0.0]]
WEIGHTS = {"w": [[2.0], [1.0], [0.5]]}


def evaluated(head, logits, labels, features=None, regularization=None):
    metrics = head.metrics(regularization)
    head.update_metrics(
        metrics, features, tf.constant(logits), labels, regularization_losses=regularization
    )
    return {key: float(metric.result()) for key, metric in metrics.items()}


def test_the_gradients_of_the_loss_are_those_of_tensorflow():
    logits = tf.constant([[-90.0], [-3.0], [0.0], [0.5], [90.0]])
    labels = tf.constant([[1.0], [0.0], [0.25], [1.0], [0.0]])
    upstream = tf.constant([[1.0], [2.0], [-3.0], [0.5], [1.0]])
    gradients = []
    for loss in (
        sigmoid_cross_entropy,
        lambda y, x: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x),
    ):
        with tf.GradientTape() as outer:
            outer.watch([labels, logits])
            with tf.GradientTape() as tape:
                tape.watch([labels, logits])
                losses = loss(labels, logits)
            first = tape.gradient(losses, [labels, logits], upstream)
        gradients.append([*first, outer.gradient(first[1], logits)])
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_unweighted_metrics_b1():
    head = BinaryClassHead()
    assert float(head.loss([[1], [1]], TWO)) == pytest.approx(20.5)
    expected = {
        "average_loss": 20.5,
        "accuracy": 0.5,
        "precision": 1.0,
        "recall": 0.5,
        "prediction/mean": 0.5,
        "label/mean": 1.0,
        "accuracy_baseline": 1.0,
        "auc": 0.0,
        "auc_precision_recall": 1.0,
    }
    assert evaluated(head, TWO, [[1], [1]]) == pytest.approx(expected, abs=1e-6)


def test_regularization_is_added_unscaled_and_measured_b2():
    regularization = [tf.constant(1.5), tf.constant(0.5)]
    head = BinaryClassHead()
    loss = head.loss([[1], [1]], TWO, regularization_losses=regularization)
    assert float(loss) == pytest.approx(22.5)
    result = evaluated(head, TWO, [[1], [1]], regularization=regularization)
    assert result["regularization_loss"] == pytest.approx(2.0)
    assert result["average_loss"] == pytest.approx(20.5)


@pytest.mark.parametrize(
    ("vocabulary", "classes"), [(None, [b"1", b"0"]), (["aang", "iroh"], [b"iroh", b"aang"])]
)
def test_predictions_b3(vocabulary, classes):
    predictions = BinaryClassHead(label_vocabulary=vocabulary).predictions([[0.3], [-0.4]])
    np.testing.assert_allclose(predictions["logits"], [[0.3], [-0.4]])
    np.testing.assert_allclose(predictions["logistic"], [[0.574443], [0.401312]], rtol=1e-5)
    np.testing.assert_allclose(
        predictions["probabilities"], [[0.425557, 0.574443], [0.598688, 0.401312]], rtol=1e-5
    )
    assert predictions["class_ids"].numpy().tolist() == [[1], [0]]
    assert predictions["classes"].numpy().tolist() == [[word] for word in classes]
    assert predictions["all_class_ids"].numpy().tolist() == [[0, 1]] * 2
    assert predictions["all_classes"].numpy().tolist() == [sorted(classes)] * 2
    assert {key: value.dtype for key, value in predictions.items()} == {
        "logits": tf.float32,
        "logistic": tf.float32,
        "probabilities": tf.float32,
        "class_ids": tf.int64,
        "classes": tf.string,
        "all_class_ids": tf.int32,
        "all_classes": tf.string,
    }


def test_thresholds_b4():
    head = BinaryClassHead(thresholds=[0.25, 0.5, 0.75])
    exact = (math.log1p(math.exp(1.0)) + math.log1p(math.exp(-1.0))) / 2
    assert float(head.loss([[1], [1]], [[-1.0], [1.0]])) == pytest.approx(exact)
    result = evaluated(head, [[-1.0], [1.0]], [[1], [1]])
    for metric, at in (
        ("accuracy", (1, 0.5, 0)),
        ("precision", (1, 1, 0)),
        ("recall", (1, 0.5, 0)),
    ):
        found = [result[f"{metric}/positive_threshold_{t:g}"] for t in (0.25, 0.5, 0.75)]
        assert found == pytest.approx(at)


def test_thresholds_may_be_an_array():
    listed, in_array = (
        {*BinaryClassHead(thresholds=t).metrics()} for t in ([0.5], np.array([0.5]))
    )
    assert in_array == listed


def test_float_labels_b5():
    loss = BinaryClassHead().loss([[0.8], [0.4]], [[0.5], [-0.3]])
    assert float(loss) == pytest.approx(0.6242161)


def test_weighted_metrics_b6():
    head = BinaryClassHead(weight_column="w")
    features = {"w": [[1.0], [0.1], [1.5]]}
    assert float(head.loss([[1], [1], [0]], THREE, features)) == pytest.approx(23.366667)
    expected = {
        "average_loss": 26.961538,
        "accuracy": 0.3846154,
        "precision": 0.4,
        "recall": 1 / 1.1,
        "prediction/mean": 0.9615385,
        "label/mean": 0.4230769,
        "accuracy_baseline": 0.5769231,
        "auc": 0.4545457,
        "auc_precision_recall": 0.4010627,
    }
    assert evaluated(head, THREE, [[1], [1], [0]], features) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("reduction", "loss"), [("sum_over_batch_size", 0.7749599), ("sum", 2.3248796)]
)
def test_loss_reduction_changes_the_loss_only_b7_b8(reduction, loss):
    head = BinaryClassHead(weight_column="w", loss_reduction=reduction)
    assert float(head.loss([[1], [0], [0]], FOUR[:3], WEIGHTS)) == pytest.approx(loss)
    expected = {
        "average_loss": 0.664251,
        "accuracy": 0.857143,
        "precision": 0.8,
        "recall": 1.0,
        "prediction/mean": 0.55836,
        "label/mean": 0.571429,
        "accuracy_baseline": 0.571429,
        "auc": 0.666667,
        "auc_precision_recall": 0.597641,
    }
    assert evaluated(head, FOUR[:3], [[1], [0], [0]], WEIGHTS) == pytest.approx(expected, rel=1e-5)


def test_vocabulary_and_thresholds_b9():
    head = BinaryClassHead(label_vocabulary=["no", "yes"], thresholds=[0.3, 0.65])
    labels = [["yes"], ["no"], ["no"], ["yes"]]
    assert float(head.loss(labels, FOUR)) == pytest.approx(0.9018535)
    expected = {
        "average_loss": 0.9018535,
        "accuracy": 0.5,
        "precision": 0.5,
        "recall": 0.5,
        "prediction/mean": 0.568049,
        "label/mean": 0.5,
        "accuracy_baseline": 0.5,
        "auc": 0.5,
        "auc_precision_recall": 0.450694,
        "accuracy/positive_threshold_0.3": 0.75,
        "precision/positive_threshold_0.3": 0.666667,
        "recall/positive_threshold_0.3": 1.0,
        "accuracy/positive_threshold_0.65": 0.25,
        "precision/positive_threshold_0.65": 0.0,
        "recall/positive_threshold_0.65": 0.0,
    }
    assert evaluated(head, FOUR, labels) == pytest.approx(expected, rel=1e-5)
    assert head.predictions(FOUR)["classes"].numpy()[3] == b"no"


def test_name_is_a_suffix_of_metric_keys_only_b10():
    head = BinaryClassHead(name="h")
    regularization = [tf.constant(2.0)]
    loss = head.loss([[1], [0]], [[0.5], [-1.0]], regularization_losses=regularization)
    assert float(loss) == pytest.approx(2.3936694)
    result = evaluated(head, [[0.5], [-1.0]], [[1], [0]], regularization=regularization)
    assert result["average_loss/h"] == pytest.approx(0.393669, rel=1e-5)
    assert result["accuracy/h"] == 1.0
    assert result["regularization_loss/h"] == 2.0
    assert all(key.endswith("/h") for key in result)
    assert "logistic" in head.predictions([[0.5]])


def test_more_leading_dimensions_b11():
    head = BinaryClassHead(weight_column="w")
    features = {"w": [[1.0, 1.5], [2.0, 2.5]]}
    logits = [[[10.0], [-10.0]], [[12.0], [-12.0]]]
    labels = [[[0], [0]], [[1], [1]]]
    assert float(head.loss(labels, logits, features)) == pytest.approx(10.0, rel=1e-4)
    average = evaluated(head, logits, labels, features)["average_loss"]
    assert average == pytest.approx(40.0 / 7.0, rel=1e-4)
    assert head.predictions(logits)["all_classes"].shape == (2, 2, 2)


def test_all_zero_weights_give_zero_and_not_nan():
    head = BinaryClassHead(weight_column="w")
    features = {"w": [0.0, 0.0]}
    assert float(head.loss([1, 0], TWO, features)) == 0.0
    result = evaluated(head, TWO, [1, 0], features)
    assert not np.isnan(list(result.values())).any()


def test_metrics_accumulate_over_batches_of_a_compiled_loop():
    metrics_of = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(500, 1)).astype(np.float32)
    labels = (logits + rng.normal(size=(500, 1)) > 0.5).astype(np.int64)
    weights = rng.uniform(0.1, 2.0, size=(500, 1)).astype(np.float32)
    head = BinaryClassHead(weight_column="w", thresholds=[0.4])
    metrics = head.metrics()
    data = tf.data.Dataset.from_tensor_slices(({"w": weights}, logits, labels)).batch(64)

    @tf.function
    def evaluate():
        for features, batch_logits, batch_labels in data:
            head.update_metrics(metrics, features, batch_logits, batch_labels)

    evaluate()
    result = {key: float(metric.result()) for key, metric in metrics.items()}
    y, p, w = labels[:, 0], 1 / (1 + np.exp(-logits[:, 0])), weights[:, 0]
    share = np.average(y, weights=w)
    expected = {
        "average_loss": metrics_of.log_loss(y, p, sample_weight=w),
        "accuracy": metrics_of.accuracy_score(y, p > 0.5, sample_weight=w),
        "accuracy_baseline": max(share, 1 - share),
        "precision": metrics_of.precision_score(y, p > 0.5, sample_weight=w),
        "recall": metrics_of.recall_score(y, p > 0.5, sample_weight=w),
        "label/mean": share,
        "prediction/mean": np.average(p, weights=w),
        "accuracy/positive_threshold_0.4": metrics_of.accuracy_score(y, p > 0.4, sample_weight=w),
        "precision/positive_threshold_0.4": metrics_of.precision_score(y, p > 0.4, sample_weight=w),
        "recall/positive_threshold_0.4": metrics_of.recall_score(y, p > 0.4, sample_weight=w),
    }
    assert {key: result[key] for key in expected} == pytest.approx(expected, rel=1e-4)
    # 200 thresholds approximate the curves that scikit-learn follows exactly.
    assert result["auc"] == pytest.approx(metrics_of.roc_auc_score(y, p, sample_weight=w), abs=2e-3)
    assert result["auc_precision_recall"] == pytest.approx(
        metrics_of.average_precision_score(y, p, sample_weight=w), abs=1e-2
    )


def test_metrics_are_new_each_time_and_can_be_reset():
    head = BinaryClassHead()
    first, second = head.metrics(), head.metrics()
    head.update_metrics(first, None, TWO, [[1], [1]])
    assert float(second["label/mean"].result()) == 0.0
    for metric in first.values():
        metric.reset_state()
    assert float(first["label/mean"].result()) == 0.0
    assert float(first["accuracy_baseline"].result()) == 1.0


def test_replicas_add_up(mirrored_strategy):
    head = BinaryClassHead()
    with mirrored_strategy.scope():
        metrics = head.metrics()

    @tf.function
    def step():
        def on_replica():
            context = tf.distribute.get_replica_context()
            label = tf.reshape(tf.cast(context.replica_id_in_sync_group, tf.float32), [1, 1])
            head.update_metrics(metrics, None, 90.0 * label - 45.0, label)

        mirrored_strategy.run(on_replica)

    step()
    step()
    result = {key: float(metric.result()) for key, metric in metrics.items()}
    assert result["label/mean"] == 0.5
    assert result["accuracy"] == 1.0
    assert result["auc"] == pytest.approx(1.0)
    assert result["accuracy_baseline"] == 0.5


def test_export_signatures():
    spec = BinaryClassHead().create_estimator_spec({}, ModeKeys.PREDICT, tf.constant(TWO))
    outputs = spec.export_outputs
    assert list(outputs) == ["serving_default", "classification", "regression", "predict"]
    assert isinstance(outputs["serving_default"], ClassificationOutput)
    assert outputs["classification"].scores is spec.predictions["probabilities"]
    assert outputs["classification"].classes is spec.predictions["all_classes"]
    assert isinstance(outputs["regression"], RegressionOutput)
    assert outputs["regression"].value is spec.predictions["logistic"]
    assert isinstance(outputs["predict"], PredictOutput)
    assert list(outputs["predict"].outputs) == list(spec.predictions)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"thresholds": [1.0]}, ValueError, r"thresholds not in \(0, 1\): \(1.0,\)"),
        ({"label_vocabulary": "ab"}, ValueError, "should be a list or a tuple.*'str'"),
        ({"label_vocabulary": ["a", "b", "c"]}, ValueError, "n_classes=2, given 3"),
        ({"label_vocabulary": ["a", "a"]}, ValueError, "'a' twice"),
        ({"label_vocabulary": [0, 1]}, ValueError, "must hold strings, got 0"),
        ({"loss_reduction": "none"}, ValueError, "Invalid loss_reduction: none"),
        ({"loss_fn": lambda logits: logits}, ValueError, "must contain argument: labels"),
        ({"loss_fn": lambda labels, logits, x: x}, ValueError, r"unexpected args: \['x'\]"),
        ({"weight_column": 3}, TypeError, "either a string or a numeric_column, got int"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        BinaryClassHead(**arguments)


def test_unknown_prediction_key():
    with pytest.raises(ValueError, match=r"must be in PredictionKeys, given: 'bogus'"):
        BinaryClassHead().predictions([[1.0]], keys=["bogus"])
    assert list(BinaryClassHead().predictions([[1.0]], keys=["classes"])) == ["classes"]
