"""The scope of a body: what it sets aside, and that everything is put back."""

from __future__ import annotations

import random
import threading

import keras
import pytest
import tensorflow as tf

from estimators import tracing
from estimators.variables import GLOBAL_STEP

v1 = tf.compat.v1


@pytest.fixture
def step():
    return tf.Variable(0, dtype=tf.int64, name=GLOBAL_STEP)


def test_keras_starts_afresh_and_is_put_back():
    keras.backend.clear_session()
    assert keras.layers.Dense(1).name == "dense"
    for _ in range(2):
        with tracing.KerasScope().entered():
            assert keras.layers.Dense(1).name == "dense"
    assert keras.layers.Dense(1).name == "dense_1"


def test_settings_of_keras_reach_another_thread():
    names = []

    def build():
        with scope.entered():
            names.append(keras.layers.Dense(1).compute_dtype)

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        scope = tracing.KerasScope()
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
    finally:
        keras.config.set_dtype_policy(before)
    assert names == ["bfloat16"]


def test_keras_is_put_back_after_an_error():
    name = keras.layers.Dense(1).name
    scope = tracing.KerasScope()
    with pytest.raises(RuntimeError), scope.entered():
        raise RuntimeError
    assert keras.layers.Dense(1).name != name


def test_collections_are_fresh(step):
    key = v1.GraphKeys.TRAINABLE_VARIABLES
    with tf.Graph().as_default() as graph:
        v1.add_to_collection(key, "from before")
        with tracing.fresh_collections(step) as inside:
            assert inside is graph
            assert v1.get_collection(key) == []
            assert v1.train.get_global_step() is step
            v1.add_to_collection(key, "inside")
        assert v1.get_collection(key) == ["from before"]


def drawn():
    """Seeds and values that TensorFlow, Keras and Python draw by themselves."""
    layer = keras.initializers.RandomNormal()((2,))
    op = tf.random.normal([2])
    return [*layer.numpy().tolist(), *op.numpy().tolist(), random.random()]


def test_seeds_repeat_inside_and_leave_no_trace():
    random.seed(5)
    tf.random.set_seed(7)
    expected = [random.random(), tf.random.normal([]).numpy()]
    state = random.getstate()
    tf.random.set_seed(7)
    random.seed(5)
    runs = []
    for seed in (3, 3, 4):
        with tracing.seeded(seed):
            runs.append(drawn())
    assert runs[0] == runs[1]
    assert not set(runs[0]) & set(runs[2])
    assert [random.random(), tf.random.normal([]).numpy()] == expected
    assert random.getstate() == state


def test_no_seed_draws_from_the_process():
    random.seed(5)
    expected = random.random()
    random.seed(5)
    with tracing.seeded(None):
        assert random.random() == expected


def test_variable_path():
    with tf.Graph().as_default(), tf.name_scope("a"):
        assert tracing.variable_path({"name": "w", "initial_value": 0}) == "a/w"
        assert tracing.variable_path({"name": "a/w", "initial_value": 0}) == "a/w"
        assert tracing.variable_path({"initial_value": 0}) == "a/Variable"
        with tracing.root_name_scope():
            assert tracing.variable_path({"name": "w"}) == "w"


def test_evaluated():
    with tf.__internal__.FuncGraph("body").as_default():
        constant = tf.constant([1.0, 2.0])
        computed = tf.range(3.0)[::-1] ** 2 + tf.cast(tf.size(constant), tf.float32)
        placeholder = v1.placeholder(tf.float32, [])
        assert tracing.evaluated(constant).numpy().tolist() == [1.0, 2.0]
        assert tracing.evaluated(computed).numpy().tolist() == [6.0, 3.0, 2.0]
        with pytest.raises(ValueError, match="depends on the batch"):
            tracing.evaluated(placeholder + 1.0)


def test_metric_variables_are_told_apart():
    seen = {}

    def note(next_creator, **asked):
        seen[asked.get("name")] = tracing.is_metric_variable(asked)
        return next_creator(**asked)

    with tf.variable_creator_scope(note):
        keras.metrics.Mean()
        layer = keras.layers.Dense(1)
        layer.build([None, 1])
        tf.Variable(0.0, name="plain")
    of_metrics = [name for name, is_metric in seen.items() if is_metric]
    assert sorted(of_metrics) == ["count", "total"]
    assert {"kernel", "bias", "plain"} <= seen.keys()
    keys = v1.GraphKeys
    assert tracing.is_metric_variable({"collections": [keys.LOCAL_VARIABLES]})
    assert not tracing.is_metric_variable({"collections": [keys.GLOBAL_VARIABLES]})


def test_handles(step):
    read, written, handed = (tf.Variable(0.0) for _ in range(3))
    graph = tf.__internal__.FuncGraph("body")
    with graph.as_default():
        written.assign_add(read + 1.0)
        tf.cond(read > 0.0, lambda: handed.assign(1.0), lambda: handed.read_value())

    def among(handles):
        return [v for v in (read, written, handed) if any(h is v.handle for h in handles)]

    assert [v is written for v in among(tracing.assigned_handles(graph))] == [True]
    touched = among(tracing.touched_handles(graph))
    assert [v is w for v, w in zip(touched, [written, handed], strict=True)] == [True, True]


def test_updates_are_ignored_inside_only():
    w = keras.Variable(1.0)
    new = keras.optimizers.SGD(0.5)
    with tracing.updates_ignored():
        new.apply([tf.constant(1.0)], [w])
    assert w.numpy() == 1.0
    new.apply([tf.constant(1.0)], [w])
    assert w.numpy() == 0.5
    old, variable = v1.train.GradientDescentOptimizer(0.5), tf.Variable(1.0)
    with tracing.updates_ignored():
        old.apply_gradients([(tf.constant(1.0), variable)])
    assert variable.numpy() == 1.0
    old.apply_gradients([(tf.constant(1.0), variable)])
    assert variable.numpy() == 0.5


def test_compiled_with_a_signature_traces_once():
    traces = []

    def double(x):
        traces.append(1)
        return x["a"] * 2

    one = tracing.compiled(double, ({"a": tf.TensorSpec([None])},))
    assert one({"a": tf.constant([1.0])}).numpy() == [2.0]
    assert one({"a": tf.constant([1.0, 2.0])}).shape == (2,)
    assert len(traces) == 1
