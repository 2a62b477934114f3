import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from estimators import Estimator, EstimatorSpec, ModeKeys, RunConfig, minimize
from estimators.checkpoints import Checkpoint
from estimators.clock import ManualClock
from estimators.errors import ExportError
from estimators.export import (
    PredictOutput,
    ServingInputReceiver,
    TensorServingInputReceiver,
    build_parsing_serving_input_receiver_fn,
    build_raw_serving_input_receiver_fn,
)

X = tf.constant([[1.0], [2.0]])
Y = [[3.0], [5.0]]  # 2 x + 1


def _example(**features):
    def feature(value):
        if isinstance(value, str):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

    named = {key.replace("_", "-"): feature(value) for key, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def _definitions(path):
    """What `saved_model_cli show` prints: method, and dtype and shape by key, by signature."""
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        saved = saved_model_pb2.SavedModel.FromString(file.read())
    found = {}
    for name, definition in saved.meta_graphs[0].signature_def.items():
        tensors = [*definition.inputs.items(), *definition.outputs.items()]
        shapes = {k: (t.dtype, [d.size for d in t.tensor_shape.dim]) for k, t in tensors}
        found[name] = definition.method_name, shapes
    return found


def test_linear_classifier_by_examples(linear, parsing, rows, data_of, export_model, tmp_path):
    path = export_model(linear, tmp_path, build_parsing_serving_input_receiver_fn(parsing))
    predicted = np.stack([p["probabilities"] for p in linear.predict(data_of)])
    examples = tf.constant(
        [
            _example(hours_per_week=float(hours), color=str(color))
            for hours, color in zip(rows["hours-per-week"], rows["color"], strict=True)
        ]
    )
    loaded = tf.saved_model.load(path)
    scores = loaded.signatures["serving_default"](inputs=examples)["scores"]
    np.testing.assert_allclose(scores, predicted, rtol=1e-6)
    answers = loaded.signatures["predict"](examples=examples)
    np.testing.assert_allclose(answers["probabilities"], predicted, rtol=1e-6)
    assert os.listdir(os.path.join(path, "assets")) == ["words.txt"]


def test_linear_classifier_has_the_old_signatures(linear, parsing, export_model, tmp_path):
    path = export_model(linear, tmp_path, build_parsing_serving_input_receiver_fn(parsing))
    string, floating = tf.string.as_datatype_enum, tf.float32.as_datatype_enum
    classify = (
        "tensorflow/serving/classify",
        {"inputs": (string, [-1]), "classes": (string, [-1, 2]), "scores": (floating, [-1, 2])},
    )
    found = _definitions(path)
    assert found["serving_default"] == found["classification"] == classify
    assert found["regression"] == (
        "tensorflow/serving/regress",
        {"inputs": (string, [-1]), "outputs": (floating, [-1, 1])},
    )
    method, tensors = found["predict"]
    assert method == "tensorflow/serving/predict"
    assert tensors["class_ids"] == (tf.int64.as_datatype_enum, [-1, 1])
    assert tensors["all_class_ids"] == (tf.int32.as_datatype_enum, [-1, 2])
    assert set(tensors) == {
        "examples",
        "logits",
        "logistic",
        "probabilities",
        "class_ids",
        "classes",
        "all_class_ids",
        "all_classes",
    }


def test_raw_features_leave_only_predict(linear, rows, data_of, export_model, tmp_path, log):
    path = export_model(linear, tmp_path, build_raw_serving_input_receiver_fn(rows))
    assert "Signature 'classification' is left out" in log.text
    loaded = tf.saved_model.load(path)
    assert list(loaded.signatures) == ["predict"]
    answers = loaded.signatures["predict"](**{k: tf.constant(v) for k, v in rows.items()})
    predicted = np.stack([p["logits"] for p in linear.predict(data_of)])
    np.testing.assert_allclose(answers["logits"], predicted, rtol=1e-6)


def test_log_says_how_to_ask(linear, rows, export_model, tmp_path, log):
    path = export_model(linear, tmp_path, build_raw_serving_input_receiver_fn(rows))
    assert "predict    predict  color string[?], hours-per-week float32[?]" in log.text
    (line,) = [r.getMessage() for r in log.records if "Try:" in r.getMessage()]
    assert line.startswith(f"Try: saved_model_cli run --dir {path} --tag_set serve")
    assert "hours-per-week=[0.5]" in line


def test_placeholders_of_old_code(estimator_of, placeholder_receiver_fn, export_model, tmp_path):
    path = export_model(estimator_of(), tmp_path, placeholder_receiver_fn)
    loaded = tf.saved_model.load(path)
    np.testing.assert_array_equal(loaded.signatures["serving_default"](x=X)["y"], Y)


def test_variables_keep_their_names(estimator_of, placeholder_receiver_fn, export_model, tmp_path):
    path = export_model(estimator_of(), tmp_path, placeholder_receiver_fn)
    found = Checkpoint.open(path)
    assert found.names_to_shapes() == {
        "dense/bias": (1,),
        "dense/kernel": (1, 1),
        "global_step": (),
    }
    assert found.read("global_step") == 1


def test_bare_tensor(estimator_of, export_model, tmp_path):
    def receiver_fn():
        x = tf.compat.v1.placeholder(tf.float32, [None, 1])
        return TensorServingInputReceiver(x, x)

    estimator = estimator_of(features=np.zeros([2, 1], np.float32))
    loaded = tf.saved_model.load(export_model(estimator, tmp_path, receiver_fn))
    np.testing.assert_array_equal(loaded.signatures["serving_default"](input=X)["y"], Y)


def test_alternative_receivers(estimator_of, export_model, tmp_path):
    def receiver_fn():
        text = tf.compat.v1.placeholder(tf.string, [None, 1])
        x = tf.strings.to_number(text)
        return ServingInputReceiver({"x": x}, {"text": text}, {"number": {"x": x}})

    loaded = tf.saved_model.load(export_model(estimator_of(), tmp_path, receiver_fn))
    assert set(loaded.signatures) == {"serving_default", "number:serving_default"}
    by_text = loaded.signatures["serving_default"](text=tf.constant([["1"], ["2"]]))
    by_number = loaded.signatures["number:serving_default"](x=X)
    np.testing.assert_array_equal(by_text["y"], Y)
    np.testing.assert_array_equal(by_number["y"], Y)


def test_mirrored_variables_are_exported_plain(
    mirrored_strategy, estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    estimator = estimator_of(config=RunConfig(train_distribute=mirrored_strategy))
    path = export_model(estimator, tmp_path, placeholder_receiver_fn)
    loaded = tf.saved_model.load(path)
    np.testing.assert_array_equal(loaded.signatures["serving_default"](x=X)["y"], Y)
    assert set(Checkpoint.open(path).names_to_shapes()) == {
        "dense/bias",
        "dense/kernel",
        "global_step",
    }


def _looking_up(make_table):
    def model_fn(features, labels, mode):
        score = make_table().lookup(features["word"])
        bias = keras.layers.Dense(1, use_bias=False)(tf.ones([1, 1]))
        predictions = {"score": score, "bias": bias}
        if mode == ModeKeys.PREDICT:
            outputs = {"serving_default": PredictOutput({"score": score})}
            return EstimatorSpec(mode, predictions=predictions, export_outputs=outputs)
        loss = tf.reduce_mean(bias)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    return model_fn


def _listed_table():
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([7, 8], tf.int64)), -1
    )


