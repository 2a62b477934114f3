"""Rows of a variable that follow their tokens from one vocabulary to another."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import tensorflow as tf

Array = np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class VocabInfo:
    """How the rows of a variable moved between an old and a new vocabulary.

    Attributes:
        new_vocab: path of the present vocabulary file, one token a line.
        new_vocab_size: how many of its lines are used.
        num_oov_buckets: rows behind the vocabulary; they get fresh values, because a token hashes
            to another bucket when the vocabulary changes.
        old_vocab: path of the vocabulary file of the checkpoint.
        old_vocab_size: how many of its lines were used; -1 means all.
        backup_initializer: `shape -> values` for rows without an old one, such as a
            `keras.initializers.Initializer`; None makes them zero.
        axis: 0 when rows are tokens; 1 when columns are, as in the kernel of a classifier's last
            layer, whose columns are its classes.

    Raises:
        ValueError: a path is empty, a size is out of range, or `axis` is neither 0 nor 1.
        TypeError: `backup_initializer` cannot be called.

    Example:
        >>> np.savetxt("old.txt", ["clerk", "nurse"], fmt="%s")
        >>> np.savetxt("new.txt", ["nurse", "pilot", "clerk"], fmt="%s")
        >>> jobs = VocabInfo("new.txt", 3, num_oov_buckets=0, old_vocab="old.txt")
        >>> jobs.remap(np.array([[1.0], [2.0]])).tolist()
        [[2.0], [0.0], [1.0]]
    """

    new_vocab: str
    new_vocab_size: int
    num_oov_buckets: int
    old_vocab: str
    old_vocab_size: int = -1
    backup_initializer: Callable[..., Any] | None = None
    axis: int = 0

    def __post_init__(self) -> None:
        if self.axis not in (0, 1):
            raise ValueError(
                f"axis must be 0, when rows are tokens, or 1, when columns are, got {self.axis!r}."
            )
        if not (self.new_vocab and self.old_vocab):
            raise ValueError(
                "new_vocab and old_vocab must be paths of vocabulary files, got "
                f"{self.new_vocab!r} and {self.old_vocab!r}."
            )
        if self.new_vocab_size < 1 or self.num_oov_buckets < 0:
            raise ValueError(
                "new_vocab_size must be at least 1 and num_oov_buckets at least 0, got "
                f"{self.new_vocab_size!r} and {self.num_oov_buckets!r}."
            )
        if not (self.backup_initializer is None or callable(self.backup_initializer)):
            raise TypeError(
                "backup_initializer must be callable with a shape, as a Keras initializer is, "
                f"got {self.backup_initializer!r}."
            )

    @classmethod
    def of(cls, info: Any) -> Self:
        """Returns an equal of a `tf.compat.v1.train.VocabInfo`, or what is one already.

        Raises:
            TypeError: it is something else.
        """
        if isinstance(info, cls):
            return info
        if isinstance(info, tf.compat.v1.train.VocabInfo):
            return cls(*info)
        raise TypeError(f"var_name_to_vocab_info needs a VocabInfo by name, got {info!r}.")

    def remap(self, old: Array) -> Array:
        """Returns the values of the new variable, given those of the old one.

        Args:
            old: of rank 1 or more; along `axis` the tokens of the old vocabulary, and then
                whatever buckets there were for others, which are not taken over.

        Returns:
            `new_vocab_size + num_oov_buckets` entries along `axis`, otherwise of the shape of
            `old`, in its dtype.

        Raises:
            ValueError: a file or a variable has fewer entries than it should have, or a token is
                twice in the old vocabulary.
            tf.errors.NotFoundError: there is no such file.
        """
        old_row = self._old_rows(old.shape)
        tokens = _first_lines(self.new_vocab, self.new_vocab_size, "new_vocab")
        shape = list(old.shape)
        shape[self.axis] = len(tokens) + self.num_oov_buckets
        new = np.zeros(shape, old.dtype)
        if self.backup_initializer is not None:
            new[...] = self.backup_initializer(shape)
        kept = [(row, old_row[token]) for row, token in enumerate(tokens) if token in old_row]
        if kept:
            to, of = np.transpose(kept)
            np.moveaxis(new, self.axis, 0)[to] = np.moveaxis(old, self.axis, 0)[of]
        return new

    def _old_rows(self, shape: tuple[int, ...]) -> dict[bytes, int]:
        """Returns the place of each token along the axis of the old variable."""
        tokens = _first_lines(self.old_vocab, self.old_vocab_size, "old_vocab")
        if len(shape) <= self.axis or shape[self.axis] < len(tokens):
            raise ValueError(
                f"old_vocab {self.old_vocab!r} is used with {len(tokens)} tokens, but the variable "
                f"in the checkpoint has shape {list(shape)}: too few along axis {self.axis}. Give "
                "the file and the `old_vocab_size` that it was trained with, and its `axis`."
            )
        rows = {token: row for row, token in enumerate(tokens)}
        if len(rows) < len(tokens):
            token, times = Counter(tokens).most_common(1)[0]
            raise ValueError(
                f"{token.decode(errors='replace')!r} is {times} times in old_vocab "
                f"{self.old_vocab!r}, so that it has no row of its own. Remove the repetitions "
                "from a copy only if the checkpoint was trained without them."
            )
        return rows


def _first_lines(path: str, size: int, what: str) -> list[bytes]:
    """Returns the first lines of a file, all of them if `size` is -1.

    As lookup tables read them: a carriage return is part of no token.
    """
    if not tf.io.gfile.exists(path):
        raise tf.errors.NotFoundError(None, None, f"{what}: there is no file {path!r}.")
    with tf.io.gfile.GFile(path, "rb") as file:
        text = file.read().replace(b"\r", b"")
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    if size > len(lines):
        raise ValueError(
            f"{what}_size is {size}, but {path!r} has {len(lines)} lines only. Give the number of "
            "tokens that the column of this vocabulary uses."
        )
    return lines if size < 0 else lines[:size]
