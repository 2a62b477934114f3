"""Keras 3 `fit`: the same network in Keras layers, with the lookups outside the step.

Three ways of feeding the rows:

- "slices", as the Keras guides write it: `from_tensor_slices().shuffle().batch().map()`, with the
  preprocessing layers in the map;
- "gather": all rows preprocessed once, row numbers shuffled, a batch gathered at once;
- "arrays": all rows preprocessed once and handed to `fit` as arrays, which Keras batches itself.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import keras
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

# What Python does at the end of an epoch does not count in so many steps.
_EPOCH_STEPS = 300
_ENDLESS_EPOCHS = 1_000_000


class _Ticks(keras.callbacks.Callback):
    """Tells a stopwatch of the steps, and ends the run when it has seen enough.

    It listens to epochs: a callback for batches would keep Keras from running its own ones in
    another thread.
    """

    def __init__(self, watch: Stopwatch, epoch_steps: int) -> None:
        super().__init__()
        self._watch = watch
        self._epoch_steps = epoch_steps

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._watch.tick((epoch + 1) * self._epoch_steps):
            self.model.stop_training = True


class KerasFit:
    """The measurements. A model and its input are made once and used again, as a user would."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def first_step(self, batch: int, form: str, steps_per_execution: int) -> Answer:
        """Seconds from making a model to the end of its first execution."""

        def train(watch: Stopwatch) -> None:
            network = _build_network(self._preprocessing.sizes, steps_per_execution)
            self._fit(network, batch, form, watch=watch, epoch_steps=steps_per_execution)

        return secs_to_first_tick(train)

    def train(self, batch: int, form: str, steps_per_execution: int) -> Answer:
        """Steps per second of training."""
        watch = self._settings.stopwatch()
        network = self._network(batch, form, steps_per_execution)
        self._fit(network, batch, form, watch=watch, epoch_steps=_EPOCH_STEPS)
        return {"steps_per_sec": watch.steps_per_sec}

    def evaluate(self, batch: int, form: str, steps_per_execution: int) -> Answer:
        """Seconds to evaluate the test rows with one of the trained models."""
        scorer = self._network(batch, form, steps_per_execution).scorer
        features, labels = self._test_arrays
        size = self._settings.test_batch
        secs, metrics = timed(
            lambda: scorer.evaluate(features, labels, size, verbose=0, return_dict=True)
        )
        return {"secs": secs, "auc": float(metrics["auc"])}

    def predict(self, batch: int, form: str, steps_per_execution: int) -> Answer:
        """Seconds to predict the test rows with the same model."""
        scorer = self._network(batch, form, steps_per_execution).scorer
        features, _ = self._test_arrays
        secs, answers = timed(
            lambda: scorer.predict(features, self._settings.test_batch, verbose=0)
        )
        return {"secs": secs, "rows": len(answers)}

    def _fit(
        self, network: _Network, batch: int, form: str, *, watch: Stopwatch, epoch_steps: int
    ) -> None:
        fit = functools.partial(network.model.fit, epochs=_ENDLESS_EPOCHS, verbose=0)
        if form == "arrays":
            features, labels = self._train_arrays
            whole = -(-len(labels) // batch)
            fit(features, labels, batch_size=batch, callbacks=[_Ticks(watch, whole)])
            return
        data = self._slices(batch) if form == "slices" else self._gathered(batch)
        fit(data, steps_per_epoch=epoch_steps, callbacks=[_Ticks(watch, epoch_steps)])

    @functools.cache  # noqa: B019 one object for the life of the process
    def _network(self, batch: int, form: str, steps_per_execution: int) -> _Network:
        return _build_network(self._preprocessing.sizes, steps_per_execution)

    @functools.cached_property
    def _preprocessing(self) -> _Preprocessing:
        return _Preprocessing(self._settings.train)

    @functools.cached_property
    def _train_arrays(self) -> Any:
        return self._preprocessing.arrays(self._settings.train)

    @functools.cached_property
    def _test_arrays(self) -> Any:
        return self._preprocessing.arrays(self._settings.test)

    @functools.cache  # noqa: B019
    def _slices(self, batch: int) -> Any:
        rows, preprocessing = self._settings.train, self._preprocessing
        data = tf.data.Dataset.from_tensor_slices((dict(rows.features), rows.labels))
        batches = data.shuffle(rows.number).repeat().batch(batch)
        return batches.map(
            lambda features, labels: (preprocessing(features), labels),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(tf.data.AUTOTUNE)

    @functools.cache  # noqa: B019
    def _gathered(self, batch: int) -> Any:
        columns = tf.nest.map_structure(tf.constant, self._train_arrays)
        rows = self._settings.train.number
        numbers = tf.data.Dataset.range(rows).shuffle(rows).repeat().batch(batch)
        return numbers.map(
            lambda at: tf.nest.map_structure(lambda column: tf.gather(column, at), columns),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(tf.data.AUTOTUNE)


class _Preprocessing:
    """From raw columns to ids, and to one matrix of the numbers, by Keras's own layers.

    Attributes:
        sizes: number of ids of each categorical column.
    """

    def __init__(self, rows: census.Rows) -> None:
        self._lookups = {
            name: keras.layers.StringLookup(vocabulary=rows.vocabulary(name))
            for name in census.VOCABULARY_COLUMNS
        }
        self._occupation = keras.layers.Hashing(census.HASH_BUCKETS)
        self._age = keras.layers.Discretization(list(census.AGE_BOUNDARIES))
        self._cross = keras.layers.HashedCrossing(census.HASH_BUCKETS)
        self.sizes = {name: lookup.vocabulary_size() for name, lookup in self._lookups.items()}
        hashed = ("occupation", "education_x_occupation", "age_x_education_x_occupation")
        self.sizes |= dict.fromkeys(hashed, census.HASH_BUCKETS)
        self.sizes["age_buckets"] = len(census.AGE_BOUNDARIES) + 1

    def __call__(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """Returns "numbers" `[batch, 5]` and int64 ids `[batch]` by column."""
        pair = (features["education"], features["occupation"])
        age = tf.cast(self._age(features["age"]), tf.int64)
        return {
            "numbers": tf.stack([features[name] for name in census.NUMBERS], axis=1),
            **{name: lookup(features[name]) for name, lookup in self._lookups.items()},
            "occupation": self._occupation(features["occupation"]),
            "age_buckets": age,
            "education_x_occupation": self._cross(pair),
            "age_x_education_x_occupation": self._cross((age, *pair)),
        }

    def arrays(self, rows: census.Rows) -> tuple[dict[str, census.Array], census.Array]:
        """Returns all rows preprocessed, and their labels."""
        tensors = self({name: tf.constant(values) for name, values in rows.features.items()})
        return {name: tensor.numpy() for name, tensor in tensors.items()}, rows.labels


@dataclasses.dataclass(frozen=True)
class _Network:
    """One set of weights under two heads.

    Attributes:
        model: gives logits; compiled to be trained, without metrics, as an Estimator trains.
        scorer: gives probabilities; compiled to be evaluated with an Estimator's metrics.
    """

    model: Any
    scorer: Any


def _build_network(sizes: Mapping[str, int], steps_per_execution: int) -> _Network:
    layers = keras.layers
    inputs = {name: keras.Input((), name=name, dtype="int64") for name in sizes}
    numbers = keras.Input((len(census.NUMBERS),), name="numbers")
    wide = [layers.Embedding(size, 1, "zeros")(inputs[name]) for name, size in sizes.items()]
    indicators = [
        layers.CategoryEncoding(sizes[name], output_mode="one_hot")(inputs[name])
        for name in census.VOCABULARY_COLUMNS
    ]
    occupation = layers.Embedding(sizes["occupation"], census.EMBEDDING_SIZE)
    deep = layers.Concatenate()([numbers, *indicators, occupation(inputs["occupation"])])
    for units in census.HIDDEN_UNITS:
        deep = layers.Dense(units, "relu")(deep)
    logits = layers.Add()([*wide, layers.Dense(1)(deep)])
    everything = {"numbers": numbers, **inputs}
    model = keras.Model(everything, logits)
    model.compile(
        keras.optimizers.Adagrad(),
        keras.losses.BinaryCrossentropy(from_logits=True),
        steps_per_execution=steps_per_execution,
    )
    scorer = keras.Model(everything, layers.Activation("sigmoid")(logits))
    metrics = keras.metrics
    scorer.compile(
        loss=keras.losses.BinaryCrossentropy(),
        metrics=[
            metrics.BinaryAccuracy(),
            metrics.AUC(name="auc"),
            metrics.AUC(name="auc_precision_recall", curve="PR"),
            metrics.Precision(),
            metrics.Recall(),
        ],
        steps_per_execution=steps_per_execution,
    )
    return _Network(model, scorer)


if __name__ == "__main__":
    fit = KerasFit(read_settings())
    serve(
        {
            "versions": lambda: versions("tensorflow", "keras", "numpy"),
            "first_step": fit.first_step,
            "train": fit.train,
            "evaluate": fit.evaluate,
            "predict": fit.predict,
        }
    )