@pytest.mark.parametrize("kind", ["listed", "file", "with_buckets", "made_before"])
def test_tables_of_the_body(kind, vocabulary_file, estimator_of, export_model, tmp_path):
    lines = tf.lookup.TextFileInitializer(
        vocabulary_file, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    earlier = _listed_table()
    make, word, expected = {
        "listed": (_listed_table, "b", 8),
        "file": (lambda: tf.lookup.StaticHashTable(lines, -1), "green", 1),
        "with_buckets": (lambda: tf.lookup.StaticVocabularyTable(lines, 1), "none", 3),
        "made_before": (lambda: earlier, "a", 7),
    }[kind]
    features = {"word": np.array(["a", "b"])}
    estimator = estimator_of(_looking_up(make), features)
    path = export_model(estimator, tmp_path, build_raw_serving_input_receiver_fn(features))
    del estimator, make
    answer = tf.saved_model.load(path).signatures["serving_default"](word=tf.constant([word]))
    assert answer["score"].numpy().tolist() == [expected]


def test_preprocess_fn_is_inside(estimator_of, export_model, tmp_path):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["one", "two"], [1.0, 2.0]), 0.0
    )

    def preprocess(features):
        return {"x": table.lookup(features["word"])[:, None]}

    features = {"word": np.array(["one", "two"])}
    estimator = estimator_of(features=features, preprocess_fn=preprocess)
    path = export_model(estimator, tmp_path, build_raw_serving_input_receiver_fn(features))
    loaded = tf.saved_model.load(path)
    answer = loaded.signatures["serving_default"](word=tf.constant(["one", "two"]))
    np.testing.assert_array_equal(answer["y"], Y)


