"""Trained Estimators in LiteRT, ONNX Runtime and TensorFlow.js: the predictions of `predict`."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format

import bridge
import feature_columns as fc
import premade
from estimators import Estimator, EstimatorSpec, MultiHead, RegressionHead, RunConfig, minimize

ROWS = 12
CONFIG = RunConfig(tf_random_seed=3, progress=False)


def features():
    random = np.random.default_rng(3)
    return {
        "age": random.normal(40.0, 10.0, (ROWS, 1)).astype(np.float32),
        "hours": random.normal(size=(ROWS, 2)).astype(np.float32),
        "level": random.integers(-1, 7, (ROWS, 1)),
        "job": random.choice(["cook", "nurse", "pilot", ""], (ROWS, 1)),
    }


def numbers():
    return {key: value for key, value in features().items() if key != "job"}


def data(labels, rows=features):
    labels = np.resize(np.asarray(labels), (ROWS, 1))
    return lambda: tf.data.Dataset.from_tensor_slices((rows(), labels)).batch(4).repeat(3)


def predicted(estimator, rows):
    found = estimator.predict(lambda: tf.data.Dataset.from_tensors(rows))
    listed = list(found)
    return {key: np.stack([row[key] for row in listed]) for key in listed[0]}


def ages():
    return fc.bucketized_column(fc.numeric_column("age"), [30.0, 40.0, 50.0])


def hours():
    return fc.numeric_column("hours", shape=(2,))


def level():
    return fc.categorical_column_with_identity("level", 5, default_value=0)


def wide_and_deep():
    estimator = premade.DNNLinearCombinedClassifier(
        linear_feature_columns=[ages(), hours(), level()],
        dnn_feature_columns=[
            hours(),
            fc.indicator_column(ages()),
            fc.embedding_column(level(), 2),
        ],
        dnn_hidden_units=[4, 3],
        dnn_dropout=0.3,
        batch_norm=True,
        config=CONFIG,
    )
    return estimator.train(data([0, 1]))


def three_classes():
    columns = [hours(), fc.embedding_column(level(), 2)]
    estimator = premade.DNNClassifier([5], columns, n_classes=3, config=CONFIG)
    return estimator.train(data([0, 1, 2]))


def regressor():
    return premade.LinearRegressor([ages(), hours()], config=CONFIG).train(data([0.5, 1.0]))


def of_keras():
    age, worked = keras.Input([1], name="age"), keras.Input([2], name="hours")
    hidden = keras.layers.concatenate([keras.layers.Rescaling(0.01)(age), worked])
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(4, "gelu")(hidden))
    output = keras.layers.Dense(1, name="y")(keras.layers.Dropout(0.2)(hidden))
    model = keras.Model([age, worked], output)
    model.compile("adam", "mse")
    return bridge.model_to_estimator(model, config=CONFIG).train(data([0.5, 1.0], numbers))


def of_ones_own():
    def model_fn(features, labels, mode):
        net = keras.layers.Dense(4, "tanh")(features["hours"])
        y = keras.layers.Dense(1)(net) + features["age"] / 40.0
        if mode == "infer":
            return EstimatorSpec(mode, predictions={"y": y, "is large": y > 0.5})
        loss = tf.reduce_mean((y - tf.cast(labels, tf.float32)) ** 2)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    return Estimator(model_fn, config=CONFIG).train(data([0.5, 1.0], numbers))


ESTIMATORS = {
    "wide and deep": wide_and_deep,
    "three classes": three_classes,
    "regressor": regressor,
    "of Keras": of_keras,
    "of one's own": of_ones_own,
}


@pytest.fixture(scope="module", params=ESTIMATORS.values(), ids=ESTIMATORS.keys())
def estimator(request):
    return request.param()


def run_litert(path, rows):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(path)
    runner = interpreter.get_signature_runner()
    return runner(**{key: rows[key] for key in runner.get_input_details()})


def run_onnx(path, rows):
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    asked = {each.name: rows[each.name] for each in session.get_inputs()}
    return dict(zip(names, session.run(names, asked), strict=True))


def run_tfjs(path, rows):
    node = shutil.which("node")
    find = "require.resolve('@tensorflow/tfjs')"
    if node is None or subprocess.run([node, "-e", find], capture_output=True).returncode:
        pytest.skip("needs node and @tensorflow/tfjs: npm install @tensorflow/tfjs, and NODE_PATH")
    file = pathlib.Path(path).with_name("rows.json")
    file.write_text(json.dumps({key: np.asarray(value).tolist() for key, value in rows.items()}))
    script = pathlib.Path(__file__).with_name("predict.js")
    done = subprocess.run([node, script, path, file], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return {key: np.array(value) for key, value in json.loads(done.stdout).items()}


def run_tfjs_files(path, rows):
    """Puts the weights back into the topology, and runs that with TensorFlow."""
    model = json.loads(pathlib.Path(path).read_text())
    graph = json_format.ParseDict(model["modelTopology"], tf.compat.v1.GraphDef())
    (group,) = model["weightsManifest"]
    content = b"".join(pathlib.Path(path).with_name(name).read_bytes() for name in group["paths"])
    values, start = {}, 0
    for weight in group["weights"]:
        dtype = np.dtype(weight["dtype"])
        count = int(np.prod(weight["shape"]))
        read = np.frombuffer(content, dtype, count, start)
        values[weight["name"]] = read.reshape(weight["shape"])
        start += count * dtype.itemsize
    assert start == len(content)
    for each in graph.node:
        if each.op == "Const":
            each.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[each.name]))
    inputs, outputs = model["signature"]["inputs"], model["signature"]["outputs"]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(graph, name="")
        names = {key: described["name"] for key, described in outputs.items()}
        return session.run(names, {inputs[key]["name"]: rows[key] for key in inputs})


RUNTIMES = {
    "litert": (bridge.export_litert, run_litert, "model.tflite"),
    "onnx": (bridge.export_onnx, run_onnx, "model.onnx"),
    "tfjs": (bridge.export_tfjs, run_tfjs, "web"),
    "files of tfjs": (bridge.export_tfjs, run_tfjs_files, "web"),
}
each_runtime = pytest.mark.parametrize(("export", "run", "name"), RUNTIMES.values(), ids=RUNTIMES)


@pytest.fixture(autouse=True)
def onnx_is_there(request):
    if "onnx" in request.node.name:
        pytest.importorskip("tf2onnx", reason="needs the extra `onnx`")


@each_runtime
def test_answers_as_predict_does(export, run, name, estimator, tmp_path):
    path = export(estimator, tmp_path / name, numbers())
    for rows in (numbers(), {key: value[:1] for key, value in numbers().items()}):
        found = run(path, rows)
        expected = predicted(estimator, rows)
        text = {key for key, value in expected.items() if value.dtype.kind in "OS"}
        assert found.keys() == expected.keys() - text
        for key, value in found.items():
            np.testing.assert_allclose(value, expected[key], rtol=1e-4, atol=1e-5, err_msg=key)


@each_runtime
def test_exports_what_comes_behind_the_transform(export, run, name, tmp_path):
    job = fc.categorical_column_with_vocabulary_list("job", ["cook", "nurse"], num_oov_buckets=2)
    cross = fc.crossed_column([ages(), "job"], 30)
    estimator = premade.DNNLinearCombinedClassifier(
        linear_feature_columns=[job, ages(), cross],
        dnn_feature_columns=[hours(), fc.embedding_column(job, 3)],
        dnn_hidden_units=[4],
        config=CONFIG,
    ).train(data([0, 1]))
    path = export(
        estimator, tmp_path / name, features(), ["probabilities", "logits"], transformed=True
    )
    ready = bridge.transformed(estimator, features())
    found = run(path, {key: value.numpy() for key, value in ready.items()})
    expected = predicted(estimator, features())
    assert found.keys() == {"probabilities", "logits"}
    for key, value in found.items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("columns", "feature", "operation"),
    [
        (lambda: [fc.categorical_column_with_hash_bucket("job", 9), hours()], "job", "Equal"),
        (lambda: [fc.categorical_column_with_vocabulary_list("job", ["a"])], "job", "Equal"),
        (
            lambda: [fc.categorical_column_with_vocabulary_list("level", [3, 1]), hours()],
            "level",
            "LookupTable",
        ),
    ],
)
def test_text_and_tables_are_named(columns, feature, operation, tmp_path):
    estimator = premade.LinearRegressor(columns(), config=CONFIG).train(data([0.5, 1.0]))
    with pytest.raises(ValueError, match="transformed=True") as raised:
        bridge.export_litert(estimator, tmp_path / "model.tflite", features())
    message = str(raised.value)
    assert feature in message.partition("are read")[0]
    assert operation in message
    assert not (tmp_path / "model.tflite").exists()


def test_what_cannot_be_exported_is_refused(tmp_path):
    estimator = regressor()
    with pytest.raises(ValueError, match=r"'classes' of numbers: the model has \['predictions'\]"):
        bridge.export_litert(estimator, tmp_path / "model", numbers(), ["classes"])
    with pytest.raises(ValueError, match="no preprocess_fn"):
        bridge.export_tfjs(of_ones_own(), tmp_path / "model", numbers(), transformed=True)
    with pytest.raises(ValueError, match="Couldn't find trained model"):
        bridge.export_tfjs(
            premade.LinearRegressor([hours()], config=CONFIG), tmp_path / "model", numbers()
        )
    rows = Estimator(
        lambda features, labels, mode: None,
        preprocess_fn=lambda features: {
            "x": tf.RaggedTensor.from_tensor(features["age"], padding=0.0)
        },
    )
    with pytest.raises(ValueError, match="several categories per row"):
        bridge.export_tfjs(rows, tmp_path / "model", numbers(), transformed=True)


def test_names_that_would_be_one_are_refused(tmp_path):
    columns = [fc.numeric_column("a-b"), fc.numeric_column("a_b")]
    rows = {"a-b": np.ones(2, np.float32), "a_b": np.zeros(2, np.float32)}
    with pytest.raises(ValueError, match="'a-b' and 'a_b' would both be the input 'a_b'"):
        bridge.export_litert(premade.LinearRegressor(columns), tmp_path / "model.tflite", rows)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx.convert", None)
    with pytest.raises(ImportError, match=r"pip install tf2onnx.*tf-estimators\[onnx\]"):
        bridge.export_onnx(regressor(), tmp_path / "model.onnx", numbers())


def test_the_predictions_of_several_heads_have_fit_names(tmp_path):
    head = MultiHead([RegressionHead(name="a"), RegressionHead(name="b")])
    estimator = premade.LinearEstimator(head, [hours()], config=CONFIG)
    rows = lambda: data([1.0])().map(lambda x, y: (x, {"a": y, "b": 2.0 * y}))  # noqa: E731
    estimator.train(rows)
    path = bridge.export_tfjs(estimator, tmp_path / "web", numbers())
    found = run_tfjs_files(path, numbers())
    assert len(found) == 2
