"""Runs of tf.estimator 2.15, recorded: `tests/data/parity/*.json` and the model_dirs beside them.

Each file holds the columns and arguments of a premade estimator, rows, variables at the beginning
and at the end, the loss of every step, evaluation metrics and predictions. Nothing in them was made
by this project. The features that a file lists as `sequences` have a list of steps in each row; its
`note` says how tf.estimator was given them.
"""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
import premade
from estimators import Hook, RunConfig
from estimators.checkpoints import CheckpointStore

RECORDED = pathlib.Path(__file__).parents[1] / "data" / "parity"
COUNTERS = ("global_step", "/iter")


def _column(made, about, trainable):
    kind, key = about["kind"], about.get("key")
    source = made.get(about.get("source") or about.get("column"))
    if kind == "numeric":
        return fc.numeric_column(key)
    if kind == "bucketized":
        return fc.bucketized_column(source, about["boundaries"])
    if kind == "vocabulary_list":
        names = ("num_oov_buckets", "default_value")
        options = {name: about[name] for name in names if name in about}
        return fc.categorical_column_with_vocabulary_list(key, about["vocabulary"], **options)
    if kind == "hash_bucket":
        return fc.categorical_column_with_hash_bucket(key, about["hash_bucket_size"])
    if kind.startswith("sequence_"):
        return _sequence_column(kind, key, about)
    if kind == "crossed":
        keys = [
            made[name.removeprefix("column:")] if name.startswith("column:") else name
            for name in about["keys"]
        ]
        return fc.crossed_column(keys, about["hash_bucket_size"])
    if kind == "weighted":
        return fc.weighted_categorical_column(source, about["weights"])
    if kind == "shared_embedding":
        return _shared(made, about, trainable)
    if kind == "embedding":
        return fc.embedding_column(source, about["dimension"])
    if kind == "indicator":
        return fc.indicator_column(source)
    raise ValueError(about)


def _sequence_column(kind, key, about):
    if kind == "sequence_numeric":
        return fc.sequence_numeric_column(key)
    if kind == "sequence_hash_bucket":
        size = about["hash_bucket_size"]
        return fc.sequence_categorical_column_with_hash_bucket(key, size)
    if kind == "sequence_vocabulary_list":
        words = about["vocabulary"]
        return fc.sequence_categorical_column_with_vocabulary_list(key, words)
    raise ValueError(about)


def _shared(made, about, trainable):
    """Returns one of the columns that share a table."""
    together = tuple(about["columns"])
    if together not in made:
        sources = [made[name] for name in together]
        made[together] = fc.shared_embeddings(sources, about["dimension"], trainable=trainable)
    return made[together][about["place"]]


class Losses(Hook):
    """Notes the loss of every step."""

    def __init__(self):
        self.seen = []

    def due(self, step):
        return step + 1

    def after(self, run, outputs):
        self.seen.append(outputs.loss)


class Recording:
    """One recorded run, and the same estimator of ours."""

    def __init__(self, name):
        self._name = name
        self._recorded = json.loads((RECORDED / f"{name}.json").read_text())

    def __getitem__(self, key):
        return self._recorded[key]

    def copy_model_dir(self, folder):
        """Returns a copy of what tf.estimator left on disk."""
        return str(shutil.copytree(RECORDED / f"{self._name}.model_dir", folder / "theirs"))

    def start(self, folder):
        """Returns a model_dir that holds the initial variables as a checkpoint of step 0."""
        values = {
            name: np.asarray(value, np.int64 if name.endswith(COUNTERS) else np.float32)
            for name, value in self["initial_variables"].items()
        }
        CheckpointStore(folder / "ours").commit(0, values)
        return str(folder / "ours")

    def estimator(self, model_dir, **options):
        made = {}
        # tf.estimator left shared tables as they began. A warm start is of what is trained.
        trainable = "warm_start_from" in options
        for name, about in self["columns"].items():
            made[name] = _column(made, about, trainable)
        arguments = {
            name: [made[column] for column in value] if name.endswith("columns") else value
            for name, value in self["args"].items()
        }
        config = RunConfig(model_dir=model_dir, save_checkpoints_steps=1000)
        return getattr(premade, self["estimator"])(config=config, **arguments, **options)

    def train_input(self, skip=0):
        """Returns an input_fn of the training rows, over and over, as they were recorded."""
        rows = self._rows("features", "labels")
        batches = rows.repeat().batch(self["batch_size"])
        return lambda: batches.skip(skip)

    def eval_input(self):
        return self._rows("eval_features", "eval_labels").batch(self["batch_size"])

    def _rows(self, features, labels):
        columns = {key: self._tensor(key, values) for key, values in self[features].items()}
        labels = self._tensor("labels", self[labels])
        return tf.data.Dataset.from_tensor_slices((columns, labels))

    def _tensor(self, key, rows):
        if key in self._recorded.get("sequences", ()):
            return tf.ragged.constant(rows)
        rows = np.array(rows)
        return rows.astype(np.float32) if rows.dtype == np.float64 else rows


@pytest.fixture(params=sorted(path.stem for path in RECORDED.glob("*.json")))
def recording(request):
    return Recording(request.param)


@pytest.fixture
def losses():
    return Losses()


@pytest.fixture
def names_of():
    """Returns the names in a checkpoint, without the seeds that layers of Keras 3 hold."""

    def names_of(estimator):
        names = estimator.get_variable_names()
        return [name for name in names if not name.endswith("seed_generator_state")]

    return names_of


@pytest.fixture
def equal():
    """Compares with what was recorded: within 1e-4 relative, or 1e-6 where it is about zero."""

    def equal(ours, theirs, what):
        if what.startswith("all_class") and np.ndim(ours) > np.ndim(theirs):
            # tf.estimator listed all classes once for a sequence; here each step has its list.
            theirs = np.broadcast_to(theirs, np.shape(ours))
        if isinstance(np.ravel(theirs)[0], str):
            assert [text.decode() for text in np.ravel(ours)] == list(np.ravel(theirs)), what
            assert np.shape(ours) == np.shape(theirs), what
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6, err_msg=what)

    return equal
