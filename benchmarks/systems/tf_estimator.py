"""tf.estimator 2.15, under its own interpreter, where nothing of this project can be imported."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks import census
from benchmarks.protocol import Answer, serve
from benchmarks.stopwatch import Stopwatch
from benchmarks.systems.settings import (
    Settings,
    read_settings,
    secs_to_first_tick,
    timed,
    versions,
)


class _Ticks(tf.compat.v1.train.SessionRunHook):
    """Tells a stopwatch of the steps, and ends the run when it has seen enough."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch
        self._step = 0

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self._step += 1
        if self._watch.tick(self._step):
            run_context.request_stop()


class TfEstimator:
    """The measurements.

    Two ways of feeding the rows: "numpy", its ready-made `numpy_input_fn`, and "gather", a
    `tf.data` pipeline that shuffles row numbers and gathers the rows of a batch at once.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def first_step(self, batch: int, form: str) -> Answer:
        """Seconds from making an Estimator to the end of its first step."""
        return secs_to_first_tick(
            lambda watch: self._new_classifier().train(
                self._train_input(batch, form), [_Ticks(watch)]
            )
        )

    def train(self, batch: int, form: str) -> Answer:
        """Steps per second of training."""
        watch = self._settings.stopwatch()
        self._classifier(batch).train(self._train_input(batch, form), [_Ticks(watch)])
        return {"steps_per_sec": watch.steps_per_sec}

    def evaluate(self, batch: int) -> Answer:
        """Seconds to evaluate the test rows with the model trained in batches of `batch`."""
        classifier = self._classifier(batch)
        secs, metrics = timed(lambda: classifier.evaluate(self._test_input()))
        return {"secs": secs, "auc": float(metrics["auc"])}

    def predict(self, batch: int) -> Answer:
        """Seconds to predict the test rows, one by one, with the same model."""
        classifier = self._classifier(batch)
        secs, answers = timed(lambda: list(classifier.predict(self._test_input())))
        return {"secs": secs, "rows": len(answers)}

    @functools.cache  # noqa: B019 one object for the life of the process
    def _classifier(self, batch: int) -> Any:
        return self._new_classifier()

    def _new_classifier(self) -> Any:
        wide, deep = _columns(self._settings.train)
        return tf.estimator.DNNLinearCombinedClassifier(
            model_dir=tempfile.mkdtemp(),
            linear_feature_columns=wide,
            dnn_feature_columns=deep,
            dnn_hidden_units=census.HIDDEN_UNITS,
        )

    def _train_input(self, batch: int, form: str) -> Callable[[], Any]:
        rows = self._settings.train
        if form == "gather":
            return lambda: _gathered(rows, batch)
        input_fn: Callable[[], Any] = tf.compat.v1.estimator.inputs.numpy_input_fn(
            dict(rows.features), rows.labels, batch, num_epochs=None, shuffle=True
        )
        return input_fn

    def _test_input(self) -> Callable[[], Any]:
        rows = self._settings.test
        input_fn: Callable[[], Any] = tf.compat.v1.estimator.inputs.numpy_input_fn(
            dict(rows.features), rows.labels, self._settings.test_batch, shuffle=False
        )
        return input_fn


def _gathered(rows: census.Rows, batch: int) -> Any:
    """Returns endless shuffled batches."""
    columns = {name: tf.constant(values) for name, values in rows.features.items()}
    labels = tf.constant(rows.labels)
    numbers = tf.data.Dataset.range(rows.number).shuffle(rows.number).repeat().batch(batch)
    return numbers.map(
        lambda at: ({name: tf.gather(v, at) for name, v in columns.items()}, tf.gather(labels, at)),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)


def _columns(rows: census.Rows) -> tuple[list[Any], list[Any]]:
    """Returns the columns of the wide and of the deep part."""
    fc = tf.feature_column
    numbers = [fc.numeric_column(name) for name in census.NUMBERS]
    age = fc.bucketized_column(numbers[0], list(census.AGE_BOUNDARIES))
    known = [
        fc.categorical_column_with_vocabulary_list(name, rows.vocabulary(name))
        for name in census.VOCABULARY_COLUMNS
    ]
    buckets = census.HASH_BUCKETS
    occupation = fc.categorical_column_with_hash_bucket("occupation", buckets)
    crosses = [
        fc.crossed_column(["education", "occupation"], buckets),
        fc.crossed_column([age, "education", "occupation"], buckets),
    ]
    embedding = fc.embedding_column(occupation, census.EMBEDDING_SIZE)
    wide = [*known, occupation, age, *crosses]
    return wide, [*numbers, *map(fc.indicator_column, known), embedding]


if __name__ == "__main__":
    peer = TfEstimator(read_settings())
    serve(
        {
            "versions": lambda: versions("tensorflow-cpu", "tensorflow-estimator", "numpy"),
            "first_step": peer.first_step,
            "train": peer.train,
            "evaluate": peer.evaluate,
            "predict": peer.predict,
        }
    )
