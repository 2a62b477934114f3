"""This project: `premade.DNNLinearCombinedClassifier` fed by `numpy_input_fn`."""

from __future__ import annotations

import functools
import tempfile
from typing import Any

import numpy as np

import feature_columns as fc
from benchmarks import census
from benchmarks.protocol import Answer, serve
from benchmarks.systems.settings import (
    Settings,
    read_settings,
    secs_to_first_tick,
    timed,
    versions,
)
from benchmarks.ticks import Ticks
from estimators import Estimator, RunConfig, inputs
from premade import DNNLinearCombinedClassifier, LinearClassifier

_RANDOM = "linear, random keys"
_RANDOM_COLUMNS = ("first", "second")
_RANDOM_KEYS = 50_000


class Ours:
    """The measurements. A model and its input are made once and used again, as a user would."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        test = settings.test
        self._test_input = inputs.numpy_input_fn(
            test.features, test.labels, settings.test_batch, shuffle=False
        )

    def first_step(self, batch: int) -> Answer:
        """Seconds from making an Estimator to the end of its first step."""
        return secs_to_first_tick(
            lambda watch: self._new_classifier().train(self._train_input(batch), [Ticks(watch)])
        )

    def train(self, batch: int) -> Answer:
        """Steps per second of training."""
        watch = self._settings.stopwatch()
        self._classifier(batch).train(self._train_input(batch), [Ticks(watch)])
        return {"steps_per_sec": watch.steps_per_sec}

    def evaluate(self, batch: int) -> Answer:
        """Seconds to evaluate the test rows with the model trained in batches of `batch`."""
        classifier = self._classifier(batch)
        secs, metrics = timed(lambda: classifier.evaluate(self._test_input))
        return {"secs": secs, "auc": float(metrics["auc"])}

    def predict(self, batch: int) -> Answer:
        """Seconds to predict the test rows, one by one, with the same model."""
        classifier = self._classifier(batch)
        secs, answers = timed(lambda: list(classifier.predict(self._test_input)))
        return {"secs": secs, "rows": len(answers)}

    def train_tables(self, batch: int, buckets: int, model: str) -> Answer:
        """Steps per second of a model whose hashed columns have so many buckets each.

        Args:
            batch: rows per step.
            buckets: rows of the table of one column.
            model: "wide & deep" for the census model; "linear" for a linear one of its hashed
                columns; "linear, random keys" for one of two columns of 50,000 different keys,
                evenly likely, so that hardly any row is met in a cache.
        """
        watch = self._settings.stopwatch()
        of_rows = model != _RANDOM
        data = self._train_input(batch) if of_rows else self._random_input(batch)
        self._table_model(buckets, model).train(data, [Ticks(watch)])
        return {"steps_per_sec": watch.steps_per_sec}

    @functools.cache  # noqa: B019 one object for the life of the process
    def _classifier(self, batch: int) -> DNNLinearCombinedClassifier:
        return self._new_classifier()

    def _new_classifier(
        self, buckets: int = census.HASH_BUCKETS, config: RunConfig | None = None
    ) -> DNNLinearCombinedClassifier:
        wide, deep = _columns(self._settings.train, buckets)
        return DNNLinearCombinedClassifier(
            model_dir=tempfile.mkdtemp(),
            linear_feature_columns=wide,
            dnn_feature_columns=deep,
            dnn_hidden_units=census.HIDDEN_UNITS,
            config=config,
        )

    @functools.cache  # noqa: B019
    def _train_input(self, batch: int) -> inputs.ArrayInputFn:
        rows = self._settings.train
        return inputs.numpy_input_fn(
            rows.features, rows.labels, batch, num_epochs=None, shuffle=True
        )

    @functools.cache  # noqa: B019
    def _table_model(self, buckets: int, model: str) -> Estimator:
        # Nothing is saved: a table of 10^7 rows is written longer than it is trained here.
        config = RunConfig(save_checkpoints_steps=None)
        if model == "wide & deep":
            return self._new_classifier(buckets, config)
        columns = _hashed_columns(buckets)
        if model == _RANDOM:
            hashed = fc.categorical_column_with_hash_bucket
            columns = [hashed(name, buckets) for name in _RANDOM_COLUMNS]
        return LinearClassifier(columns, model_dir=tempfile.mkdtemp(), config=config)

    @functools.cache  # noqa: B019
    def _random_input(self, batch: int) -> inputs.ArrayInputFn:
        rng = np.random.default_rng(0)
        size = _RANDOM_KEYS
        keys = {name: rng.integers(2**62, size=size).astype(str) for name in _RANDOM_COLUMNS}
        labels = rng.integers(2, size=size)
        return inputs.numpy_input_fn(keys, labels, batch, num_epochs=None, shuffle=True)


def _hashed_columns(buckets: int) -> list[Any]:
    """Returns the hashed columns of the wide part, that of the occupation first."""
    return [
        fc.categorical_column_with_hash_bucket("occupation", buckets),
        fc.crossed_column(["education", "occupation"], buckets),
        fc.crossed_column([_age_buckets(), "education", "occupation"], buckets),
    ]


def _age_buckets() -> Any:
    return fc.bucketized_column(fc.numeric_column("age"), census.AGE_BOUNDARIES)


def _columns(rows: census.Rows, buckets: int) -> tuple[list[Any], list[Any]]:
    """Returns the columns of the wide and of the deep part."""
    numbers = [fc.numeric_column(name) for name in census.NUMBERS]
    known = [
        fc.categorical_column_with_vocabulary_list(name, rows.vocabulary(name))
        for name in census.VOCABULARY_COLUMNS
    ]
    occupation, *crosses = _hashed_columns(buckets)
    embedding = fc.embedding_column(occupation, census.EMBEDDING_SIZE)
    wide = [*known, occupation, _age_buckets(), *crosses]
    return wide, [*numbers, *map(fc.indicator_column, known), embedding]


if __name__ == "__main__":
    ours = Ours(read_settings())
    serve(
        {
            "versions": lambda: versions("tensorflow", "keras", "numpy"),
            "first_step": ours.first_step,
            "train": ours.train,
            "evaluate": ours.evaluate,
            "predict": ours.predict,
            "train_tables": ours.train_tables,
        }
    )
