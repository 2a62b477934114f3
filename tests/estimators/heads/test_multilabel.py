"""MultiLabelHead against the numbers of tf.estimator 2.15, hand computation and scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf

from estimators.export.outputs import ClassificationOutput
from estimators.heads import MultiLabelHead
from estimators.spec import ModeKeys

TWO, TWO_LABELS = [[-1.0, 1.0], [-1.5, 1.5]], [[1, 0], [1, 1]]
FAR = [[-10.0, 10.0], [-15.0, 10.0]]
THREE, THREE_LABELS = [[1.0, -1.0, 0.5], [0.0, 2.0, -2.0]], [[1, 0, 1], [0, 1, 1]]
LISTS = [[0, 2], [1, 2]]
WORDS = ["a", "b", "c"]
NAMES = [["a", "c"], ["b", "c"]]


def evaluated(head, *batches):
    metrics = head.metrics()
    for logits, labels, features in batches:
        head.update_metrics(metrics, features, tf.constant(logits), labels)
    return {key: float(metric.result()) for key, metric in metrics.items()}


def sparse(lists):
    return tf.ragged.constant(lists).to_sparse()


def test_metrics_of_all_and_of_each_class_l1():
    head = MultiLabelHead(2, classes_for_class_based_metrics=[0, 1])
    assert float(head.loss(TWO_LABELS, TWO)) == pytest.approx(1.1323376)
    expected = {
        "average_loss": 1.1323376,
        "auc": 0.333333,
        "auc_precision_recall": 0.768951,
        "probability_mean/class0": 0.225683,
        "probability_mean/class1": 0.774317,
        "auc/class0": 0.0,
        "auc/class1": 1.0,
        "auc_precision_recall/class0": 1.0,
        "auc_precision_recall/class1": 1.0,
        # tf.estimator had none of these: both rows are answered "class 1", and one is.
        "precision/class0": 0.0,
        "recall/class0": 0.0,
        "f1/class0": 0.0,
        "precision/class1": 1 / 2,
        "recall/class1": 1.0,
        "f1/class1": 2 / 3,
    }
    found = evaluated(head, (TWO, TWO_LABELS, None))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_classes_may_be_chosen_by_name():
    head = MultiLabelHead(
        2, label_vocabulary=["no", "yes"], classes_for_class_based_metrics=["yes"], name="h"
    )
    found = evaluated(head, (TWO, TWO_LABELS, None))
    assert list(found) == [
        "average_loss/h",
        "auc/h",
        "auc_precision_recall/h",
        "probability_mean/yes/h",
        "auc/yes/h",
        "auc_precision_recall/yes/h",
        "precision/yes/h",
        "recall/yes/h",
        "f1/yes/h",
    ]
    assert found["probability_mean/yes/h"] == pytest.approx(0.774317, rel=1e-5)


def test_thresholds_l2():
    found = evaluated(MultiLabelHead(2, thresholds=[0.25, 0.5, 0.75]), (TWO, TWO_LABELS, None))
    for metric, expected in {
        "accuracy": (2 / 4, 1 / 4, 2 / 4),
        "precision": (2 / 3, 1 / 2, 1.0),
        "recall": (2 / 3, 1 / 3, 1 / 3),
    }.items():
        at = [found[f"{metric}/positive_threshold_{t:g}"] for t in (0.25, 0.5, 0.75)]
        assert at == pytest.approx(expected), metric


def test_weighted_l3():
    assert float(MultiLabelHead(2).loss(TWO_LABELS, FAR)) == pytest.approx(8.75, rel=1e-4)
    head, features = MultiLabelHead(2, weight_column="w"), {"w": [[1.0], [2.0]]}
    assert float(head.loss(TWO_LABELS, FAR, features)) == pytest.approx(12.5, rel=1e-4)
    in_all = MultiLabelHead(2, weight_column="w", loss_reduction="sum")
    assert float(in_all.loss(TWO_LABELS, FAR, features)) == pytest.approx(25.0, rel=1e-4)
    expected = {"average_loss": 8.3333, "auc": 0.2, "auc_precision_recall": 0.7280}
    found = evaluated(head, (FAR, TWO_LABELS, features))
    assert found == pytest.approx(expected, rel=1e-4)


FORMS = {
    "dense": (None, THREE_LABELS),
    "dense booleans": (None, np.array(THREE_LABELS, bool)),
    "dense floats": (None, np.array(THREE_LABELS, np.float32)),
    "dense with a vocabulary": (WORDS, THREE_LABELS),
    "sparse ids": (None, sparse(LISTS)),
    "sparse ids with a vocabulary": (WORDS, sparse(LISTS)),
    "sparse names": (WORDS, sparse(NAMES)),
    "ragged ids": (None, tf.ragged.constant(LISTS)),
    "ragged names": (WORDS, tf.ragged.constant(NAMES)),
    "a class listed twice": (None, tf.ragged.constant([[0, 2, 0], [1, 2]])),
    "a dict of one": (None, {"label": sparse(LISTS)}),
}


@pytest.mark.parametrize(("vocabulary", "labels"), FORMS.values(), ids=FORMS)
def test_forms_of_labels_l4(vocabulary, labels):
    head = MultiLabelHead(3, label_vocabulary=vocabulary, thresholds=[0.4, 0.6])
    assert float(head.loss(labels, THREE)) == pytest.approx(0.6746006)
    expected = {
        "average_loss": 0.6746006,
        "auc": 0.75,
        "auc_precision_recall": 0.908839,
        "accuracy/positive_threshold_0.4": 0.666667,
        "precision/positive_threshold_0.4": 0.75,
        "recall/positive_threshold_0.4": 0.75,
        "accuracy/positive_threshold_0.6": 0.833333,
        "precision/positive_threshold_0.6": 1.0,
        "recall/positive_threshold_0.6": 0.75,
    }
    assert evaluated(head, (THREE, labels, None)) == pytest.approx(expected, rel=1e-5)
    head.check_labels(labels)


def test_weighted_l5():
    head, features = MultiLabelHead(3, weight_column="w"), {"w": [1.0, 3.0]}
    assert float(head.loss(THREE_LABELS, THREE, features)) == pytest.approx(1.6569351)
    expected = {"average_loss": 0.828468, "auc": 0.625, "auc_precision_recall": 0.856159}
    found = evaluated(head, (THREE, THREE_LABELS, features))
    assert found == pytest.approx(expected, rel=1e-5)


def test_examples_without_classes_and_more_leading_dimensions():
    head = MultiLabelHead(2)
    labels = sparse([[[0], []], [[0, 1], [1]]])
    dense = [[[1, 0], [0, 0]], [[1, 1], [0, 1]]]
    logits = tf.reshape(tf.range(8.0), [2, 2, 2]) - 4.0
    assert float(head.loss(labels, logits)) == float(head.loss(dense, logits))
    assert float(head.loss(tf.ragged.constant([[], [1]], tf.int64), TWO)) == pytest.approx(
        float(head.loss([[0, 0], [0, 1]], TWO))
    )


def test_gradient_is_that_of_the_formula():
    logits = tf.constant(THREE)
    head = MultiLabelHead(3, weight_column="w")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = head.loss(THREE_LABELS, logits, {"w": [1.0, 3.0]})
    p = 1.0 / (1.0 + np.exp(-np.array(THREE)))
    expected = (p - THREE_LABELS) * np.array([[1.0], [3.0]]) / 3 / 2  # mean over classes, rows
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-5)


def test_weighted_metrics_of_a_compiled_loop_against_scikit_learn():
    metrics_of = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(9)
    logits = rng.normal(size=(300, 3)).astype(np.float32)
    labels = (logits + rng.normal(size=(300, 3)) > [0.0, 0.5, 1.0]).astype(np.int64)
    weights = rng.uniform(0.1, 2.0, 300).astype(np.float32)
    head = MultiLabelHead(
        3, weight_column="w", thresholds=[0.4], classes_for_class_based_metrics=[2]
    )
    metrics = head.metrics()
    lists = tf.ragged.constant([np.flatnonzero(row).tolist() for row in labels], tf.int64)
    data = tf.data.Dataset.from_tensor_slices(({"w": weights}, logits, lists)).batch(128)

    @tf.function
    def evaluate():
        for features, batch_logits, batch_labels in data:
            head.update_metrics(metrics, features, batch_logits, batch_labels)

    evaluate()
    found = {key: float(metric.result()) for key, metric in metrics.items()}
    p = 1.0 / (1.0 + np.exp(-logits.astype(float)))
    y, q, w = labels.ravel(), p.ravel(), np.repeat(weights, 3)
    at = {"sample_weight": w}
    expected = {
        "average_loss": metrics_of.log_loss(y, q, **at),  # of three equal weights in each row
        "accuracy/positive_threshold_0.4": metrics_of.accuracy_score(y, q > 0.4, **at),
        "precision/positive_threshold_0.4": metrics_of.precision_score(y, q > 0.4, **at),
        "recall/positive_threshold_0.4": metrics_of.recall_score(y, q > 0.4, **at),
        "probability_mean/class2": np.average(p[:, 2], weights=weights),
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=1e-4)
    # 200 thresholds approximate the curves that scikit-learn follows exactly.
    for suffix, (truth, score, weight) in {
        "": (y, q, w),
        "/class2": (labels[:, 2], p[:, 2], weights),
    }.items():
        roc = metrics_of.roc_auc_score(truth, score, sample_weight=weight)
        pr = metrics_of.average_precision_score(truth, score, sample_weight=weight)
        assert found[f"auc{suffix}"] == pytest.approx(roc, abs=2e-3)
        assert found[f"auc_precision_recall{suffix}"] == pytest.approx(pr, abs=1e-2)


@pytest.mark.parametrize(
    ("vocabulary", "classes"), [(None, [b"0", b"1", b"2"]), (WORDS, [b"a", b"b", b"c"])]
)
def test_predictions(vocabulary, classes):
    predictions = MultiLabelHead(3, label_vocabulary=vocabulary).predictions(THREE)
    assert list(predictions) == ["logits", "probabilities", "classes"]
    expected = 1.0 / (1.0 + np.exp(-np.array(THREE)))
    np.testing.assert_allclose(predictions["probabilities"], expected, rtol=1e-6)
    assert predictions["classes"].numpy().tolist() == [classes] * 2


def test_loss_fn_gets_the_indicator():
    def loss_fn(labels, logits):
        return tf.reduce_max(tf.abs(labels - logits), axis=-1, keepdims=True)

    head = MultiLabelHead(3, loss_fn=loss_fn)
    assert float(head.loss(sparse(LISTS), THREE)) == pytest.approx((1.0 + 3.0) / 2)


def test_export_signatures():
    spec = MultiLabelHead(3).create_estimator_spec({}, ModeKeys.PREDICT, tf.constant(THREE))
    outputs = spec.export_outputs
    assert list(outputs) == ["serving_default", "classification", "predict"]
    assert isinstance(outputs["serving_default"], ClassificationOutput)
    assert outputs["classification"].scores is spec.predictions["probabilities"]
    assert list(outputs["predict"].outputs) == list(spec.predictions)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_classes": 1}, "n_classes must be > 1 for multi-label classification. Given: 1"),
        ({"n_classes": None}, "Given: None"),
        ({"n_classes": 2, "thresholds": [1.0]}, r"thresholds not in \(0, 1\): \(1.0,\)"),
        ({"n_classes": 2, "label_vocabulary": ["a"]}, '"label_vocabulary" does not have'),
        ({"n_classes": 2, "loss_reduction": "none"}, "Invalid loss_reduction: none"),
        (
            {"n_classes": 2, "classes_for_class_based_metrics": [5]},
            r"All classes_for_class_based_metrics must be in range \[0, 1\]. Given: 5",
        ),
        (
            {"n_classes": 2, "classes_for_class_based_metrics": ["a"]},
            "label_vocabulary must be provided when",
        ),
        (
            {
                "n_classes": 2,
                "label_vocabulary": ["a", "b"],
                "classes_for_class_based_metrics": ["z"],
            },
            "must be in label_vocabulary.*'z'",
        ),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        MultiLabelHead(**arguments)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([[0, 1, 2], [0, 0, 1]], r"integer indicator.*values in \[0, 1\].*2 in row 0"),
        ([["a"], ["b"]], "dense tensor of strings|shape"),
        ([[0, 1], [1, 1]], r"labels must have shape \[batch, ..., 3\]"),
        (sparse([[0, 1], [1, 3]]), r"values in \[0, 3\).*3 in row 1"),
        (sparse([[], [2], [-1]]), r"values in \[0, 3\).*-1 in row 2"),
        (sparse([[0.0], [1.0]]), "Got dtype float32"),
        (sparse([["a"], ["b"]]), "strings if and only if the head has a label_vocabulary"),
        (sparse([[0], [1], [2]]), "leading dimensions"),
        (None, "You must provide a labels Tensor. Given: None"),
    ],
)
def test_wrong_labels(labels, words):
    with pytest.raises(ValueError, match=words):
        MultiLabelHead(3).loss(labels, THREE)


def test_an_unknown_name_is_reported_with_its_row():
    head = MultiLabelHead(3, label_vocabulary=WORDS, name="tags")
    with pytest.raises(ValueError, match="'tags'.*label_vocabulary.*'zz' in row 1"):
        head.check_labels(sparse([["a", "b"], ["c", "zz"]]))


def test_wrong_ids_stop_a_compiled_step():
    head = MultiLabelHead(3)
    step = tf.function(lambda labels: head.loss(labels, tf.constant(THREE)))
    assert float(step(sparse(LISTS))) == pytest.approx(0.6746006)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"values in \[0, 3\)"):
        step(sparse([[0], [7]]))
