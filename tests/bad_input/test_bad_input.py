"""What users get wrong, one test each: the message names the thing, what was got, and the mend.

Every test also looks at model_dir: a mistake damages nothing in it.
"""

import hashlib
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
import premade
from estimators import (
    Estimator,
    EstimatorSpec,
    ModeKeys,
    NanLossDuringTrainingError,
    RunConfig,
    minimize,
)
from estimators.errors import CheckpointError, IncompatibleCheckpointError

AGES, JOBS, LABELS = [20.0, 40.0, 60.0, 30.0], ["nurse", "pilot", "nurse", "cook"], [0, 1, 1, 0]


def data(labels=LABELS, repeat=True, **features):
    features = {"age": AGES, "job": JOBS, **features}
    dataset = tf.data.Dataset.from_tensors((features, labels))
    return lambda: dataset.repeat() if repeat else dataset


@pytest.fixture
def columns():
    jobs = fc.categorical_column_with_vocabulary_list("job", ["nurse", "pilot", "cook"])
    return [fc.numeric_column("age"), jobs]


@pytest.fixture
def model_dir(tmp_path, columns):
    """A model_dir with a trained classifier."""
    folder = str(tmp_path / "model")
    classifier(columns, folder).train(data(), max_steps=2)
    return folder


def classifier(columns, folder, **arguments):
    return premade.LinearClassifier(columns, folder, config=RunConfig(), **arguments)


def fingerprint(folder):
    """Hashes of all checkpoint files."""
    files = [*pathlib.Path(folder).glob("model.ckpt-*"), pathlib.Path(folder) / "checkpoint"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture
def unharmed(model_dir):
    before = fingerprint(model_dir)
    yield
    assert fingerprint(model_dir) == before


def messages(error, *words):
    text = str(error.value)
    for word in words:
        assert word in text, text


class TestFeatures:
    pytestmark = pytest.mark.usefixtures("unharmed")

    def test_missing_key(self, columns, model_dir):
        def without_job():
            return tf.data.Dataset.from_tensors(({"age": AGES, "jobs": JOBS}, LABELS))

        with pytest.raises(ValueError, match="job") as error:
            classifier(columns, model_dir).train(without_job, steps=1)
        messages(error, "'job'", "'jobs'")

    def test_wrong_dtype(self, columns, model_dir):
        with pytest.raises((ValueError, TypeError)) as error:
            classifier(columns, model_dir).train(data(age=["a", "b", "c", "d"]), steps=1)
        messages(error, "age", "string")

    def test_wrong_shape(self, columns, model_dir):
        with pytest.raises(ValueError, match="age") as error:
            classifier(columns, model_dir).train(data(age=[[1.0, 2.0]] * 4), steps=1)
        messages(error, "age", "2", "1")

    def test_features_that_are_no_dict(self, columns, model_dir):
        with pytest.raises(ValueError, match="dictionary") as error:
            classifier(columns, model_dir).train(lambda: (tf.constant([AGES]), LABELS), steps=1)
        messages(error, "features should be a dictionary")


class TestLabels:
    def test_out_of_range(self, columns, model_dir):
        before = classifier(columns, model_dir).get_variable_value(
            "linear/linear_model/bias_weights"
        )
        with pytest.raises(ValueError, match="7") as error:
            classifier(columns, model_dir).train(data(labels=[0, 7, 1, 0]), steps=1)
        messages(error, "BinaryClassHead: labels must be in [0, 1]", "MultiClassHead", "Got: [7]")
        # Where training began is committed again; what was trained is as it was.
        after = classifier(columns, model_dir)
        assert after.latest_checkpoint().endswith("model.ckpt-2")
        assert after.get_variable_value("linear/linear_model/bias_weights") == before

    def test_not_in_the_vocabulary(self, columns, tmp_path):
        model = classifier(columns, str(tmp_path / "m"), label_vocabulary=["no", "yes"])
        with pytest.raises(ValueError, match="maybe") as error:
            model.train(data(labels=["no", "yes", "maybe", "no"]), steps=1)
        messages(error, "maybe", "BinaryClassHead")

    @pytest.mark.usefixtures("unharmed")
    def test_missing(self, columns, model_dir):
        with pytest.raises(ValueError, match="labels"):
            classifier(columns, model_dir).train(lambda: {"age": AGES, "job": JOBS}, steps=1)


class TestData:
    pytestmark = pytest.mark.usefixtures("unharmed")

    @pytest.mark.parametrize("method", ["train", "evaluate"])
    def test_empty(self, columns, model_dir, method):
        def empty():
            return data(repeat=False)().take(0)

        with pytest.raises(ValueError, match="empty") as error:
            getattr(classifier(columns, model_dir), method)(empty)
        messages(error, "dataset is empty", "drop_remainder")

    def test_evaluation_without_end(self, columns, model_dir):
        with pytest.raises(ValueError, match="infinite") as error:
            classifier(columns, model_dir).evaluate(data())
        messages(error, "`steps`", "repeat()")


def test_vocabulary_file_that_is_missing(tmp_path):
    path = str(tmp_path / "no-such-words.txt")

    def train():
        column = fc.categorical_column_with_vocabulary_file("job", path)
        classifier([column], str(tmp_path / "m")).train(data(), steps=1)

    with pytest.raises((ValueError, OSError), match="no-such-words.txt"):
        train()


def test_loss_that_becomes_nan(tmp_path):
    def model_fn(features, labels, mode):
        y = keras.layers.Dense(1)(features["x"])
        loss = tf.reduce_mean((y - labels) ** 2)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

    values = np.ones((12, 1), np.float32)
    values[8] = np.nan

    def input_fn():
        return tf.data.Dataset.from_tensor_slices(({"x": values}, values)).batch(4)

    model = Estimator(model_fn, str(tmp_path), RunConfig(save_checkpoints_steps=1))
    with pytest.raises(NanLossDuringTrainingError) as error:
        model.train(input_fn)
    messages(error, "3")
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith("model.ckpt-2")
    assert np.isfinite(model.get_variable_value("dense/kernel")).all()


class TestModelDir:
    def test_that_cannot_be_written(self, columns, tmp_path):
        (tmp_path / "file").write_text("in the way")
        folder = str(tmp_path / "file" / "model")
        with pytest.raises(CheckpointError) as error:
            classifier(columns, folder).train(data(), steps=1)
        messages(error, folder)
        assert (tmp_path / "file").read_text() == "in the way"

    @pytest.mark.usefixtures("unharmed")
    def test_of_another_model(self, columns, model_dir):
        wider = fc.categorical_column_with_vocabulary_list("job", ["nurse", "pilot"])
        model = classifier([columns[0], wider], model_dir)
        with pytest.raises(IncompatibleCheckpointError) as error:
            model.train(data(), steps=1)
        messages(error, "linear/linear_model/job/weights", "[2, 1]", "[3, 1]", "warm_start_from")

    @pytest.mark.usefixtures("unharmed")
    def test_of_a_model_with_other_variables(self, model_dir):
        def model_fn(features, labels, mode):
            y = keras.layers.Dense(1)(tf.reshape(features["age"], [-1, 1]))
            if mode == ModeKeys.PREDICT:
                return EstimatorSpec(mode, predictions={"y": y})
            loss = tf.reduce_mean(y)
            return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))

        with pytest.raises(IncompatibleCheckpointError) as error:
            next(Estimator(model_fn, model_dir).predict(data()))
        messages(error, "dense/kernel [1, 1]", model_dir)
