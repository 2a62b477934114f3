"""The steps of sequences that count, as the rows of a head that knows no steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimators.aliases import Features, Tensor
from estimators.heads import _inputs


def mask_of(owner: str, key: str, features: Features | None) -> Tensor:
    """Returns which steps count: bool `[batch, time]`.

    Args:
        owner: the head, for messages.
        key: name of the feature that says it, booleans or numbers.
        features: where it is looked up.

    Raises:
        ValueError: it is not there, or it is not `[batch, time]`.
    """
    if not isinstance(features, Mapping) or key not in features:
        held = sorted(features) if isinstance(features, Mapping) else type(features).__name__
        raise ValueError(
            f"{owner}: the mask of the sequences, {key!r}, is not among the features: {held}. Add "
            f"it in the model_fn: {{**features, {key!r}: tf.sequence_mask(lengths, time)}}."
        )
    mask = features[key]
    if isinstance(mask, tf.SparseTensor | tf.RaggedTensor):
        raise ValueError(
            f"{owner}: the mask {key!r} must be a dense tensor, got a {type(mask).__name__}."
        )
    mask = tf.cast(tf.convert_to_tensor(mask), tf.bool)
    if mask.shape.rank != 2:
        raise ValueError(
            f"{owner}: the mask {key!r} is expected to have two dimensions, [batch, time]. "
            f"Got shape {mask.shape}."
        )
    return mask


def kept(owner: str, what: str, values: Any, mask: Tensor) -> Any:
    """Returns what belongs to the steps that count, sequence by sequence: `[steps, ...]`.

    Args:
        owner: the head, for messages.
        what: what `values` are, for messages: "labels".
        values: dense, `[batch, time, ...]`, in which only what the mask keeps is read; or sparse,
            `[batch, time]`, or ragged, `[batch, (steps), ...]`, with as many values in each
            sequence as the mask keeps.
        mask: bool `[batch, time]`.

    Raises:
        ValueError: there is another number of steps. In a graph it may be a
            `tf.errors.InvalidArgumentError`, when it runs.

    >>> mask = tf.constant([[True, True], [True, False]])
    >>> kept("head", "labels", tf.constant([[0, 1], [0, 2]]), mask).numpy().tolist()
    [0, 1, 0]
    """
    if isinstance(values, tf.SparseTensor):
        return _kept_of_sparse(owner, what, values, mask)
    if isinstance(values, tf.RaggedTensor):
        lengths = values.row_lengths()
        return _as_many(owner, what, values.values, values.nrows(), lengths, mask)
    return tf.boolean_mask(_same_steps(owner, what, tf.convert_to_tensor(values), mask), mask)


def _same_steps(owner: str, what: str, values: Tensor, mask: Tensor) -> Tensor:
    """Returns dense values, their first two dimensions being those of the mask."""
    message = (
        f"{owner}: {what} must have shape [batch, time, ...], with the batch and the steps of the "
        f"mask."
    )
    shape = values.shape
    if shape.rank is not None and (shape.rank < 2 or not shape[:2].is_compatible_with(mask.shape)):
        raise ValueError(f"{message} Got {shape} for a mask of shape {mask.shape}.")
    if shape.rank is not None and shape[:2].is_fully_defined() and mask.shape.is_fully_defined():
        return values
    shown = tf.shape(values)
    fits = tf.reduce_all(tf.equal(shown[:2], tf.shape(mask)))
    return _inputs.checked(values, ok=fits, shown=shown, message=message)


def _kept_of_sparse(owner: str, what: str, values: Any, mask: Tensor) -> Tensor:
    if values.shape.rank not in (None, 2):
        raise ValueError(
            f"{owner}: sparse {what} must have shape [batch, time], got {values.shape}. Make them "
            "ragged, with a list for each step, or dense."
        )
    values = tf.sparse.reorder(values)
    batch = values.dense_shape[0]
    rows = values.indices[:, 0]
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, batch)
    return _as_many(owner, what, values.values, batch, lengths, mask)


def _as_many(
    owner: str, what: str, values: Any, batch: Tensor, lengths: Tensor, mask: Tensor
) -> Any:
    """Returns values of which each sequence must have as many as the mask keeps."""
    message = f"{owner}: {what} must have as many sequences as the mask."
    shown = tf.cast(batch, tf.int64)
    same_batch = tf.equal(shown, tf.shape(mask, tf.int64)[0])
    lengths = _inputs.checked(lengths, ok=same_batch, shown=shown, message=message)
    wanted = tf.reduce_sum(tf.cast(mask, lengths.dtype), axis=1)
    message = (
        f"{owner}: {what} must have a value for each step of a sequence that the mask keeps, and "
        "no other. (tf.sparse.from_dense leaves zeros out: take a ragged tensor.)"
    )
    return _inputs.checked(values, ok=tf.equal(lengths, wanted), shown=lengths, message=message)
