"""From an `input_fn` to batches on a device: the only caller of `input_fn`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from estimators import tracing
from estimators.aliases import Dataset, Features, InputFn, Labels, Params, PreprocessFn
from estimators.old_iterators import OldIterators
from estimators.spec import ModeKeys

_MOST_ROWS_AT_ONCE = 1_000_000


class WeightedLabels(NamedTuple):
    """Labels of a dataset whose elements have weights as their third part, as Keras takes them.

    Attributes:
        labels: as without weights.
        sample_weight: for a `model_fn` that names `sample_weight`.
    """

    labels: Labels
    sample_weight: Any


def split_weighted(labels: Labels) -> tuple[Labels, Any]:
    """Returns labels, and their weights or None."""
    return tuple(labels) if isinstance(labels, WeightedLabels) else (labels, None)


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """Calls input functions for one Estimator.

    Attributes:
        params: handed to an `input_fn` that names it.
        config: as `params`.
        preprocess_fn: maps the features of each batch inside the pipeline; None changes nothing.
        raw_in_evaluation: evaluation gets the features of `input_fn` too, not only what
            `preprocess_fn` made of them; added metrics may ask for any of them.
        prediction_preprocess_fn: takes the place of `preprocess_fn` in PREDICT; None does not.
        gather_fn: makes of the batches of a training run what it trains on; None changes nothing.
    """

    params: Params
    config: Any
    preprocess_fn: PreprocessFn | None = None
    raw_in_evaluation: bool = False
    prediction_preprocess_fn: PreprocessFn | None = None
    gather_fn: Callable[[Dataset], Dataset] | None = None

    def dataset(self, input_fn: Any, mode: str, input_context: Any = None) -> Dataset:
        """Returns the batches of `input_fn`, preprocessed and prefetched.

        Args:
            input_fn: the user's function.
            mode: a `ModeKeys` value. In PREDICT labels are dropped.
            input_context: the worker's `tf.distribute.InputContext`.

        Returns:
            A dataset of `(features,)` or `(features, labels)`.

        Raises:
            TypeError: `input_fn` is not callable.
            ValueError: it takes an unknown argument, or returns something else than data.
        """
        if not callable(input_fn):
            raise TypeError(f"`input_fn` must be callable, given: {input_fn!r}")
        preprocess = self.preprocess(mode)
        if _can_go_early(input_fn, preprocess):
            input_fn, preprocess = input_fn.with_preprocess(preprocess), None
        dataset = _as_dataset(self._call(input_fn, mode, input_context), mode)
        if preprocess is not None:
            dataset = dataset.map(
                lambda features, *labels: (preprocess(features), *labels),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
        if self.gather_fn is not None and mode == ModeKeys.TRAIN:
            # Not prefetched: a prefetched element would be in every checkpoint.
            return self.gather_fn(dataset)
        return dataset

    def preprocess(self, mode: str) -> PreprocessFn | None:
        """Returns what maps the features of a batch in a mode; None changes nothing."""
        preprocess = self.preprocess_fn
        if mode == ModeKeys.PREDICT:
            return self.prediction_preprocess_fn or preprocess
        if preprocess is None or mode != ModeKeys.EVAL or not self.raw_in_evaluation:
            return preprocess
        return lambda features: {**features, **preprocess(features)}

    def _call(self, input_fn: InputFn, mode: str, input_context: Any) -> Any:
        given = {
            "mode": mode,
            "params": self.params,
            "config": self.config,
            "input_context": input_context,
        }
        parameters = inspect.signature(input_fn).parameters
        unknown = [
            name
            for name, parameter in parameters.items()
            if name not in given
            and parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        if unknown:
            raise ValueError(
                f"`input_fn` ({input_fn}) has arguments that nobody gives: {unknown}. It may take "
                f"any of {sorted(given)}; bind the others with functools.partial."
            )
        iterators = OldIterators()
        # Seeded, so that a `shuffle()` without a seed is the same in every run of one random seed.
        seeded = tracing.seeded(self.config.tf_random_seed)
        with tf.device("/cpu:0"), iterators.watched(), seeded:
            data = input_fn(**{k: v for k, v in given.items() if k in parameters})
            return iterators.dataset_of(data)


def _can_go_early(input_fn: Any, preprocess: Any) -> bool:
    """Says whether each row can be preprocessed once, and not once in every epoch.

    The input must hold its rows in memory, few enough not to delay the first step by seconds. The
    function must say that it treats each row alike every time: a random one would be frozen.
    """
    rows = getattr(input_fn, "num_rows", None)
    is_row_wise = getattr(preprocess, "is_row_wise", False)
    return is_row_wise and rows is not None and rows <= _MOST_ROWS_AT_ONCE


def _as_dataset(data: Any, mode: str) -> Dataset:
    """Turns what an `input_fn` returned into a dataset of one- or two-tuples."""
    if data is None:
        raise ValueError(
            "`input_fn` returned None. Return a tf.data.Dataset of (features, labels)."
        )
    if not isinstance(data, tf.data.Dataset):
        # Tensors stand for themselves at every step, as they did in a graph.
        data = tf.data.Dataset.from_tensors(_pair(data)).repeat()
    structure = data.element_spec
    if isinstance(structure, list | tuple) and not hasattr(structure, "_fields"):
        if len(structure) not in (1, 2, 3):
            raise ValueError(
                "input_fn should return (features, labels) as a len 2 tuple, or with weights as a "
                f"third part. Its elements have {len(structure)} parts: {structure}."
            )
        if mode == ModeKeys.PREDICT:
            return data.map(lambda features, *_: (features,))
        if len(structure) == 3:
            return data.map(lambda features, *rest: (features, WeightedLabels(*rest)))
        return data if len(structure) == 2 else data.map(lambda features: (features,))
    return data.map(lambda features: (features,))


def _pair(data: Any) -> Any:
    if isinstance(data, list | tuple):
        if len(data) != 2:
            raise ValueError(
                "input_fn should return (features, labels) as a len 2 tuple, got "
                f"{len(data)} values."
            )
        features, labels = data
        return (features,) if labels is None else (features, labels)
    return (data,)


def element_spec(dataset: Dataset) -> tuple[Any, Any]:
    """Returns the specs of (features, labels); labels may be None."""
    return split(dataset.element_spec)


def split(element: Any) -> tuple[Features, Labels]:
    """Returns (features, labels) of an element; labels may be None."""
    return (*element, None)[:2]


def is_infinite(dataset: Dataset) -> bool:
    """Says whether the dataset is known never to end."""
    return bool(dataset.cardinality() == tf.data.INFINITE_CARDINALITY)


def is_empty(dataset: Dataset) -> bool:
    """Says whether the dataset is known to have no batch."""
    return bool(dataset.cardinality() == 0)
