"""Export outputs: what they accept, and the keys TensorFlow Serving reads."""

import dataclasses

import pytest
import tensorflow as tf

from estimators.export.outputs import ClassificationOutput, PredictOutput, RegressionOutput


def scores():
    return tf.constant([[0.25, 0.75]])


def names():
    return tf.constant([["no", "yes"]])


def test_signatures():
    some_scores, some_names = scores(), names()
    assert ClassificationOutput(some_scores, some_names).signature() == (
        "tensorflow/serving/classify",
        {"classes": some_names, "scores": some_scores},
    )
    assert ClassificationOutput(classes=some_names).signature()[1] == {"classes": some_names}
    assert RegressionOutput(some_scores).signature() == (
        "tensorflow/serving/regress",
        {"outputs": some_scores},
    )
    assert PredictOutput({"a": some_scores, ("head", "b"): some_names}).signature() == (
        "tensorflow/serving/predict",
        {"a": some_scores, "head/b": some_names},
    )
    assert PredictOutput(some_scores).signature()[1] == {"output": some_scores}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (ClassificationOutput, "needs `scores`, `classes` or both"),
        (lambda: ClassificationOutput(scores=names()), "`scores` must be a float Tensor.*string"),
        (lambda: ClassificationOutput(classes=scores()), "`classes` must be a string Tensor"),
        (lambda: RegressionOutput(tf.constant([1])), "must be a float Tensor, got dtype int32"),
        (lambda: RegressionOutput(1.0), "got float: 1.0"),
        (lambda: PredictOutput({}), "at least one tensor"),
        (lambda: PredictOutput({1: scores()}), "must be strings or tuples of strings, got 1"),
        (lambda: PredictOutput({"a": 1.0}), r"outputs\['a'\]` must be a Tensor"),
    ],
)
def test_wrong_values(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_outputs_are_frozen():
    output = RegressionOutput(scores())
    with pytest.raises(dataclasses.FrozenInstanceError):
        output.value = names()
