"""The classes of a classifier: ids, names, and the way from one to the other."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from estimators.aliases import Tensor
from estimators.heads import _inputs

_FINGERPRINTS = 2**63 - 1


@final
@dataclasses.dataclass(frozen=True)
class ClassNames:
    """Ids `0 .. n_classes - 1` and, with a vocabulary, their names.

    Lookups are plain operations on constants: nothing has to be initialised, tracked or exported.

    Attributes:
        owner: the head, for messages.
        n_classes: number of classes.
        vocabulary: the name of each class, or None where labels are ids.

    Raises:
        ValueError: the vocabulary is not a list of `n_classes` different strings.

    >>> import tensorflow as tf
    >>> names = ClassNames("head", 2, ["no", "yes"])
    >>> names.ids(tf.constant([["yes"], ["no"]])).numpy().tolist()
    [[1], [0]]
    """

    owner: str
    n_classes: int
    vocabulary: Sequence[str] | None = None

    def __post_init__(self) -> None:
        words = self.vocabulary
        if words is None:
            return
        if not isinstance(words, list | tuple):
            raise ValueError(
                f"{self.owner}: label_vocabulary should be a list or a tuple. "
                f"Given type: {type(words)}"
            )
        for word in words:
            if not isinstance(word, str | bytes):
                raise ValueError(
                    f"{self.owner}: label_vocabulary must hold strings, got {word!r}. For integer "
                    "class ids leave label_vocabulary out."
                )
        if len(words) != self.n_classes:
            raise ValueError(
                f'{self.owner}: "label_vocabulary" does not have "n_classes" items. '
                f"n_classes={self.n_classes}, given {len(words)}: {list(words[:5])}"
            )
        if len(set(words)) < len(words):
            twice = next(word for i, word in enumerate(words) if word in words[:i])
            raise ValueError(f"{self.owner}: label_vocabulary holds {twice!r} twice.")

    def ids(self, labels: Tensor, rows: Tensor | None = None) -> Tensor:
        """Returns the int64 class id of each name, same shape.

        Args:
            labels: string, `[batch, ...]`, or `[values]` if there are `rows`.
            rows: int, `[values]`, the row of each label in the batch, for messages.

        Raises:
            ValueError: there is no vocabulary, the labels are not strings, or, in eager mode,
                a label is not in the vocabulary.
        """
        if self.vocabulary is None or labels.dtype != tf.string:
            raise ValueError(
                f"{self.owner}: labels must be strings if and only if the head has a "
                f"label_vocabulary. Got labels of dtype {labels.dtype.name} and "
                f"label_vocabulary={self.vocabulary}."
            )
        # Comparing each label with each word costs 9 ms per 512 labels at 1,000 words, and a hash
        # table is a resource that someone must initialise and export. A binary search among
        # fingerprints takes 50 microseconds at any size. Comparing the word found keeps it exact;
        # of two words with one fingerprint the second would be reported as unknown.
        fingerprints, words, ids = self._by_fingerprint
        wanted = tf.reshape(tf.strings.to_hash_bucket_fast(labels, _FINGERPRINTS), [-1])
        found = tf.searchsorted(tf.constant(fingerprints), wanted)
        found = tf.reshape(tf.minimum(found, self.n_classes - 1), tf.shape(labels))
        return _inputs.checked(
            tf.gather(tf.constant(ids), found),
            ok=tf.equal(tf.gather(tf.constant(words), found), labels),
            shown=labels,
            message=f"{self.owner}: labels must be in label_vocabulary, {self._few_words()}.",
            rows=rows,
        )

    @functools.cached_property
    def _by_fingerprint(self) -> tuple[Any, Any, Any]:
        # Not in the constructor: an operation there would start TensorFlow before a multi-worker
        # strategy can be set up.
        words = np.array([tf.compat.as_bytes(w) for w in self.vocabulary or ()], dtype=object)
        with tf.init_scope():
            fingerprints = tf.strings.to_hash_bucket_fast(words, _FINGERPRINTS).numpy()
        order = np.argsort(fingerprints)
        return fingerprints[order], words[order], order.astype(np.int64)

    def _few_words(self) -> str:
        words = list(self.vocabulary or ())
        return str(words) if len(words) <= 5 else f"{words[:4]} and {len(words) - 4} more"

    def output_names(self) -> tuple[str | int, ...]:
        """Returns the name of each class, or its id."""
        if self.vocabulary is None:
            return tuple(range(self.n_classes))
        return tuple(tf.compat.as_text(word) for word in self.vocabulary)

    def names(self, class_ids: Tensor) -> Tensor:
        """Returns the name of each class id, or the id as a string, same shape."""
        if self.vocabulary is None:
            return tf.strings.as_string(class_ids)
        return tf.gather(tf.constant(list(self.vocabulary)), class_ids)

    def all_ids(self, logits: Tensor) -> Tensor:
        """Returns int32 `0 .. n_classes - 1` for each example, `[batch, ..., n_classes]`."""
        return self._for_each_example(tf.range(self.n_classes), logits)

    def all_names(self, logits: Tensor) -> Tensor:
        """Returns all names for each example, `[batch, ..., n_classes]`."""
        return self._for_each_example(self.names(tf.range(self.n_classes)), logits)

    def _for_each_example(self, row: Tensor, logits: Tensor) -> Tensor:
        shape = tf.concat([tf.shape(logits)[:-1], [self.n_classes]], axis=0)
        repeated = tf.broadcast_to(row, shape)
        return tf.ensure_shape(repeated, [*logits.shape[:-1], self.n_classes])
