"""The rows in which bins are found: the same ones, in whatever order and on whatever worker."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np

Array = np.ndarray[Any, Any]


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Some of the distinct rows, and how often each of them is there.

    Rows that are the same are in a sample together or not at all. Without their number, a value
    that a third of the rows have would be as rare as any other.

    Attributes:
        hashes: uint64 `[sample]`, ascending, each once.
        rows: int64 `[sample]`, the first row of each hash.
        counts: int64 `[sample]`.
    """

    hashes: Array
    rows: Array
    counts: Array

    @classmethod
    def of(cls, hashes: Array, size: int) -> Sample:
        """Returns up to `size` distinct rows: those of the smallest hashes.

        Args:
            hashes: uint64 `[rows]`; rows of one hash are taken for the same.
            size: distinct rows at the most.

        >>> sample = Sample.of(np.array([7, 9, 5, 7], np.uint64), size=2)
        >>> sample.hashes.tolist(), sample.rows.tolist(), sample.counts.tolist()
        ([5, 7], [2, 0], [1, 2])
        """
        looked_at = size
        while True:
            # A few, if they are enough: to sort all takes ten times as long.
            rows = np.arange(len(hashes))
            if looked_at < len(hashes):
                rows = np.flatnonzero(hashes <= np.partition(hashes, looked_at)[looked_at])
            distinct, first, counts = np.unique(hashes[rows], return_index=True, return_counts=True)
            if len(distinct) >= size or looked_at >= len(hashes):
                return cls(distinct[:size], rows[first[:size]], counts[:size])
            looked_at *= 4

    def among(self, others: Array, size: int) -> Sample:
        """Returns what is in a sample of several workers' rows.

        Args:
            others: uint64 `[n]`, the hashes of the samples of all workers.
            size: distinct rows of all workers at the most.
        """
        if len(others) <= size:
            return self
        is_in = np.isin(self.hashes, np.unique(others)[:size])
        return Sample(self.hashes[is_in], self.rows[is_in], self.counts[is_in])
