"""All rows of a pass of `input_fn`, binned: what trees are grown on."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, final

import numpy as np
import tensorflow as tf

from estimators.loops import op_errors_named
from premade.boosted_trees import binning, categories
from premade.boosted_trees.partition import BLOCK, MISSING_BIN
from premade.boosted_trees.peers import Peers
from premade.boosted_trees.quads import put_bins, quad_count
from premade.boosted_trees.reading import BAD_WEIGHTS, NO_ROWS, with_numbers
from premade.boosted_trees.row_hash import row_hashes
from premade.boosted_trees.row_store import MemoryRows, RowStore, SpilledRows, zeros
from premade.boosted_trees.sample import Sample
from premade.boosted_trees.tree_features import TreeFeatures

Tensor = Any
Array = np.ndarray[Any, Any]

BINS, LABELS, WEIGHTS, BOUNDARIES = "bins", "labels", "weights", "boundaries"
HELD_OUT, HASHES, ROOM, CENTER = "held_out", "hashes", "room", "center"

_SAMPLE = 200_000
_MOST_NUMBERS = 2**31 - 1
_COLUMNS_AT_ONCE = 64


@final
@dataclasses.dataclass(frozen=True)
class TableMaker:
    """Reads a dataset to its end, and returns one whose elements are all of it, for ever.

    Attributes:
        features: the numbers of each row.
        targets: takes features and labels of a batch; returns labels, in any structure, and
            weights; all of them `[batch, ...]`, the weights float32.
        known_boundaries: returns the boundaries of the bins of an earlier training, or None.
        threads: of this process. The rows of a replica are in as many parts, or in more if the
            numbers of a part could not be counted in 32 bits.
        peers: those who have the other rows.
        max_bins: bins of a feature at the most, without that of missing values.
        cache_dir: see `TreeOptions`.
        validation_fraction: of the rows, which are held out; 0 holds none out.
        most_drawn: where trees do not see all rows, takes the hashes of the rows of a part, and how
            many rows there are of all workers; returns how many of the part they see at the most.
        center: takes labels and weights of all parts, and whether there is no earlier training;
            returns what the table has as `center`.
        when_read: told how many rows each part has, as soon as that is known, how many of them
            trees see, and of what type and shape labels and weights are in a batch.
        when_binned: told the bins of each part.
    """

    features: TreeFeatures
    targets: Callable[[Any, Any], tuple[Any, Tensor]]
    known_boundaries: Callable[[], Array | None]
    threads: int
    peers: Peers
    max_bins: int = binning.MOST_BINS
    cache_dir: str | None = None
    validation_fraction: float = 0.0
    most_drawn: Callable[[Array, int], int] | None = None
    center: Callable[[Sequence[Any], Sequence[Tensor], bool], Tensor] | None = None
    when_read: Callable[[int, int, Any, Any], None] | None = None
    when_binned: Callable[[Sequence[Tensor]], None] | None = None

    def __call__(self, dataset: Any) -> Any:
        """Returns the table as an endless dataset, an element for each replica of this process.

        Elements are tuples of one dict: `bins`, for each shard int32 `[quads, rows]`, see
        `quads`; `labels` and `weights`, for each shard what `targets` gives, of `[rows, ...]`, with
        the weight 0 and the labels of the last row where rows only fill the last block; and
        `boundaries`, float32 `[features, boundaries]`. Where rows are held out, `held_out` has
        their weights, and `weights` is 0 for them. Where trees do not see all rows, there are
        `hashes`, int64 `[rows]`, and `room`, whose shape `[most, 0]` says how many of a shard they
        see.

        Raises:
            ValueError: the dataset has no end, no labels, or there are no rows at all; or an
                earlier training had other columns.
        """
        rows = self._read(dataset)
        parts = self._parts(rows.count)
        room = self._room(rows, parts)
        if self.when_read is not None:
            self.when_read(parts.size, room, *rows.spec)
        columns = self._divided(rows)
        if self.most_drawn is not None:
            columns[HASHES] = rows.hashes.view(np.int64)
        known = self.known_boundaries()
        boundaries = self._boundaries(rows) if known is None else known
        self.features.check_boundaries(boundaries)
        arrays = self._binned(rows.store, parts, boundaries)
        bins = [_without_a_copy(of_part) for of_part in arrays]
        if self.when_binned is not None:
            self.when_binned(bins)
        by_part = {
            BINS: bins,
            LABELS: [parts.repeating(rows.labels, i) for i in range(parts.count)],
            **{
                name: [parts.filled(column, i) for i in range(parts.count)]
                for name, column in columns.items()
            },
        }
        if self.most_drawn is not None:
            by_part[ROOM] = [tf.zeros([room, 0])] * parts.count
        of_all = {BOUNDARIES: tf.constant(boundaries)}
        if self.center is not None:
            of_all[CENTER] = self.center(by_part[LABELS], by_part[WEIGHTS], known is None)
        elements = (
            {
                **{name: tuple(of_parts[i] for i in chosen) for name, of_parts in by_part.items()},
                **of_all,
            }
            for chosen in np.split(np.arange(parts.count), self.peers.local_replicas)
        )
        first, *others = (tf.data.Dataset.from_tensors((element,)) for element in elements)
        for other in others:
            first = first.concatenate(other)
        options = tf.data.Options()
        # A prefetched element would be in every checkpoint, and a run that was interrupted would
        # begin with it, whatever the order in which the rows were read again.
        options.experimental_optimization.inject_prefetch = False
        return first.repeat().with_options(options)

    def _room(self, rows: _Rows, parts: _Parts) -> int:
        """Returns how many rows of a part a tree sees at the most, in whole blocks."""
        if self.most_drawn is None:
            return parts.size
        (everyones,) = self.peers.gathered(np.array([[rows.count]])).sum(axis=0)
        starts = range(0, parts.count * parts.size, parts.size)
        hashes = (rows.hashes[start : start + parts.size] for start in starts)
        most = max(self.most_drawn(of_part, int(everyones)) for of_part in hashes)
        return max(1, -(-most // BLOCK)) * BLOCK

    def _divided(self, rows: _Rows) -> dict[str, Array]:
        """Returns weights to train with, and those of rows held out."""
        if not self.validation_fraction:
            return {WEIGHTS: rows.weights}
        is_held = rows.held_out(self.validation_fraction)
        counts = np.array([[is_held.sum(), (~is_held).sum()]])
        held, trained = self.peers.gathered(counts).sum(axis=0)
        if not (held and trained):
            raise ValueError(
                f"validation_fraction ({self.validation_fraction}) holds {held} of "
                f"{held + trained} distinct or equal rows out, and leaves {trained}: there must be "
                "some of both. Give more rows, or leave early_stopping_trees out."
            )
        is_held = is_held.reshape([-1] + [1] * (rows.weights.ndim - 1))
        return {WEIGHTS: rows.weights * ~is_held, HELD_OUT: rows.weights * is_held}

    def _read(self, dataset: Any) -> _Rows:
        if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError(
                "input_fn gives data without an end, and trees are grown on all rows of one pass. "
                "Remove .repeat(), or give num_epochs=1."
            )
        read_batches = with_numbers(dataset, self.features, self.targets)
        width = len(self.features.all)
        store = SpilledRows(self.cache_dir, width) if self.cache_dir else MemoryRows(width)
        rows = _Rows(store, read_batches.element_spec, self.features)
        with op_errors_named():
            # Not `.numpy()`, which copies.
            for batch in read_batches.as_numpy_iterator():
                rows.append(*batch)
        # Asked by all workers before any of them refuses, so that none is left waiting.
        count, refused = self.peers.gathered(np.array([[rows.count, rows.refused]])).sum(axis=0)
        if not count:
            raise ValueError(NO_ROWS)
        if refused:
            raise ValueError(BAD_WEIGHTS)
        return rows

    def _boundaries(self, rows: _Rows) -> Array:
        found: list[Any] = [feature.boundaries for feature in self.features.all]
        for i, counts in rows.counts_of_ids.items():
            everyones = self.peers.gathered(counts[np.newaxis]).sum(axis=0)
            found[i] = categories.listed(everyones, self.max_bins)
        sought = [i for i, boundaries in enumerate(found) if boundaries is None]
        if sought:
            sample = Sample.of(rows.hashes, _SAMPLE)
            everyones = self.peers.gathered(sample.hashes.view(np.int64)).view(np.uint64)
            sample = sample.among(everyones, _SAMPLE)
            numbers = rows.store.chosen(sample.rows)
            counts = self.peers.gathered(sample.counts)
        for start in range(0, len(sought), _COLUMNS_AT_ONCE):
            some = sought[start : start + _COLUMNS_AT_ONCE]
            for i, values in zip(some, self.peers.gathered(numbers[:, some]).T, strict=True):
                found[i] = binning.boundaries_of(
                    np.ascontiguousarray(values), self.max_bins, counts=counts
                )
        return binning.table_of([np.asarray(boundaries, np.float32) for boundaries in found])

    def _parts(self, rows: int) -> _Parts:
        replicas = self.peers.local_replicas
        blocks = max(1, -(-rows // BLOCK))
        most = max(1, _MOST_NUMBERS // (len(self.features.all) * BLOCK))
        shards = max(1, self.threads // replicas, -(-blocks // (most * replicas)))
        return _Parts(replicas * shards, -(-blocks // (replicas * shards)) * BLOCK)

    def _binned(self, store: RowStore, parts: _Parts, boundaries: Array) -> Array:
        """Returns int32 `[parts, quads, rows]`, see `quads`; the store is empty then."""
        shape = parts.count, quad_count(len(boundaries)), parts.size
        quads = zeros(shape, self.cache_dir)
        table = tf.constant(boundaries)

        def take(start: int, numbers: Array) -> None:
            part, place = divmod(start, parts.size)
            padded = np.pad(numbers, [(0, BLOCK - len(numbers)), (0, 0)])
            of_block = binning.table_bins(padded, table)
            of_block = self.features.by_category(of_block, padded, table, MISSING_BIN).numpy()
            put_bins(quads[part], of_block[:, : len(numbers)], place)

        with futures.ThreadPoolExecutor(self.threads) as pool:
            # A block for each thread at a time: more of them would have to be kept.
            blocks = zip(itertools.count(0, BLOCK), store.blocks(BLOCK))
            # The first alone, so that it is traced after nothing else; see `Rehearsal`.
            for block in itertools.islice(blocks, 1):
                take(*block)
            while some := list(itertools.islice(blocks, self.threads)):
                list(pool.map(lambda block: take(*block), some))
        return quads


@final
class _Rows:
    """All rows that a worker has read.

    Args:
        store: where their numbers are.
        spec: of a batch: numbers, labels and weights.
        features: the numbers.
    """

    def __init__(self, store: RowStore, spec: Any, features: TreeFeatures) -> None:
        self.store = store
        self.count = 0
        self.refused = 0
        self.counts_of_ids = {
            i: np.zeros(features.all[i].categories or 0, np.int64) for i in features.categorical
        }
        _, *self.spec = spec
        # Of no rows, so that a worker without any has the structure.
        none = tf.nest.map_structure(
            lambda each: np.zeros([0, *each.shape[1:]], each.dtype.as_numpy_dtype), self.spec
        )
        self._columns = [tuple(none)]
        self._hashes = [np.zeros(0, np.uint64)]

    def append(self, numbers: Array, labels: Any, weights: Array) -> None:
        """Takes a batch."""
        self.store.append(numbers)
        self.count += len(numbers)
        self.refused += int((~(np.isfinite(weights) & (weights >= 0))).sum())
        for i, counts in self.counts_of_ids.items():
            counts += categories.counts_of(numbers[:, i], len(counts))
        self._columns.append((labels, weights))
        self._hashes.append(row_hashes([numbers]))

    @functools.cached_property
    def hashes(self) -> Array:
        """Of the numbers of each row, uint64 `[rows]`."""
        return np.concatenate(self._hashes)

    def held_out(self, fraction: float) -> Array:
        """Returns which rows are held out, bool `[rows]`: those of the greatest hashes.

        Bins are found in rows of the smallest ones.
        """
        return self.hashes >= np.uint64((1.0 - fraction) * 2**64)

    @functools.cached_property
    def labels(self) -> Any:
        """Labels, `[rows, ...]` each."""
        of_batches = [labels for labels, _ in self._columns]
        return tf.nest.map_structure(lambda *parts: np.concatenate(parts), *of_batches)

    @functools.cached_property
    def weights(self) -> Array:
        """Weights, float32 `[rows, ...]`."""
        return np.concatenate([weights for _, weights in self._columns])


@final
@dataclasses.dataclass(frozen=True)
class _Parts:
    """How the rows of a worker are divided, in their order; the last parts may have none.

    Attributes:
        count: of the parts, those of all replicas of this worker.
        size: rows of each part: whole blocks.
    """

    count: int
    size: int

    def filled(self, column: Array, i: int) -> Tensor:
        """Returns rows of part i, `[size, ...]`, with zeros behind the last row."""
        part = column[i * self.size : (i + 1) * self.size]
        room = self.size - len(part)
        return tf.constant(np.pad(part, [(0, room)] + [(0, 0)] * (part.ndim - 1)))

    def repeating(self, columns: Any, i: int) -> Any:
        """Returns rows of part i, `[size, ...]` each, with the last row again behind it."""

        def part(column: Array) -> Tensor:
            if not len(column):
                return self.filled(column, i)
            rows = np.arange(i * self.size, (i + 1) * self.size)
            return tf.constant(column[np.minimum(rows, len(column) - 1)])

        return tf.nest.map_structure(part, columns)


def _without_a_copy(array: Array) -> Tensor:
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
