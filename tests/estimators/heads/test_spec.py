"""What `create_estimator_spec` asks for and answers, for every head."""

import keras
import pytest
import tensorflow as tf

from estimators.heads import (
    BinaryClassHead,
    LogisticRegressionHead,
    MultiClassHead,
    MultiLabelHead,
    PoissonRegressionHead,
    RegressionHead,
)
from estimators.optimizers import Group, Minimize
from estimators.spec import ModeKeys

HEADS = [
    BinaryClassHead(),
    LogisticRegressionHead(),
    MultiClassHead(3),
    MultiLabelHead(3),
    PoissonRegressionHead(),
    RegressionHead(),
]
every_head = pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)


def batch(head):
    labels = [[1, 0, 1], [0, 0, 1]] if isinstance(head, MultiLabelHead) else [1, 0]
    return tf.zeros([2, head.logits_dimension]), tf.constant(labels)


def spec_of(head, mode, **arguments):
    logits, labels = batch(head)
    return head.create_estimator_spec({}, mode, logits, labels=labels, **arguments)


@every_head
def test_train_describes_the_minimization(head):
    variable = tf.Variable(1.0)
    spec = spec_of(
        head,
        ModeKeys.TRAIN,
        optimizer=keras.optimizers.SGD(0.5),
        trainable_variables=[variable],
        regularization_losses=[tf.constant(2.0)],
    )
    assert isinstance(spec.train_op, Minimize)
    assert spec.train_op.variables == (variable,)
    assert float(spec.train_op.loss) == float(spec.loss)
    assert float(spec.loss) == pytest.approx(float(spec_of(head, ModeKeys.EVAL).loss) + 2.0)
    assert list(spec.predictions) == list(head.predictions(batch(head)[0]))


@every_head
def test_train_op_fn_gets_the_loss(head):
    spec = spec_of(head, ModeKeys.TRAIN, train_op_fn=lambda loss: loss * 2.0)
    assert float(spec.train_op) == pytest.approx(2.0 * float(spec.loss))


def test_update_ops_belong_to_the_train_op():
    def update():
        return None

    spec = spec_of(HEADS[0], ModeKeys.TRAIN, train_op_fn=lambda loss: loss, update_ops=[update])
    assert isinstance(spec.train_op, Group)
    assert spec.train_op.train_ops == (spec.train_op.train_ops[0], update)


@every_head
def test_eval_has_updated_metrics(head):
    spec = spec_of(head, ModeKeys.EVAL, regularization_losses=[tf.constant(2.0)])
    assert set(spec.eval_metric_ops) == set(head.metrics([tf.constant(2.0)]))
    assert float(spec.eval_metric_ops["regularization_loss"].result()) == 2.0
    average = float(spec.eval_metric_ops["average_loss"].result())
    assert average == pytest.approx(float(spec.loss) - 2.0)
    assert spec.train_op is None


@every_head
def test_predict_needs_no_labels(head):
    logits, _ = batch(head)
    spec = head.create_estimator_spec({}, ModeKeys.PREDICT, logits)
    assert spec.loss is None
    assert "serving_default" in spec.export_outputs


@every_head
def test_traced_with_unknown_batch_size(head):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, head.logits_dimension]),
            tf.TensorSpec([None, *batch(head)[1].shape[1:]], tf.int64),
        ]
    )
    def loss_and_shapes(logits, labels):
        for key, value in head.predictions(logits).items():
            assert value.shape.rank == 2, key
            assert value.shape[0] is None, key
            assert value.shape[1] is not None, key
        return head.loss(labels, logits)

    logits, labels = batch(head)
    expected = float(head.loss(labels, logits))
    assert float(loss_and_shapes(logits, tf.cast(labels, tf.int64))) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "cannot both be None"),
        ({"optimizer": "SGD", "train_op_fn": lambda loss: loss}, "cannot both be set"),
        ({"optimizer": "SGD"}, "trainable_variables cannot be None"),
        ({"optimizer": "SGD", "trainable_variables": {}}, "should be a list or a tuple, got dict"),
        ({"train_op_fn": lambda loss: loss, "update_ops": 3}, "must be a list, got int"),
    ],
)
def test_wrong_train_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        spec_of(HEADS[0], ModeKeys.TRAIN, **arguments)


def test_unknown_mode():
    with pytest.raises(ValueError, match="`mode` must be one of .* got 'predict'"):
        spec_of(HEADS[0], "predict")
