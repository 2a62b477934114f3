"""What an `input_fn` may take and return, and where its features are preprocessed."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from estimators import Estimator, EstimatorSpec, ModeKeys, RunConfig
from estimators.inputs import numpy_input_fn
from estimators.pipeline import (
    Pipeline,
    WeightedLabels,
    element_spec,
    is_empty,
    is_infinite,
    split,
)

X, Y = {"x": tf.constant([[1.0], [2.0]])}, tf.constant([3.0, 4.0])
ROWS = tf.data.Dataset.from_tensors((X, Y))
NOT_TWO = r"should return \(features, labels\) as a len 2 tuple"


@pytest.fixture
def pipeline():
    return Pipeline({"size": 2}, RunConfig())


def batches(dataset):
    return list(dataset.as_numpy_iterator())


def test_arguments_are_given_by_name(pipeline):
    seen = {}

    def input_fn(mode, params, config, input_context, other=5):
        seen.update(mode=mode, params=params, config=config, context=input_context, other=other)
        return ROWS

    context = tf.distribute.InputContext()
    pipeline.dataset(input_fn, ModeKeys.EVAL, context)
    assert seen == {
        "mode": ModeKeys.EVAL,
        "params": {"size": 2},
        "config": pipeline.config,
        "context": context,
        "other": 5,
    }


@pytest.mark.parametrize(
    "input_fn",
    [
        lambda: ROWS,
        lambda params: ROWS,
        lambda **anything: ROWS,
        functools.partial(lambda files, mode: ROWS, "a.csv"),
        functools.partial(lambda mode, files: ROWS, files="a.csv"),
    ],
)
def test_callables(pipeline, input_fn):
    ((features, labels),) = batches(pipeline.dataset(input_fn, ModeKeys.TRAIN))
    assert features["x"].tolist() == [[1.0], [2.0]]
    assert labels.tolist() == [3.0, 4.0]


def test_an_argument_that_nobody_gives(pipeline):
    with pytest.raises(ValueError, match=r"arguments that nobody gives: \['batch_size'\]"):
        pipeline.dataset(lambda batch_size: ROWS, ModeKeys.TRAIN)


def test_no_function(pipeline):
    with pytest.raises(TypeError, match="`input_fn` must be callable"):
        pipeline.dataset(ROWS, ModeKeys.TRAIN)


@pytest.mark.parametrize(
    ("data", "has_labels"),
    [
        (ROWS, True),
        (ROWS.map(lambda features, labels: features), False),
        (ROWS.map(lambda features, labels: (features,)), False),
        (ROWS.map(lambda features, labels: (features, {"y": labels})), True),
        ((X, Y), True),
        ([X, Y], True),
        ((X, None), False),
        (X, False),
        (X["x"], False),
    ],
)
def test_what_comes_out(pipeline, data, has_labels):
    dataset = pipeline.dataset(lambda: data, ModeKeys.TRAIN)
    features, labels = split(next(iter(dataset)))
    tf.nest.map_structure(np.testing.assert_array_equal, tf.nest.flatten(features), [X["x"]])
    assert (labels is not None) == has_labels
    features_spec, labels_spec = element_spec(dataset)
    assert (labels_spec is not None) == has_labels
    predicted = pipeline.dataset(lambda: data, ModeKeys.PREDICT)
    assert element_spec(predicted) == (features_spec, None)


def test_a_third_part_is_weights(pipeline):
    data = ROWS.map(lambda features, labels: (features, labels, 2.0 * tf.ones([2])))
    _, labels = next(iter(pipeline.dataset(lambda: data, ModeKeys.TRAIN)))
    assert isinstance(labels, WeightedLabels)
    assert labels.sample_weight.numpy().tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "`input_fn` returned None"),
        ((X, Y, Y), r"should return \(features, labels\) as a len 2 tuple"),
        (
            ROWS.map(lambda f, y: (f, y, y, y)),
            r"should return \(features, labels\) as a len 2 tuple",
        ),
    ],
)
def test_what_is_no_data(pipeline, data, message):
    with pytest.raises(ValueError, match=message):
        pipeline.dataset(lambda: data, ModeKeys.TRAIN)


def test_tensors_stand_for_themselves_at_every_step(line, record):
    # As in a graph: the same batch for ever. rate 0.1, x = y = 2: the loss only shrinks.
    seen = record()
    data = {"x": tf.constant([[2.0]])}, tf.constant([[2.0]])
    line.estimator().train(lambda: data, hooks=[seen], steps=3)
    w, b, losses = 2.0, 0.5, []
    for _ in range(3):
        error = w * 2 + b - 2
        losses.append(error**2)
        w, b = w - 0.1 * 4 * error, b - 0.1 * 2 * error
    assert seen.losses == pytest.approx(losses)


def test_old_iterators_give_a_batch_at_every_step(line, record):
    seen = record()

    def input_fn():
        return tf.compat.v1.data.make_one_shot_iterator(line.data()).get_next()

    line.estimator().train(input_fn, hooks=[seen])
    assert seen.losses == pytest.approx([4.25, 1.15**2])


def test_known_sizes():
    assert is_infinite(ROWS.repeat())
    assert not is_infinite(ROWS)
    assert not is_infinite(ROWS.filter(lambda *_: True))
    assert is_empty(ROWS.take(0))
    assert not is_empty(ROWS.filter(lambda *_: False))


# preprocess_fn


class Doubling:
    """Doubles x; counts how often it is traced, and how many rows it sees."""

    def __init__(self, is_row_wise=False):
        self.is_row_wise = is_row_wise
        self.rows = tf.Variable(0)

    def __call__(self, features):
        self.rows.assign_add(tf.shape(features["x"])[0])
        return {"doubled": 2.0 * features["x"]}


def predict_fn(features, labels, mode):
    return EstimatorSpec(mode, predictions=features, loss=tf.reduce_sum(features["doubled"]))


def test_features_are_preprocessed_in_the_pipeline(line):
    estimator = Estimator(predict_fn, line.model_dir, preprocess_fn=Doubling())
    predictions = list(estimator.predict(line.data))
    assert [row["doubled"].item() for row in predictions] == [2.0, 4.0, 6.0]
    assert predictions[0].keys() == {"doubled"}
    assert estimator.evaluate(line.data)["loss"] == 6.0


@pytest.mark.parametrize(("is_row_wise", "rows_seen"), [(True, 3), (False, 12)])
def test_rows_in_memory_are_preprocessed_once(pipeline, is_row_wise, rows_seen):
    x = np.array([[1.0], [2.0], [3.0]], np.float32)
    input_fn = numpy_input_fn({"x": x}, batch_size=2, num_epochs=2, shuffle=False)
    preprocess = Doubling(is_row_wise)
    whole = Pipeline({}, RunConfig(), preprocess)
    for _ in range(2):
        values = [batch["doubled"] for (batch,) in batches(whole.dataset(input_fn, "train"))]
        assert np.concatenate(values).ravel().tolist() == [2.0, 4.0, 6.0] * 2
    assert preprocess.rows.numpy() == rows_seen


def test_labels_pass_through():
    whole = Pipeline({}, RunConfig(), Doubling())
    ((features, labels),) = batches(whole.dataset(lambda: ROWS, ModeKeys.TRAIN))
    assert features["doubled"].tolist() == [[2.0], [4.0]]
    assert labels.tolist() == [3.0, 4.0]


def test_a_shuffle_without_a_seed_follows_the_runs(line):
    def order(seed):
        def input_fn():
            return tf.data.Dataset.range(20).shuffle(20)

        dataset = Pipeline({}, RunConfig(tf_random_seed=seed)).dataset(input_fn, ModeKeys.TRAIN)
        return [int(value) for (value,) in batches(dataset)]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_weights_are_refused_where_model_fn_does_not_take_them():
    def model_fn(features, labels, mode):
        raise AssertionError("it is not called")

    data = ROWS.map(lambda features, labels: (features, labels, labels))
    with pytest.raises(ValueError, match="does not take `sample_weight`"):
        Estimator(model_fn).evaluate(lambda: data)
