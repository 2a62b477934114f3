"""Names of variables, which are the contract with checkpoints; and one set of them for all runs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import EstimatorSpec, ModeKeys, Part, minimize
from estimators.checkpoints import Checkpoint
from estimators.variables import Requests, VariableStore

v1 = tf.compat.v1


def body(network, optimizer="SGD"):
    """Returns a model_fn around a function from x `[batch, 1]` to y `[batch, 1]`."""

    def model_fn(features, labels, mode):
        y = network(features["x"])
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions={"y": y})
        loss = tf.reduce_mean((y - labels) ** 2)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, optimizer))

    return model_fn


def v1_body(network, make_optimizer):
    def model_fn(features, labels, mode):
        y = network(features["x"])
        loss = tf.reduce_mean((y - labels) ** 2)
        train_op = make_optimizer().minimize(loss, global_step=v1.train.get_global_step())
        return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions={"y": y})

    return model_fn


def names_of(estimator, ours=("training/",)):
    """Names on disk, without the global step and what the optimizer of the test adds."""
    names = estimator.get_variable_names()
    return [n for n in names if n != "global_step" and not n.startswith(ours)]


def layers(x):
    x = keras.layers.Dense(2)(x)
    x = keras.layers.Dense(2, name="named")(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.layers.Dense(1)(x)


LAYERS = [
    "batch_normalization/beta",
    "batch_normalization/gamma",
    "batch_normalization/moving_mean",
    "batch_normalization/moving_variance",
    "dense/bias",
    "dense/kernel",
    "dense_1/bias",
    "dense_1/kernel",
    "named/bias",
    "named/kernel",
]


def sequential(x):
    return keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)], name="net")(x)


SEQUENTIAL = ["net/dense/bias", "net/dense/kernel", "net/dense_1/bias", "net/dense_1/kernel"]


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.first = keras.layers.Dense(2, name="first")
        self.blocks = [keras.layers.Dense(2) for _ in range(2)]
        self.last = keras.layers.Dense(1, name="last")

    def call(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(x)


SUBCLASSED = sorted(
    f"mine/{layer}/{weight}"
    for layer in ("first", "dense", "dense_1", "last")
    for weight in ("bias", "kernel")
)


def plain_variables(x):
    a = tf.Variable([[1.0]], name="a")
    with tf.name_scope("outer"):
        b = tf.Variable([[2.0]], name="b")
        with tf.name_scope("inner"):
            c = tf.Variable(lambda: tf.ones([1, 1]), name="c")
    unnamed = tf.Variable([[0.0]])
    return x @ (a + b + c + unnamed)


def v1_variables(x):
    with v1.variable_scope("scope"):
        w = v1.get_variable("w", [1, 1], initializer=v1.ones_initializer())
        with v1.variable_scope("inner", reuse=v1.AUTO_REUSE):
            u = v1.get_variable("u", [1, 1], initializer=v1.zeros_initializer())
            again = v1.get_variable("u", [1, 1])
    counter = v1.get_variable("counter", [], tf.int64, trainable=False, initializer=tf.zeros)
    return x @ (w + u + again) + tf.cast(counter, tf.float32)


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (layers, LAYERS),
        (sequential, SEQUENTIAL),
        (lambda x: Subclassed()(x), SUBCLASSED),
        (plain_variables, ["Variable", "a", "outer/b", "outer/inner/c"]),
        (v1_variables, ["counter", "scope/inner/u", "scope/w"]),
    ],
)
def test_names_are_those_of_the_body_every_time(line, network, names):
    estimator = line.estimator(body(network))
    estimator.train(line.data)
    assert names_of(estimator) == names
    # Further traces: other modes, another shape of data, a new process.
    list(estimator.predict(line.data))
    estimator.evaluate(line.data)
    estimator.train(lambda: line.data().map(lambda f, y: ({"x": tf.reshape(f["x"], [-1, 1])}, y)))
    assert names_of(estimator) == names
    again = line.estimator(body(network))
    again.train(line.data)
    assert names_of(again) == names
    assert again.get_variable_value("global_step") == 6


def test_the_second_of_a_name_gets_a_number(line):
    def twice(x):
        a, b = tf.Variable([[1.0]], name="w"), tf.Variable([[2.0]], name="w")
        return x @ a + x @ b

    estimator = line.estimator(body(twice)).train(line.data)
    assert names_of(estimator) == ["w", "w_1"]


@pytest.mark.parametrize(
    ("make", "slots"),
    [
        (lambda: v1.train.GradientDescentOptimizer(0.1), []),
        (lambda: v1.train.AdagradOptimizer(0.1), ["dense/kernel/Adagrad"]),
        (
            lambda: v1.train.AdamOptimizer(0.1),
            ["beta1_power", "beta2_power", "dense/kernel/Adam", "dense/kernel/Adam_1"],
        ),
        (
            lambda: v1.train.RMSPropOptimizer(0.1),
            ["dense/kernel/RMSProp", "dense/kernel/RMSProp_1"],
        ),
    ],
)
def test_slots_of_v1_optimizers(line, make, slots):
    def network(x):
        return keras.layers.Dense(1, use_bias=False)(x)

    estimator = line.estimator(v1_body(network, make))
    for _ in range(2):
        estimator.train(line.data)
        assert names_of(estimator) == sorted(["dense/kernel", *slots])
    assert estimator.get_variable_value("global_step") == 4


def test_our_optimizers_write_the_names_of_tf_estimator(line):
    def network(x):
        return keras.layers.Dense(1, use_bias=False)(x)

    estimator = line.estimator(body(network, "Adagrad")).train(line.data)
    names = estimator.get_variable_names()
    assert "training/Adagrad/dense/kernel/accumulator" in names
    assert "training/Adagrad/learning_rate" in names


def test_the_body_runs_again_with_the_same_variables(line):
    runs = []

    def model_fn(features, labels, mode):
        layer = keras.layers.Dense(1)
        y = layer(features["x"])
        runs.append((mode, layer.kernel.value))
        loss = tf.reduce_mean((y - labels) ** 2) if labels is not None else None
        train_op = minimize(loss, "SGD") if mode == ModeKeys.TRAIN else None
        return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions={"y": y})

    estimator = line.estimator(model_fn).train(line.data)
    estimator.evaluate(line.data)
    list(estimator.predict(line.data))
    assert [mode for mode, _ in runs] == ["train", "train", "eval", "eval", "infer", "infer"]
    assert len({id(kernel) for _, kernel in runs}) == 1


def test_layers_outside_keep_their_own_numbers(line):
    keras.backend.clear_session()
    keras.layers.Dense(1)
    line.estimator(body(layers)).train(line.data)
    assert keras.layers.Dense(1).name == "dense_1"


def test_a_build_that_failed_elsewhere_does_no_harm(line):
    class Broken(Subclassed):
        def call(self, x):
            super().call(x)
            raise RuntimeError("after the variables were made")

    unbuilt = pytest.warns(UserWarning, match="looks like it has unbuilt state")
    with unbuilt, pytest.raises(RuntimeError, match="after the variables"):
        keras.Sequential([keras.Input([1]), Broken()])
    estimator = line.estimator(body(lambda x: Subclassed()(x))).train(line.data)
    assert names_of(estimator) == SUBCLASSED


def test_batch_normalization_moves_in_training_only(line):
    def model_fn(features, labels, mode):
        norm = keras.layers.BatchNormalization(momentum=0.5, name="norm")
        y = norm(features["x"], training=mode == ModeKeys.TRAIN)
        loss = tf.reduce_mean((y - labels) ** 2)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    estimator = line.estimator(model_fn).train(line.data, steps=1)
    # The first batch is 1, 2: its mean is 1.5.
    assert estimator.get_variable_value("norm/moving_mean") == 0.75
    estimator.evaluate(line.data)
    estimator.train(line.data, steps=1)
    assert estimator.get_variable_value("norm/moving_mean") == 1.125


def test_a_changing_body_is_refused(line):
    calls = []

    def network(x):
        calls.append(1)
        return keras.layers.Dense(1, name=f"layer_{len(calls)}")(x)

    with pytest.raises(ValueError, match="asked for a new variable 'layer_2/kernel' .* again"):
        line.estimator(body(network)).train(line.data)


def test_a_changed_shape_is_refused(line):
    estimator = line.estimator(body(layers)).train(line.data)
    wide = lambda: line.data().map(lambda f, y: ({"x": tf.tile(f["x"], [1, 3])}, y))  # noqa: E731
    with pytest.raises(ValueError, match=r"'dense/kernel' has shape \(1, 2\).* shape \(3, 2\)"):
        estimator.train(wide)


def test_another_model_in_model_dir_is_refused(line):
    line.estimator(body(sequential)).train(line.data)
    with pytest.raises(RuntimeError, match="(?s)not a checkpoint of this model.*mine/first/kernel"):
        line.estimator(body(lambda x: Subclassed()(x))).train(line.data)


def test_an_initial_value_of_features_is_refused(line):
    def network(x):
        return x * tf.Variable(tf.reduce_mean(x), name="w")

    with pytest.raises(ValueError, match="The variable 'w' must have an initial value that needs"):
        line.estimator(body(network)).train(line.data)


def test_an_initial_value_computed_in_the_body(line):
    def network(x):
        start = tf.reshape(tf.range(1.0, 2.0) * 3.0, [1, 1])
        return x @ tf.Variable(start, name="w")

    predictions = line.estimator(body(network)).predict(line.data)
    assert [p["y"].item() for p in predictions] == [3.0, 6.0, 9.0]


# The store by itself


def requests(mode=ModeKeys.TRAIN, may_create=True):
    return Requests(mode, may_create=may_create)


def serve(store, make, asked=None):
    asked = asked or requests()
    graph = tf.__internal__.FuncGraph("body")
    with graph.as_default(), store.serving(asked, cross_replica=False):
        return make()


@pytest.fixture
def store():
    return VariableStore(tf.distribute.get_strategy())


def test_the_store_gives_the_same_variable_again(store):
    asked = requests()
    made = serve(store, lambda: tf.Variable([1.0, 2.0], name="w"), asked)
    again = serve(store, lambda: tf.Variable([5.0, 6.0], name="w"), requests(may_create=False))
    assert made is again is store["w"]
    assert "w" in store
    assert store.names == ("global_step", "w")
    assert asked.names == ["w"]
    assert asked.trainable == [made]
    assert store.name_of(made) == "w"
    np.testing.assert_array_equal(store.read(["w"])["w"], [1.0, 2.0])


def test_rows_are_saved_under_names_of_their_own(store):
    serve(store, lambda: tf.Variable(tf.zeros([4, 2]), name="linear/fused"))
    serve(store, lambda: tf.Variable(tf.ones([4, 2]), name="training/Ftrl/linear/fused/linear"))
    store.split("linear/fused", [Part("linear/a/weights", 0, 1), Part("linear/b/weights", 2, 2)])
    names = ["linear/fused", "training/Ftrl/linear/fused/linear"]
    assert {name: shape for name, (shape, _) in store.shapes(names).items()} == {
        "linear/a/weights": (1, 2),
        "linear/b/weights": (2, 2),
        "training/Ftrl/linear/a/weights/linear": (1, 2),
        "training/Ftrl/linear/b/weights/linear": (2, 2),
    }
    values = {name: np.full(shape, 7.0) for name, (shape, _) in store.shapes(names).items()}
    store.write(values, names)
    np.testing.assert_array_equal(store["linear/fused"][:, 0], [7.0, 0.0, 7.0, 7.0])
    written = store.read(names)
    assert written.keys() == values.keys()
    for name, value in written.items():
        np.testing.assert_array_equal(value, values[name])


def test_metrics_are_kept_apart_by_mode(store):
    def total():
        metric = keras.metrics.Mean(name="mean")
        return metric.total.value

    train, evaluation = (
        serve(store, total, requests(mode)) for mode in (ModeKeys.TRAIN, ModeKeys.EVAL)
    )
    assert train is not evaluation
    assert serve(store, total, requests(ModeKeys.EVAL)) is evaluation
    assert store.names == ("global_step",)
    train.assign(1.0)
    evaluation.assign(2.0)
    store.reset_metrics(ModeKeys.EVAL)
    assert (train.numpy(), evaluation.numpy()) == (1.0, 0.0)


def test_parts_of_a_checkpoint_are_read_back(line):
    """The whole way: a model that saves the rows of one table under two names."""

    def model_fn(features, labels, mode):
        table = tf.Variable([[1.0], [2.0], [3.0]], name="table")
        y = tf.gather(table, tf.cast(features["x"][:, 0], tf.int32) - 1)
        loss = tf.reduce_mean(y**2)
        parts = [(table, (Part("first", 0, 1), Part("rest", 1, 2)))]
        optimizer = keras.optimizers.SGD(0.25)
        return EstimatorSpec(
            mode, loss=loss, train_op=minimize(loss, optimizer), saved_parts=parts, predictions=y
        )

    line.estimator(model_fn).train(line.data, steps=1)
    again = line.estimator(model_fn)
    saved = Checkpoint.open(again.latest_checkpoint())
    # The gradient of the mean of two squares is the value itself: rows 1 and 2 lose a quarter.
    np.testing.assert_allclose(saved.read("first"), [[0.75]])
    np.testing.assert_allclose(saved.read("rest"), [[1.5], [3.0]])
    assert [p.item() for p in again.predict(line.data)] == [0.75, 1.5, 3.0]
