"""Where numbers wait for their bins, and where their bins are kept: in memory or on disk."""

from __future__ import annotations

import collections
import mmap
import tempfile
from collections.abc import Iterator
from typing import Any, Protocol, final

import numpy as np

Array = np.ndarray[Any, Any]


class RowStore(Protocol):
    """Rows of one width, float32, in the order in which they came."""

    def append(self, rows: Array) -> None:
        """Takes `[n, width]`."""

    def chosen(self, which: Array) -> Array:
        """Returns some of the rows; `which` is int64, in any order."""

    def blocks(self, size: int) -> Iterator[Array]:
        """Yields all rows, `size` at a time, the last ones fewer; the store is empty then."""


@final
class MemoryRows:
    """Rows in memory.

    Args:
        width: numbers of a row.

    Example:
        >>> store = MemoryRows(width=1)
        >>> store.append(np.array([[1.0], [2.0]], np.float32))
        >>> store.append(np.array([[3.0]], np.float32))
        >>> store.chosen(np.array([2, 0])).tolist()
        [[3.0], [1.0]]
        >>> [block.tolist() for block in store.blocks(2)]
        [[[1.0], [2.0]], [[3.0]]]
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._batches: collections.deque[Array] = collections.deque()

    def append(self, rows: Array) -> None:
        """See `RowStore`."""
        self._batches.append(rows)

    def chosen(self, which: Array) -> Array:
        """See `RowStore`."""
        order = np.argsort(which)
        ends = np.cumsum([len(batch) for batch in self._batches])
        cuts = np.searchsorted(which[order], [0, *ends])
        found = np.empty([len(which), self._width], np.float32)
        for i, (batch, end) in enumerate(zip(self._batches, ends, strict=True)):
            places = order[cuts[i] : cuts[i + 1]]
            found[places] = batch[which[places] - (end - len(batch))]
        return found

    def blocks(self, size: int) -> Iterator[Array]:
        """See `RowStore`."""
        held: list[Array] = []
        count = 0
        while self._batches:
            # Each batch is let go as soon as its rows are taken.
            held.append(self._batches.popleft())
            count += len(held[-1])
            if count < size:
                continue
            rows = held[0] if len(held) == 1 else np.concatenate(held)
            cut = count - count % size
            yield from np.split(rows[:cut], cut // size)
            held, count = [rows[cut:]], count - cut
        if count:
            yield np.concatenate(held)


@final
class SpilledRows:
    """Rows in a file without a name, which is gone when the process is, however that ends.

    Args:
        folder: where the file is.
        width: numbers of a row.
    """

    def __init__(self, folder: str, width: int) -> None:
        # Unbuffered: the rows of a batch are one write.
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._width = width

    def append(self, rows: Array) -> None:
        """See `RowStore`."""
        np.ascontiguousarray(rows).tofile(self._file)

    def chosen(self, which: Array) -> Array:
        """See `RowStore`."""
        rows = np.memmap(self._file, np.float32, "r").reshape(-1, self._width)
        return np.asarray(rows[which])

    def blocks(self, size: int) -> Iterator[Array]:
        """See `RowStore`."""
        self._file.seek(0)
        with self._file as file:
            while len(numbers := np.fromfile(file, np.float32, size * self._width)):
                yield numbers.reshape(-1, self._width)


def zeros(shape: tuple[int, ...], folder: str | None) -> Array:
    """Returns numbers to write to, of which TensorFlow can make tensors without copying them.

    Args:
        shape: of the array, int32.
        folder: of the file in which they are, without a name; None keeps them in memory. Pages of
            a file leave the memory when it gets tight, and come back when they are read.

    >>> zeros((2, 3), None).tolist()
    [[0, 0, 0], [0, 0, 0]]
    """
    size = int(np.prod(shape)) * np.dtype(np.int32).itemsize
    if folder is None:
        # Begins with a page: TensorFlow copies what is not aligned.
        return np.frombuffer(mmap.mmap(-1, size), np.int32).reshape(shape)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), np.int32).reshape(shape)
