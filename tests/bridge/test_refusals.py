"""What cannot be trained is refused before the first step, with the mend."""

from __future__ import annotations

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from bridge import model_to_estimator

from .conftest import batches

L = keras.layers
X = np.random.default_rng(3).normal(size=(32, 4)).astype(np.float32)
FEATURES = {"a": X, "b": X[:, :1]}
LABELS = {"kind": X[:, :3], "size": X[:, 1:2]}


def sequential(loss="mse"):
    model = keras.Sequential([keras.Input([4], name="x"), L.Dense(1, name="score")], name="ours")
    model.compile("sgd", loss)
    return model


def two_headed(loss="mse", **options):
    a, b = keras.Input([4], name="a"), keras.Input([1], name="b")
    hidden = L.concatenate([a, b])
    outputs = [L.Dense(3, name="kind")(hidden), L.Dense(1, name="size")(hidden)]
    model = keras.Model([a, b], outputs, name="ours")
    model.compile("sgd", loss, **options)
    return model


class Subclassed(keras.Model):
    """Returns a dict, which nobody knows before it is called."""

    def __init__(self):
        super().__init__(name="ours")
        self.kind, self.size = L.Dense(3, name="kind"), L.Dense(1, name="size")

    def call(self, inputs):
        return {"kind": self.kind(inputs), "size": self.size(inputs)}


def subclassed(loss="mse", *, build=True):
    model = Subclassed()
    if build:
        model(X)
    model.compile("sgd", loss)
    return model


def uncompiled():
    return keras.Sequential([keras.Input([4]), L.Dense(1)], name="ours")


def unbuilt():
    model = keras.Sequential([L.Dense(1)], name="ours")
    model.compile("sgd", "mse")
    return model


class AppliesItself(keras.Sequential):
    """With a custom `train_step`."""

    def train_step(self, data):
        return super().train_step(data)


COMPILE, BUILD = ["'ours'", "not been compiled", "model.compile()"], ["'ours'", "not been built"]
MODELS = {
    "uncompiled": (uncompiled, COMPILE),
    "unbuilt": (unbuilt, [*BUILD, "keras.Input", "model.build(input_shape)"]),
    "unbuilt subclass": (lambda: subclassed(build=False), [*BUILD, "Call it on one batch"]),
    "loss lacks an output": (
        lambda: two_headed({"kind": "mse"}),
        ["'ours'", "lacks ['size']", "name: None"],
    ),
    "loss of another output": (
        lambda: two_headed({"kind": "mse", "size": "mse", "colour": "mse"}),
        ["'ours'", "['kind', 'size']", "names ['colour'] besides"],
    ),
    "list of losses lacks one": (
        lambda: two_headed(["mse"]),
        ["'ours'", "['kind', 'size']", "got 1: ['mse']", "loss None"],
    ),
    "list of losses has one too many": (lambda: two_headed(["mse"] * 3), ["'ours'", "got 3"]),
    "loss weights of another output": (
        lambda: two_headed({"kind": "mse", "size": "mse"}, loss_weights={"colour": 1.0}),
        ["loss_weights of 'ours'", "names ['colour'] besides", "name: 0.0"],
    ),
    "losses of Sequential by name": (
        lambda: sequential({"score": "mse"}),
        ["'ours' is Sequential", "no dict", "model.compile(loss=...)"],
    ),
}


@pytest.mark.parametrize(("make", "words"), MODELS.values(), ids=MODELS)
def test_models(make, words):
    with pytest.raises(ValueError) as raised:
        model_to_estimator(make())
    for word in words:
        assert word in str(raised.value)


def test_what_is_no_model():
    with pytest.raises(TypeError, match=r"keras.Model of Keras 3, got str: 'model'"):
        model_to_estimator("model")


