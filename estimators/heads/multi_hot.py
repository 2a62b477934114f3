"""Labels that are several classes at once, as 0 or 1 for each class."""

from __future__ import annotations

import dataclasses
from typing import final

import tensorflow as tf

from estimators.aliases import Labels, Tensor
from estimators.heads import _inputs
from estimators.heads.classes import ClassNames


@final
@dataclasses.dataclass(frozen=True)
class MultiHot:
    """Makes the lists of classes of a sparse or ragged tensor dense.

    Attributes:
        classes: what the ids and names in it may be.

    >>> import tensorflow as tf
    >>> multi_hot = MultiHot(ClassNames("head", 3))
    >>> multi_hot("head", tf.ragged.constant([[2, 0], [1]])).numpy().tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """

    classes: ClassNames

    def __call__(self, owner: str, labels: Labels) -> Tensor:
        """Returns float32 `[batch, ..., n_classes]` of class lists; a dense tensor as it is.

        Args:
            owner: the head, for messages.
            labels: a dense indicator, `[batch, ..., n_classes]`; or a sparse or ragged tensor
                `[batch, ..., any number]` of class ids, or of names where there is a vocabulary.
                A class that is listed twice counts once.

        Raises:
            ValueError: there are no labels, their dtype is wrong or, in eager mode, one of them is
                no class.
        """
        labels = _inputs.only_labels(owner, labels)
        if isinstance(labels, tf.RaggedTensor):
            labels = labels.to_sparse()
        if not isinstance(labels, tf.SparseTensor):
            return tf.convert_to_tensor(labels)
        rows = labels.indices[:, 0]
        if labels.dtype == tf.string:
            ids = self.classes.ids(labels.values, rows)
        else:
            ids = self._checked_ids(owner, labels.values, rows)
        places = tf.concat([labels.indices[:, :-1], ids[:, tf.newaxis]], axis=1)
        n_classes = self.classes.n_classes
        shape = tf.concat([labels.dense_shape[:-1], [n_classes]], axis=0)
        counts = tf.scatter_nd(places, tf.ones_like(ids, tf.float32), shape)
        indicator = tf.minimum(counts, 1.0)
        return tf.ensure_shape(indicator, labels.shape[:-1].concatenate([n_classes]))

    def _checked_ids(self, owner: str, ids: Tensor, rows: Tensor) -> Tensor:
        n_classes = self.classes.n_classes
        message = (
            f"{owner}: labels must be an integer SparseTensor with values in [0, {n_classes}), "
            "or hold the names of a label_vocabulary."
        )
        if not ids.dtype.is_integer:
            raise ValueError(f"{message} Got dtype {ids.dtype.name}.")
        ids = tf.cast(ids, tf.int64)
        return _inputs.checked(
            ids, ok=(ids >= 0) & (ids < n_classes), shown=ids, message=message, rows=rows
        )