def test_asserts_of_the_body_are_kept(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    def model_fn(features, labels, mode):
        tf.debugging.assert_less(features["x"], 10.0, message="x must be small")
        y = keras.layers.Dense(1)(features["x"])
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions={"y": y})
        loss = tf.reduce_mean(y)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    path = export_model(estimator_of(model_fn), tmp_path, placeholder_receiver_fn)
    ask = tf.saved_model.load(path).signatures["serving_default"]
    assert ask(x=X)["y"].shape == (2, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be small"):
        ask(x=X * 10)


def test_constants_and_inputs_may_be_predicted(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    constant = tf.constant([[4.0]])

    def model_fn(features, labels, mode):
        loss = tf.reduce_mean(keras.layers.Dense(1)(features["x"]))
        predictions = {"constant": constant, "x": features["x"]}
        train_op = minimize(loss, "SGD")
        return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions=predictions)

    path = export_model(estimator_of(model_fn), tmp_path, placeholder_receiver_fn)
    answer = tf.saved_model.load(path).signatures["serving_default"](x=X)
    np.testing.assert_array_equal(answer["constant"], constant)
    np.testing.assert_array_equal(answer["x"], X)


def test_random_predictions_are_not_compared(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    def model_fn(features, labels, mode):
        y = keras.layers.Dense(1)(features["x"])
        loss = tf.reduce_mean(y)
        predictions = {"y": y, "random": tf.random.uniform([2])}
        train_op = minimize(loss, "SGD")
        return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions=predictions)

    assert os.path.isdir(export_model(estimator_of(model_fn), tmp_path, placeholder_receiver_fn))


def test_a_model_that_differs_at_each_trace_is_not_published(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    calls = []

    def model_fn(features, labels, mode):
        calls.append(mode)
        y = keras.layers.Dense(1)(features["x"]) + float(len(calls))
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions={"good": features["x"], "y": y})
        loss = tf.reduce_mean(y)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    estimator = estimator_of(model_fn)
    with pytest.raises(
        ExportError, match="`predict` does not answer as the exported graph, output 'y': at"
    ):
        export_model(estimator, tmp_path / "export", placeholder_receiver_fn)
    assert not os.path.exists(tmp_path / "export") or os.listdir(tmp_path / "export") == []


def test_files_that_answer_otherwise_are_not_published(
    estimator_of, export_model, vocabulary_file, tmp_path
):
    """The vocabulary file changes between the start of the program and the export."""
    words = tmp_path / "changing.txt"
    words.write_text("red\ngreen\n")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(words), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )  # fmt: skip
    features = {"word": np.array(["red"])}
    estimator = estimator_of(_looking_up(lambda: table), features)
    words.write_text("blue\nred\n")
    with pytest.raises(ExportError, match="signature 'serving_default' does not .*'score'"):
        export_model(estimator, tmp_path / "export", build_raw_serving_input_receiver_fn(features))
    assert os.listdir(tmp_path / "export") == []


def test_as_text(estimator_of, placeholder_receiver_fn, export_model, tmp_path):
    path = export_model(estimator_of(), tmp_path, placeholder_receiver_fn, as_text=True)
    assert {"saved_model.pbtxt", "variables"} <= set(os.listdir(path))
    assert "saved_model.pb" not in os.listdir(path)
    loaded = tf.saved_model.load(path)
    np.testing.assert_array_equal(loaded.signatures["serving_default"](x=X)["y"], Y)


