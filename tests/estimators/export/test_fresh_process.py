"""What was exported is loaded where this project is not."""

import os
import pickle
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
import premade
from estimators import EstimatorSpec
from estimators.errors import ExportError
from estimators.export import (
    build_parsing_serving_input_receiver_fn,
    build_raw_serving_input_receiver_fn,
)

_LOAD = """
import pickle, sys
import tensorflow as tf
assert not {"estimators", "feature_columns", "premade"} & set(sys.modules)
with open(sys.argv[2], "rb") as file:
    rows = pickle.load(file)
ask = tf.saved_model.load(sys.argv[1]).signatures["predict"]
answers = ask(**{key: tf.constant(value) for key, value in rows.items()})
with open(sys.argv[2], "wb") as file:
    pickle.dump({key: value.numpy() for key, value in answers.items()}, file)
"""


@pytest.mark.processes
def test_deep_classifier_with_a_vocabulary_asset(
    columns, rows, data_of, vocabulary_file, export_model, tmp_path
):
    deep = [columns[0], fc.embedding_column(columns[1], 2)]
    estimator = premade.DNNClassifier([3], deep, str(tmp_path / "model"))
    estimator.train(lambda: data_of().repeat(), steps=2)
    path = export_model(estimator, tmp_path, build_raw_serving_input_receiver_fn(rows))
    moved = tmp_path / "moved"
    os.rename(path, moved)
    exchange = tmp_path / "exchange"
    exchange.write_bytes(pickle.dumps(rows))
    subprocess.run(
        [sys.executable, "-c", _LOAD, str(moved), str(exchange)],
        check=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    answers = pickle.loads(exchange.read_bytes())
    predicted = list(estimator.predict(data_of))
    for key in ("logits", "probabilities"):
        expected = np.stack([row[key] for row in predicted])
        np.testing.assert_allclose(answers[key], expected, rtol=1e-6)
    assert answers["classes"].tolist() == [row["classes"].tolist() for row in predicted]


@pytest.mark.processes
@pytest.mark.parametrize("receiver", ["examples", "raw"])
def test_the_logged_command_works(receiver, linear, parsing, rows, export_model, tmp_path, log):
    receiver_fn = {
        "examples": build_parsing_serving_input_receiver_fn(parsing),
        "raw": build_raw_serving_input_receiver_fn(rows),
    }[receiver]
    export_model(linear, tmp_path, receiver_fn)
    (line,) = [r.getMessage() for r in log.records if "Try:" in r.getMessage()]
    program, *arguments = shlex.split(line.removeprefix("Try: "))
    assert program == "saved_model_cli"
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Result for output key" in done.stdout


@pytest.mark.processes
def test_the_export_can_check_itself_there(linear, parsing, export_model, tmp_path):
    receiver_fn = build_parsing_serving_input_receiver_fn(parsing)
    assert os.path.isdir(export_model(linear, tmp_path, receiver_fn, fresh_process=True))


@pytest.mark.processes
def test_what_only_this_process_knows_is_not_published(
    estimator_of, placeholder_receiver_fn, export_model, tmp_path
):
    def model_fn(features, labels, mode):
        y = tf.numpy_function(lambda x: x + 1, [features["x"]], tf.float32)
        weight = tf.Variable(1.0, name="weight")
        loss = tf.reduce_mean(features["x"]) * weight
        train_op = loss
        return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions={"y": y})

    estimator = estimator_of(model_fn)
    with pytest.raises(ExportError, match="cannot be loaded back and asked: a fresh process"):
        export_model(estimator, tmp_path / "export", placeholder_receiver_fn, fresh_process=True)
    assert os.listdir(tmp_path / "export") == []
