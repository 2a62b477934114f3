"""What heads tell a solver that knows their loss itself."""

from __future__ import annotations

import pytest
import tensorflow as tf

from estimators.heads import BinaryClassHead, RegressionHead


def test_targets_of_names_and_weights():
    head = BinaryClassHead(label_vocabulary=["no", "yes"], weight_column="w")
    features = {"w": tf.constant([2.0, 3.0])}
    labels, weights = head.targets(tf.constant(["yes", "no"]), tf.zeros([2, 1]), features)
    assert labels.numpy().tolist() == [[1.0], [0.0]]
    assert weights.numpy().tolist() == [[2.0], [3.0]]


def test_targets_without_weights():
    labels, weights = RegressionHead().targets(tf.constant([5, 6]), tf.zeros([2, 1]))
    assert labels.numpy().tolist() == [[5.0], [6.0]]
    assert weights.numpy().tolist() == [[1.0], [1.0]]


def test_no_targets_of_a_loss_that_nobody_knows():
    head = RegressionHead(loss_fn=lambda labels, logits: tf.abs(labels - logits))
    with pytest.raises(ValueError, match="a solver with a loss of its own takes no loss_fn"):
        head.targets(tf.constant([1.0]), tf.zeros([1, 1]))


def test_targets_are_checked():
    with pytest.raises(ValueError, match=r"labels must be in \[0, 1\]"):
        BinaryClassHead().targets(tf.constant([2]), tf.zeros([1, 1]))
