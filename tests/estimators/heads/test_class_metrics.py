"""Precision, recall and F1 of each class, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import precision_recall_fscore_support

from estimators.heads import BinaryClassHead, MultiClassHead, MultiLabelHead

SIZES = (16, 16, 5)  # The last batch is short.
ROWS = sum(SIZES)
METRICS = ("precision", "recall", "f1")


def evaluated(head, logits, labels, weights=None):
    """Metrics of the rows in several batches, by key."""
    metrics = head.metrics()
    for rows in np.split(np.arange(ROWS), np.cumsum(SIZES)[:-1]):
        features = {} if weights is None else {"weight": weights[rows]}
        head.update_metrics(metrics, features, logits[rows], labels[rows])
    return {key: float(metric.result()) for key, metric in metrics.items()}


def assert_as_scikit_learn(found, ends, labels, answers, weights, classes):
    expected = precision_recall_fscore_support(
        labels, answers, labels=classes, sample_weight=weights, zero_division=0.0
    )
    for name, values in zip(METRICS, expected, strict=False):
        of_each = [found[f"{name}/{end}"] for end in ends]
        np.testing.assert_allclose(of_each, values, rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.fixture(params=[False, True], ids=["unweighted", "weighted"])
def weights(request):
    if not request.param:
        return None
    drawn = np.random.default_rng(1).uniform(0.0, 3.0, ROWS).astype(np.float32)
    drawn[::7] = 0.0
    return drawn


def weight_column(weights):
    return None if weights is None else "weight"


@pytest.mark.parametrize("seed", range(3))
def test_classes_one_of_which_is_right(seed, weights):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(ROWS, 5)).astype(np.float32)
    labels = np.where(random.random(ROWS) < 0.5, logits.argmax(axis=1), random.integers(0, 5, ROWS))
    labels = np.where(labels == 1, 0, labels)  # Class 1 is never right,
    logits[:, 3] = -9.0  # class 3 never answered,
    labels, logits[:, 4] = np.where(labels == 4, 2, labels), -9.0  # and class 4 neither.
    head = MultiClassHead(5, weight_column(weights), classes_for_class_based_metrics=range(5))
    found = evaluated(head, logits, labels, weights)
    ends = [f"class{i}" for i in range(5)]
    assert_as_scikit_learn(found, ends, labels, logits.argmax(axis=1), weights, range(5))
    assert [found[f"f1/class{i}"] for i in (1, 3, 4)] == [0.0] * 3
    assert found["f1/class0"] > 0.0


@pytest.mark.parametrize("seed", range(3))
def test_classes_several_of_which_are_right(seed, weights):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(ROWS, 4)).astype(np.float32)
    labels = (logits + random.normal(size=logits.shape) > 0.3).astype(np.int64)
    labels[:, 1], logits[:, 3] = 0, -9.0
    head = MultiLabelHead(4, weight_column(weights), classes_for_class_based_metrics=range(4))
    found = evaluated(head, logits, labels, weights)
    ends = [f"class{i}" for i in range(4)]
    assert_as_scikit_learn(found, ends, labels, logits > 0.0, weights, range(4))


@pytest.mark.parametrize("seed", range(3))
def test_two_classes(seed, weights):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(ROWS, 1)).astype(np.float32)
    labels = (logits[:, 0] + random.normal(size=ROWS) > 0.5).astype(np.int64)
    head = BinaryClassHead(weight_column(weights), classes_for_class_based_metrics=[0, 1])
    found = evaluated(head, logits, labels, weights)
    ends = ["class0", "class1"]
    assert_as_scikit_learn(found, ends, labels, logits[:, 0] > 0.0, weights, [0, 1])
    assert found["precision/class1"] == found["precision"]
    assert found["recall/class1"] == found["recall"]


def test_a_share_counts_as_the_second_of_two_classes():
    head = BinaryClassHead(classes_for_class_based_metrics=[1, 0])
    metrics = head.update_metrics(head.metrics(), None, [[1.0], [-1.0]], [[0.8], [0.0]])
    assert float(metrics["f1/class1"].result()) == 1.0
    assert float(metrics["f1/class0"].result()) == 1.0


def test_names_of_classes_and_of_the_head():
    words = ["a", "b", "c"]
    head = MultiClassHead(
        3, label_vocabulary=words, name="h", classes_for_class_based_metrics=["c", 0]
    )
    assert list(head.metrics()) == [
        "average_loss/h",
        "accuracy/h",
        "precision/c/h",
        "recall/c/h",
        "f1/c/h",
        "precision/class0/h",
        "recall/class0/h",
        "f1/class0/h",
    ]
    logits = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    metrics = head.update_metrics(head.metrics(), None, logits, tf.constant(["c", "b", "a"]))
    assert float(metrics["f1/c/h"].result()) == pytest.approx(2 / 3)
    assert float(metrics["f1/class0/h"].result()) == 1.0


@pytest.mark.parametrize(
    ("make", "chosen", "message"),
    [
        (lambda c: MultiClassHead(3, classes_for_class_based_metrics=c), [3], "range .0, 2.* 3"),
        (lambda c: MultiClassHead(3, classes_for_class_based_metrics=c), [0.5], "range .* 0.5"),
        (lambda c: MultiClassHead(3, classes_for_class_based_metrics=c), ["a"], "vocabulary must"),
        (lambda c: BinaryClassHead(classes_for_class_based_metrics=c), [-1], "range .0, 1.* -1"),
        (
            lambda c: BinaryClassHead(
                label_vocabulary=["no", "yes"], classes_for_class_based_metrics=c
            ),
            ["maybe"],
            r"must be in label_vocabulary \['no', 'yes'\]. Given: 'maybe'",
        ),
    ],
)
def test_unknown_classes(make, chosen, message):
    with pytest.raises(ValueError, match=message):
        make(chosen)
