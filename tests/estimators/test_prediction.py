"""`Estimator.predict`: laziness, keys, rows and batches, and which values it predicts with."""

from __future__ import annotations

import os

import pytest
import tensorflow as tf

from estimators import EstimatorSpec, Hook


def predicting(predictions):
    """Returns a model_fn of predictions made by a function of x."""

    def model_fn(features, labels, mode):
        assert labels is None
        return EstimatorSpec(mode, predictions=predictions(features["x"]))

    return model_fn


def rows(predictions):
    return [row["y"].item() for row in predictions]


def test_one_dict_for_each_row(line):
    predictions = list(line.estimator().predict(line.data))
    assert rows(predictions) == [2.5, 4.5, 6.5]  # O8
    assert [row["y"].shape for row in predictions] == [(1,)] * 3


def test_nothing_happens_before_the_first_is_asked_for(line):
    called = []

    def data():
        called.append(1)
        return line.data()

    predictions = line.estimator().predict(data, hooks=[3])
    assert called == []
    with pytest.raises(TypeError, match="Hooks must be"):
        next(predictions)
    with pytest.raises(ValueError, match="Expected to run at least one output"):
        next(line.estimator().predict(data, predict_keys=["unknown"]))
    assert called == [1]


def test_batches(line):
    batches = list(line.estimator().predict(line.data, yield_single_examples=False))
    assert [batch["y"].tolist() for batch in batches] == [[[2.5], [4.5]], [[6.5]]]


def test_labels_are_dropped_and_features_may_come_alone(line):
    estimator = line.estimator(predicting(lambda x: {"y": x}))
    assert rows(estimator.predict(line.data)) == [1, 2, 3]
    assert rows(estimator.predict(lambda: line.data().map(lambda f, y: f))) == [1, 2, 3]


def test_a_tensor_predicts_for_ever(line):
    predictions = line.estimator().predict(lambda: {"x": tf.constant([[1.0], [2.0]])})
    assert rows(next(predictions) for _ in range(5)) == [2.5, 4.5, 2.5, 4.5, 2.5]


def test_keys(line):
    estimator = line.estimator(predicting(lambda x: {"a": x, "b": x + 1, "c": x + 2}))
    (first, *_) = estimator.predict(line.data, predict_keys=["c", "a", "unknown"])
    assert first == {"a": [1.0], "c": [3.0]}
    (first, *_) = estimator.predict(line.data, predict_keys="b")
    assert first == {"b": [2.0]}
    with pytest.raises(ValueError, match=r"Expected to run at least one output from .*'a', 'b'"):
        next(estimator.predict(line.data, predict_keys=["unknown"]))


def test_predictions_that_are_no_dict(line):
    estimator = line.estimator(predicting(lambda x: x * 2))
    assert [row.item() for row in estimator.predict(line.data)] == [2, 4, 6]
    with pytest.raises(ValueError, match="predict_keys argument is not valid"):
        next(estimator.predict(line.data, predict_keys=["y"]))


@pytest.mark.parametrize("other", [lambda x: tf.constant([1.0]), tf.reduce_sum])
def test_predictions_that_are_not_one_per_row(line, other):
    estimator = line.estimator(predicting(lambda x: {"y": x, "z": other(x)}))
    with pytest.raises(ValueError, match="z has different batch length than others"):
        next(estimator.predict(line.data))
    (first, *_) = estimator.predict(line.data, yield_single_examples=False)
    assert first["y"].tolist() == [[1], [2]]


def test_the_newest_checkpoint_or_the_given_one(line):
    estimator = line.estimator(save_checkpoints_steps=1).train(line.data)
    assert rows(estimator.predict(line.data)) == pytest.approx([0.53, 1.19, 1.85], abs=1e-6)
    fresh = os.path.join(line.model_dir, "model.ckpt-0")
    assert rows(estimator.predict(line.data, checkpoint_path=fresh)) == [2.5, 4.5, 6.5]


def test_training_between_two_batches_does_not_mix_values(line):
    estimator = line.estimator(save_checkpoints_steps=100).train(line.endless, steps=1)
    predictions = estimator.predict(line.data)
    first = [next(predictions)["y"].item() for _ in range(2)]
    estimator.train(line.endless, steps=3)
    assert [*first, *rows(predictions)] == rows(
        estimator.predict(line.data, checkpoint_path=line.model_dir + "/model.ckpt-1")
    )


def test_hooks_count_batches(line, record):
    seen, of_body = record(fetches=["y"]), record()

    def model_fn(features, labels, mode):
        y = tf.identity(features["x"], name="y")
        return EstimatorSpec(mode, predictions={"y": y}, prediction_hooks=[of_body])

    list(line.estimator(model_fn).predict(line.data, hooks=[seen]))
    assert seen.calls == [("begin", 0), ("after", 1), ("after", 2), ("end", 2)]
    assert [values[0].tolist() for values in seen.fetched] == [[[1], [2]], [[3]]]
    assert of_body.steps == [1, 2]


def test_a_hook_may_stop_it(line):
    class Stop(Hook):
        def due(self, step):
            return step + 1

        def after(self, run, outputs):
            run.request_stop("enough")

    assert rows(line.estimator().predict(line.data, hooks=[Stop()])) == [2.5, 4.5]


def test_a_second_prediction_traces_nothing(line):
    estimator = line.estimator()
    for _ in range(2):
        list(estimator.predict(line.data))
    (function,) = estimator._model._loops.values()
    assert function.traces == 1


def test_ragged_predictions(line):
    def repeated(x):
        count = tf.cast(x[:, 0], tf.int32)
        return {"y": tf.RaggedTensor.from_row_lengths(tf.repeat(x[:, 0], count), count)}

    predictions = line.estimator(predicting(repeated)).predict(line.data)
    assert [row["y"].tolist() for row in predictions] == [[1], [2, 2], [3, 3, 3]]