def test_an_older_checkpoint(tmp_path, placeholder_receiver_fn):
    def model_fn(features, labels, mode):
        count = tf.Variable(0.0, name="count")
        loss = tf.reduce_mean(features["x"])
        predictions = {"count": features["x"] * 0 + count}
        if mode == ModeKeys.TRAIN:
            count.assign_add(1.0)
        train_op = minimize(loss + 0 * count, keras.optimizers.SGD(0.0))
        return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions=predictions)

    config = RunConfig(save_checkpoints_steps=1)
    estimator = Estimator(model_fn, str(tmp_path / "model"), config)
    data = tf.data.Dataset.from_tensors(({"x": [[0.0]]}, [[0.0]])).repeat()
    estimator.train(lambda: data, steps=3)
    older = str(tmp_path / "model" / "model.ckpt-2")
    path = estimator.export_saved_model(
        tmp_path / "export", placeholder_receiver_fn, checkpoint_path=older
    )
    assert isinstance(path, bytes)
    loaded = tf.saved_model.load(os.fsdecode(path))
    assert loaded.signatures["serving_default"](x=[[0.0]])["count"].numpy() == [[2.0]]


def test_names_are_seconds_and_wait_for_nobody(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    estimator = estimator_of(clock=ManualClock(unix_time=1_700_000_000.7))
    base = tmp_path / "export"
    paths = [export_model(estimator, base, placeholder_receiver_fn) for _ in range(2)]
    assert [os.path.basename(path) for path in paths] == ["1700000000", "1700000001"]
    assert sorted(os.listdir(base)) == ["1700000000", "1700000001"]


def test_assets_extra(
    estimator_of, placeholder_receiver_fn, export_model, vocabulary_file, tmp_path
):
    extra = {"deep/words.txt": vocabulary_file}
    path = export_model(estimator_of(), tmp_path, placeholder_receiver_fn, assets_extra=extra)
    with open(os.path.join(path, "assets.extra", "deep", "words.txt")) as file:
        assert file.read() == "red\ngreen\nblue\n"


@pytest.mark.parametrize("key", ["../escape", "/etc/passwd", "a/../../b", "", "."])
def test_assets_extra_stay_inside(
    key, estimator_of, placeholder_receiver_fn, export_model, vocabulary_file, tmp_path
):
    with pytest.raises(ValueError, match="must be a path inside"):
        export_model(
            estimator_of(),
            tmp_path / "export",
            placeholder_receiver_fn,
            assets_extra={key: vocabulary_file},
        )
    assert not os.path.exists(tmp_path / "export")


def test_wrong_arguments(estimator_of, placeholder_receiver_fn, export_model, tmp_path):
    estimator = estimator_of()
    with pytest.raises(ValueError, match="An input_receiver_fn must be defined"):
        export_model(estimator, tmp_path, None)
    with pytest.raises(ValueError, match="Only mode 'infer' can be exported, got 'eval'"):
        export_model(estimator, tmp_path, placeholder_receiver_fn, mode=ModeKeys.EVAL)
    with pytest.raises(ValueError, match="must be a local folder"):
        export_model(estimator, "gs://bucket/export", placeholder_receiver_fn)
    with pytest.raises(ValueError, match="must return a ServingInputReceiver"):
        export_model(estimator, tmp_path, lambda: {"x": X})
    with pytest.raises(ValueError, match=r"receiver_tensors\['input'\] is no tensor of the"):
        export_model(estimator, tmp_path, lambda: ServingInputReceiver({"x": X}, X))
    with pytest.raises(ValueError, match=r"assets_extra\['a'\] is no file"):
        export_model(estimator, tmp_path, placeholder_receiver_fn, assets_extra={"a": "/no/file"})


def test_nothing_trained(tmp_path, placeholder_receiver_fn, export_model):
    estimator = Estimator(lambda features, labels, mode: None, str(tmp_path / "model"))
    with pytest.raises(ValueError, match="Couldn't find trained model at"):
        export_model(estimator, tmp_path / "export", placeholder_receiver_fn)