def test_row_wise_where_the_model_applies_its_optimizer():
    model = AppliesItself([keras.Input([4]), L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no effect on AppliesItself.*leave it out"):
        model_to_estimator(model, row_wise=True)


def half_built():
    model = subclassed(build=False)
    model.kind.build([None, 4])
    model.built = True
    return model


class Counts:
    """Data that knows how many batches were taken from it."""

    def __init__(self, *parts):
        self.parts, self.taken = parts, 0

    def __call__(self):
        def count(*element):
            self.taken += 1
            return np.int64(0)

        def seen(*element):
            with tf.control_dependencies([tf.numpy_function(count, (), tf.int64)]):
                return tf.nest.map_structure(tf.identity, element)

        rows = tf.data.Dataset.from_tensor_slices(self.parts).batch(16)
        return rows.map(seen) if len(self.parts) > 1 else rows


BOTH = {"kind": "mse", "size": "mse"}
PARTS = {
    "an input is missing": (two_headed, ({"a": X}, LABELS), ["lack ['b']", "they have ['a']"]),
    "an input has another name": (
        two_headed,
        ({"a": X, "bee": X}, LABELS),
        ["['a', 'b']", "lack ['b']", "they have ['a', 'bee']", "keras.Input(name=...)"],
    ),
    "the only input has another name": (sequential, ({"z": X}, X[:, :1]), ["['x']", "['z']"]),
    "a label of no output": (
        two_headed,
        (FEATURES, {**LABELS, "colour": X}),
        ["['colour'] are of no output", "['kind', 'size']"],
    ),
    "the only label is of no output": (
        sequential,
        (X, {"colour": X[:, :1]}),
        ["['colour'] are of no output", "['score']"],
    ),
    "a label is missing": (
        lambda: two_headed(BOTH),
        (FEATURES, {"kind": X[:, :3]}),
        ["'ours' has outputs ['kind', 'size']", "lack ['size']", "they have ['kind']"],
    ),
    "a label is missing whose loss is None": (
        lambda: two_headed({"kind": "mse", "size": None}),
        (FEATURES, {"kind": X[:, :3]}),
        ["lack ['size']", "also for one that has loss None"],
    ),
    "too few labels without names": (
        two_headed,
        (FEATURES, X),
        ["['kind', 'size']", "1 labels without names", "dict by output name"],
    ),
    "no labels": (sequential, (X,), ["'ours' was compiled with a loss", "(features, labels)"]),
    "no loss": (lambda: sequential(None), (X, X[:, :1]), ["No loss", "`loss`", "`compile()`"]),
    "a subclass lacks a loss": (
        lambda: subclassed({"kind": "mse"}),
        (X, LABELS),
        ["loss of 'ours'", "lacks ['size']", "name: None"],
    ),
    "a subclass is built in part": (
        half_built,
        (X, LABELS),
        ["'ours' has been built in part only", "size/kernel", "Call it on one batch"],
    ),
}


@pytest.mark.parametrize("mode", ["train", "evaluate"])
@pytest.mark.parametrize(("make", "parts", "words"), PARTS.values(), ids=PARTS)
def test_data_before_the_first_step(make, parts, words, mode, config):
    data = Counts(*parts)
    estimator = model_to_estimator(make(), config=config)
    with pytest.raises(ValueError) as raised:
        getattr(estimator, mode)(data)
    for word in words:
        assert word in str(raised.value)
    assert data.taken == 0
    assert estimator.latest_checkpoint() is None


def functional(returned):
    inputs = keras.Input([4])
    score = L.Dense(1, name="score")(inputs)
    model = keras.Model(inputs, returned(score))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


SINGLE = {
    "Sequential": sequential,
    "a tensor": lambda: functional(lambda score: score),
    "a list": lambda: functional(lambda score: [score]),
    "a dict": lambda: functional(lambda score: {"score": score}),
}


@pytest.mark.parametrize("make", SINGLE.values(), ids=SINGLE)
def test_a_single_label_may_have_its_name(make):
    estimator = model_to_estimator(make())
    plain = estimator.evaluate(lambda: batches(X, X[:, :1]))
    assert estimator.evaluate(lambda: batches(X, {"score": X[:, :1]})) == plain


def test_labels_by_name_reach_a_train_step_as_they_are(config):
    class ByName(keras.Sequential):
        def train_step(self, data):
            return super().train_step((data[0], data[1]["score"]))

    model = ByName([keras.Input([4]), L.Dense(1, name="score")])
    model.compile("sgd", "mse")
    model_to_estimator(model, config=config).train(lambda: batches(X, {"score": X[:, :1]}))


# Files


def refusal(path, **options):
    with pytest.raises(ValueError) as raised:
        model_to_estimator(keras_model_path=path, **options)
    assert repr(str(path)) in str(raised.value)
    return str(raised.value)


def test_exactly_one_model_is_needed(tmp_path):
    with pytest.raises(ValueError, match="Either `keras_model` or `keras_model_path`"):
        model_to_estimator()
    with pytest.raises(ValueError, match="either `keras_model` or `keras_model_path`, and not"):
        model_to_estimator(sequential(), "model.keras")
    assert "does not exist" in refusal(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="Checkpoint format must be"):
        model_to_estimator(sequential(), checkpoint_format="hdf5")


def test_a_file_of_an_uncompiled_model(tmp_path):
    uncompiled().save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="has not been compiled"):
        model_to_estimator(keras_model_path=tmp_path / "model.keras")


@pytest.mark.filterwarnings("ignore:.*HDF5")
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_code_in_a_file_is_not_run(tmp_path, kind):
    path = tmp_path / f"model.{kind}"
    model = keras.Sequential([keras.Input([2]), L.Lambda(lambda x: x + 1), L.Dense(1)])
    model.compile("sgd", keras.losses.MeanSquaredError())
    model.save(path)
    words = refusal(path)
    assert "Lambda" in words
    assert "safe_mode=False" in words
    trusted = keras.saving.load_model(path, safe_mode=False)
    assert model_to_estimator(trusted).evaluate(lambda: batches(X[:, :2], X[:, :1]))["loss"] > 0


def test_a_class_that_the_file_needs(tmp_path):
    class Own(L.Layer):
        def call(self, inputs):
            return inputs

    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input([2]), Own(), L.Dense(1)])
    model.compile("sgd", "mse")
    model.save(path)
    words = refusal(path)
    assert "`custom_objects`" in words
    assert "class 'Own'" in words
    model_to_estimator(keras_model_path=path, custom_objects={"Own": Own})


