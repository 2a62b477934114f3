"""A number for each row that depends on what is in it, and on nothing else.

Whatever is drawn among rows by such numbers is drawn alike in whatever order the rows come, and
however many workers hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_ROWS_AT_ONCE = 16_384  # so that numbers of twice the width stay in the cache
_GOLDEN = 0x9E3779B97F4A7C15


def row_hashes(columns: Sequence[Array]) -> Array:
    """Returns a hash of each row.

    The products of the row's 32-bit words with random odd numbers, added up in 64 bits: a multiply
    and an addition for each word. Two rows that differ have the same upper half with a probability
    of 2^-32 (Lemire and Kaser, "Strongly Universal String Hashing is Fast", 2014); the bits are
    mixed at the end, so that any of them can be used.

    Args:
        columns: of four bytes each, `[rows]` or `[rows, width]`: float32 numbers, say, and labels.

    Returns:
        uint64 `[rows]`.

    >>> x = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0]], np.float32)
    >>> first, second, third = row_hashes([x])
    >>> bool(first == third), bool(first == second)
    (True, False)
    """
    wide = (each if each.ndim == 2 else each[:, np.newaxis] for each in columns)
    words = [np.ascontiguousarray(each).view(np.uint32) for each in wide]
    ends = np.cumsum([each.shape[1] for each in words])
    odd = _mixed(np.arange(1, ends[-1] + 1, dtype=np.uint64)) | np.uint64(1)
    factors = np.split(odd, ends[:-1])
    found = np.zeros(len(words[0]), np.uint64)
    for start in range(0, len(found), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        for each, factor in zip(words, factors, strict=True):
            found[part] += each[part].astype(np.uint64) @ factor
    return _mixed(found)


def _mixed(x: Array) -> Array:
    """Returns the numbers in a sequence of the generator SplitMix64 (Steele et al., 2014)."""
    x = x * np.uint64(_GOLDEN)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
