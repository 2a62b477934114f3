"""Input functions over rows in memory."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.aliases import Dataset, Features, PreprocessFn, Tensor
from estimators.inputs.options import ReadOptions, Shard, finish
from estimators.inputs.positions import batch_count, in_order
from estimators.inputs.table import Table, concatenate, row_count

_CHUNK_ROWS = 8192


@dataclasses.dataclass(frozen=True, eq=False)
class ArrayInputFn:
    """Reads batches from columns held as tensors.

    The columns are checked and made into tensors at the first call and kept: later changes of the
    arrays are not seen. The saved state of an iterator is a seed and a position.

    Attributes:
        read: returns `features`, or the pair `(features, labels)`, as nests of tensors
            `[rows, ...]`.
        options: batch size, epochs, order and seed.

    Example:
        >>> read = lambda: ({"x": tf.constant([1.0, 2.0])}, tf.constant([0, 1]))
        >>> features, labels = next(iter(ArrayInputFn(read, ReadOptions())()))
        >>> features["x"].numpy().tolist(), labels.numpy().tolist()
        ([1.0, 2.0], [0, 1])
    """

    read: Callable[[], Any]
    options: ReadOptions

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert
    def __call__(self, config: Any = None, input_context: Any = None) -> Dataset:
        """Returns the dataset of `features` or `(features, labels)`, in batches.

        Args:
            config: `RunConfig` whose `tf_random_seed` orders the rows unless a seed was given.
            input_context: `tf.distribute.InputContext`; this worker then reads its part only.
        """
        shard = Shard.of(input_context)
        seed = self.options.seed_of(config, shard)
        if not tf.executing_eagerly():  # What is made in a graph belongs to it.
            return self._dataset(seed, shard)
        # Evaluations ask for the same dataset again and again: made anew, it would take longer
        # (70 ms) than to evaluate ten thousand rows.
        last = self._last_dataset
        if last.get("key") != (seed, shard):
            last.update(key=(seed, shard), dataset=self._dataset(seed, shard))
        return last["dataset"]

    @functools.cached_property
    def _last_dataset(self) -> dict[str, Any]:
        return {}

    def _dataset(self, seed: int, shard: Shard) -> Dataset:
        options = tf.data.Options()
        # There is nothing to tune, and the thread that tries to may keep whoever has read to the
        # end waiting for 0.2 s, where that took half a second. What is mapped later with
        # `num_parallel_calls=AUTOTUNE` is still parallel.
        options.autotune.enabled = False
        with tf.device("CPU:0"):
            return finish(self._batches(seed, shard), shard).with_options(options)

    def _batches(self, seed: int, shard: Shard) -> Dataset:
        """Returns the batches, gathered several at a time and then cut apart.

        A gather costs as much for one small batch as for some: with the 13 columns of the census
        rows, a batch of 40 takes 104 us alone and 32 us as one of a hundred.
        """
        options, size = self.options, self.options.batch_size
        take = functools.partial(in_order, self._table.gather, self.num_rows)
        at_once = self._table.rows_at_once() // size
        if at_once < 2:
            return take(options, seed=seed, shard=shard)
        several = dataclasses.replace(options, batch_size=size * at_once)
        batches = take(several, seed=seed, shard=shard).rebatch(size, options.num_epochs is None)
        # Cut batches are no longer counted by tf.data itself.
        count = batch_count(self.num_rows, options, shard)
        return batches.apply(tf.data.experimental.assert_cardinality(count))

    @property
    def num_rows(self) -> int:
        """Number of rows of one epoch, over all workers."""
        return self._table.rows

    def with_preprocess(self, preprocess_fn: PreprocessFn) -> ArrayInputFn:
        """Returns an input function whose features are already transformed.

        Each row is transformed once, in large chunks, at the first call; batches are then gathered
        from the results, so that further epochs cost no transform. The results take memory: for
        each row, what `preprocess_fn` returns for it.

        Args:
            preprocess_fn: maps the features of a batch to those of the model. It must treat each
                row alone and always alike: random augmentation would be frozen.

        Returns:
            The input function. The same `preprocess_fn` as in the last call gives the same
            object, with the rows it already holds.

        >>> read = lambda: ({"x": tf.constant([1., 2.])}, tf.constant([0, 1]))
        >>> doubled = ArrayInputFn(read, ReadOptions()).with_preprocess(lambda f: {"y": 2 * f["x"]})
        >>> next(iter(doubled()))[0]["y"].numpy().tolist()
        [2.0, 4.0]
        """
        last = self._last_preprocessed
        if last.get("fn") != preprocess_fn:
            read = functools.partial(self._read_preprocessed, preprocess_fn)
            last.update(fn=preprocess_fn, input_fn=ArrayInputFn(read, self.options))
        return last["input_fn"]

    @functools.cached_property
    def _last_preprocessed(self) -> dict[str, Any]:
        # One place, not a growing memo: an Estimator asks again with its own one function.
        return {}

    @functools.cached_property
    def _table(self) -> Table:
        with tf.init_scope(), tf.device("CPU:0"):
            return Table.pack(self.read())

    @tf.autograph.experimental.do_not_convert
    def _read_preprocessed(self, preprocess_fn: PreprocessFn) -> Any:
        table = self._table
        has_labels = isinstance(table.gather(tf.constant([0])), tuple)

        def transform(indices: Tensor) -> Features:
            rows = table.gather(indices)
            return preprocess_fn(rows[0] if has_labels else rows)

        # Through tf.data, as it would run per batch, so that the results are bit for bit the same.
        options = ReadOptions(batch_size=_CHUNK_ROWS)
        chunks = in_order(transform, table.rows, options, seed=0, shard=Shard())
        features = concatenate(list(chunks))
        check_rows(features, table.rows, "preprocess_fn")
        if not has_labels:
            return features
        return features, table.gather(tf.range(table.rows))[1]


def check_rows(columns: Any, rows: int, source: str) -> None:
    """Raises a ValueError unless every column has as many rows as there are."""
    for path, column in _named_leaves(columns):
        if row_count(column) != rows:
            raise ValueError(
                f"`{source}` must return one row per row it is given, but {path} has "
                f"{row_count(column)} rows of {rows}."
            )


def _named_leaves(columns: Any) -> list[tuple[str, Tensor]]:
    if isinstance(columns, Mapping):
        return [(f"feature {key!r}", columns[key]) for key in sorted(columns)]
    return [("its value", leaf) for leaf in tf.nest.flatten(columns)]


def to_tensor(name: str, values: Any) -> Tensor:
    """Returns the column as a tensor.

    Raises:
        TypeError: the values have no TensorFlow dtype.
    """
    if tf.is_tensor(values):
        return values
    array = np.asarray(values)
    try:
        return tf.constant(array)
    except (TypeError, ValueError) as error:
        strange = _first_strange(array)
        raise TypeError(
            f"Column {name!r} must hold numbers, bools or strings, got dtype {array.dtype} with "
            f"value {strange!r} of type {type(strange).__name__}. Convert it first, for instance "
            "with .astype(str), and fill missing values."
        ) from error


def _first_strange(array: np.ndarray[Any, Any]) -> Any:
    flat = array.reshape(-1)
    return next((value for value in flat if not isinstance(value, str | bytes)), flat[:1])