# As Keras 2.15 writes it: Keras 3 knows no `batch_input_shape`.
OF_KERAS_2 = {
    "class_name": "Sequential",
    "config": {
        "name": "sequential",
        "layers": [
            {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": {"batch_input_shape": [None, 2], "dtype": "float32", "sparse": False},
                "registered_name": None,
            },
            {
                "module": "keras.layers",
                "class_name": "Dense",
                "config": {"name": "dense", "units": 1, "kernel_initializer": None},
                "registered_name": None,
            },
        ],
    },
}


def a_keras_file(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("config.json", json.dumps(OF_KERAS_2))
        archive.writestr("model.weights.h5", b"")


def an_hdf5_file(path):
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps(OF_KERAS_2)


def a_folder(path):
    path.mkdir()
    (path / "saved_model.pb").write_bytes(b"")
    (path / "keras_metadata.pb").write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "write", "version"),
    [
        ("model.keras", a_keras_file, "2.15.0"),
        ("model.h5", an_hdf5_file, "2.15.0"),
        ("saved", a_folder, "2"),
    ],
)
def test_a_file_of_keras_2(tmp_path, name, write, version):
    write(tmp_path / name)
    words = refusal(tmp_path / name)
    assert f"Keras {version} saved it" in words
    assert "pip install tf_keras" in words
    assert "tf_keras.models.load_model(path)" in words


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("hello")
    assert "Give a `.keras` file that `model.save` of Keras 3 wrote" in refusal(path)
