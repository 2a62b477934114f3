"""MultiClassHead against the numbers of tf.estimator 2.15 and scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf

from estimators.export.outputs import ClassificationOutput
from estimators.heads import MultiClassHead
from estimators.spec import ModeKeys

LOGITS = [[2.0, 1.0, 0.1], [0.0, 0.0, 3.0], [0.3, 0.2, 0.1]]


def evaluated(head, logits, labels, features=None):
    metrics = head.metrics()
    head.update_metrics(metrics, features, tf.constant(logits), labels)
    return {key: float(metric.result()) for key, metric in metrics.items()}


def test_loss_and_accuracy_m1():
    head = MultiClassHead(3)
    logits, labels = [[10.0, 0.0, 0.0], [0.0, 10.0, 0.0]], [[1], [1]]
    assert float(head.loss(labels, logits)) == pytest.approx(5.0, rel=1e-4)
    with_regularization = head.loss(labels, logits, regularization_losses=[tf.constant(2.0)])
    assert float(with_regularization) == pytest.approx(7.0, rel=1e-4)
    assert evaluated(head, logits, labels)["accuracy"] == 0.5


def test_predictions_m2():
    predictions = MultiClassHead(3).predictions([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    a, b = 0.576117, 0.2119416
    np.testing.assert_allclose(predictions["probabilities"], [[a, b, b], [b, b, a]], rtol=1e-5)
    assert predictions["class_ids"].numpy().tolist() == [[0], [2]]
    assert predictions["classes"].numpy().tolist() == [[b"0"], [b"2"]]
    assert predictions["all_class_ids"].numpy().tolist() == [[0, 1, 2]] * 2
    assert predictions["all_classes"].numpy().tolist() == [[b"0", b"1", b"2"]] * 2
    assert predictions["class_ids"].dtype == tf.int64
    assert predictions["all_class_ids"].dtype == tf.int32


def test_unweighted_m3():
    head = MultiClassHead(3)
    assert float(head.loss([0, 1, 2], LOGITS)) == pytest.approx(1.5712986)
    result = evaluated(head, LOGITS, [0, 1, 2])
    assert result == pytest.approx({"average_loss": 1.5712986, "accuracy": 1 / 3}, rel=1e-5)


def test_weighted_m4():
    head = MultiClassHead(3, weight_column="w")
    features = {"w": [[1.0], [2.0], [3.0]]}
    assert float(head.loss([0, 1, 2], LOGITS, features)) == pytest.approx(3.4042346)
    result = evaluated(head, LOGITS, [0, 1, 2], features)
    assert result == pytest.approx({"average_loss": 1.702117, "accuracy": 1 / 6}, rel=1e-5)


def test_vocabulary_m5():
    head = MultiClassHead(3, label_vocabulary=["a", "b", "c"])
    assert float(head.loss([["a"], ["c"]], LOGITS[:2])) == pytest.approx(0.2559764)
    assert evaluated(head, LOGITS[:2], [["a"], ["c"]])["accuracy"] == 1.0
    with pytest.raises(ValueError, match=r"label_vocabulary, \['a', 'b', 'c'\].*'zz' in row 1"):
        head.loss([["a"], ["zz"]], LOGITS[:2])


def test_against_scikit_learn_over_batches():
    metrics_of = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(200, 4)).astype(np.float32)
    labels = rng.integers(0, 4, size=200)
    weights = rng.uniform(size=200).astype(np.float32)
    head = MultiClassHead(4, weight_column="w", name="h")
    metrics = head.metrics()
    for rows in np.split(np.arange(200), [70, 190]):
        head.update_metrics(metrics, {"w": weights[rows]}, logits[rows], labels[rows])
    p = tf.nn.softmax(logits.astype(np.float64)).numpy()
    expected = {
        "average_loss/h": metrics_of.log_loss(labels, p, sample_weight=weights),
        "accuracy/h": metrics_of.accuracy_score(labels, p.argmax(1), sample_weight=weights),
    }
    result = {key: float(metric.result()) for key, metric in metrics.items()}
    assert result == pytest.approx(expected, rel=1e-5)


def test_large_vocabulary_finds_every_word_and_only_those():
    words = [f"word {i}" for i in range(5000)]
    head = MultiClassHead(5000, label_vocabulary=words)
    some = [4999, 0, 17, 2500]

    @tf.function
    def best(labels):
        # The loss is 0 exactly where each label is found at its own id.
        return head.loss(labels, tf.one_hot(some, 5000) * 200.0)

    assert float(best(tf.constant([words[i] for i in some]))) == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="word 5000"):
        best(tf.constant(["word 1", "word 2", "word 5000", "word 3"]))


def test_export_signatures():
    spec = MultiClassHead(3).create_estimator_spec({}, ModeKeys.PREDICT, tf.constant(LOGITS))
    assert list(spec.export_outputs) == ["serving_default", "classification", "predict"]
    assert isinstance(spec.export_outputs["serving_default"], ClassificationOutput)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_classes": None}, "n_classes cannot be None"),
        ({"n_classes": 2}, "n_classes must be > 2: 2"),
        ({"n_classes": 3, "label_vocabulary": ["a"]}, '"label_vocabulary" does not have'),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        MultiClassHead(**arguments)


@pytest.mark.parametrize("labels", [[0.0, 1.0, 2.0], ["0", "1", "2"]])
def test_labels_must_be_integers_without_a_vocabulary(labels):
    with pytest.raises(ValueError, match="integer|label_vocabulary"):
        MultiClassHead(3).loss(labels, LOGITS)


def test_labels_must_be_strings_with_a_vocabulary():
    with pytest.raises(ValueError, match="dtype int32"):
        MultiClassHead(3, label_vocabulary=["a", "b", "c"]).loss([0, 1, 2], LOGITS)
