"""The checks of logits, labels and weights, once for all heads.

Shapes are checked while the model is traced wherever they are known; what is left (unknown
dimensions, values) is checked when it runs: a `ValueError` in eager mode, a
`tf.errors.InvalidArgumentError` in a graph. `owner` is how a message names the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.aliases import Features, Labels, Tensor

_EXAMPLES_IN_MESSAGE = 5


def checked(
    result: Tensor, *, ok: Tensor, shown: Tensor, message: str, rows: Tensor | None = None
) -> Tensor:
    """Returns `result`, to be used only after every element of `ok` was found true.

    Args:
        result: any tensor; what depends on it waits for the check.
        ok: bool, `[batch, ...]` or scalar.
        shown: `[batch, ...]` as `ok`; where `ok` is false, its values are the examples named.
        message: what was expected, and the mend.
        rows: int, `[values]`, the row of the batch that each element of a flat `ok` is from; None
            means that the first dimension of `ok` is the batch.

    Raises:
        ValueError: an element of `ok` is false, in eager mode.
    """
    if tf.executing_eagerly():
        _raise_if_wrong(np.asarray(ok), np.asarray(shown), message, rows)
        return result

    # The failing values are looked up inside the branch that never runs: in a good step the check
    # costs the reduction alone, about 5 microseconds. Passing them to a plain Assert saves one of
    # the five and cannot name the value.
    def fail() -> Any:
        bad = tf.boolean_mask(shown, tf.logical_not(ok)) if ok.shape.rank else shown
        return tf.raw_ops.Assert(
            condition=False, data=[f"{message} Got:", bad], summarize=_EXAMPLES_IN_MESSAGE
        )

    check = tf.cond(tf.reduce_all(ok), tf.no_op, fail)
    with tf.control_dependencies([check]):
        return tf.identity(result)


def _raise_if_wrong(ok: Any, shown: Any, message: str, rows: Any) -> None:
    if ok.all():
        return
    if ok.ndim == 0:
        raise ValueError(f"{message} Got: {shown.tolist()}.")
    index = tuple(np.argwhere(~ok)[0])
    value = shown[index]
    value = value.decode(errors="replace") if isinstance(value, bytes) else value.item()
    row = index[0] if rows is None else int(rows[index[0]])
    raise ValueError(f"{message} Got {value!r} in row {row} of the batch.")


def float_logits(owner: str, logits: Any, width: int) -> Tensor:
    """Returns the logits as float32, `[batch, ..., width]`."""
    logits = tf.cast(tf.convert_to_tensor(logits), tf.float32)
    message = f"{owner}: logits must have shape [batch, ..., {width}]."
    shape = logits.shape
    if shape.rank is not None and (shape.rank < 2 or shape[-1] not in (None, width)):
        raise ValueError(
            f"{message} Got {shape}. End the network with a layer of {width} unit(s), "
            f"for instance keras.layers.Dense({width})."
        )
    if shape.rank is None or shape[-1] is None:
        shown = tf.shape(logits)
        return checked(logits, ok=tf.equal(shown[-1], width), shown=shown, message=message)
    return logits


def only_labels(owner: str, labels: Labels) -> Any:
    """Returns what `labels` is, or holds as its only entry; it may be sparse or ragged."""
    if isinstance(labels, Mapping):
        if len(labels) != 1:
            raise ValueError(
                f"{owner}: labels must be one tensor, got a dict with the keys "
                f"{sorted(labels)}. Return labels[key] from the input_fn."
            )
        (labels,) = labels.values()
    if labels is None:
        raise ValueError(
            f"{owner}: You must provide a labels Tensor. Given: None. The input_fn must return "
            "(features, labels) for training and evaluation."
        )
    return labels


def dense_labels(owner: str, labels: Labels) -> Tensor:
    """Returns the one dense tensor that `labels` is or holds."""
    labels = only_labels(owner, labels)
    if isinstance(labels, tf.SparseTensor | tf.RaggedTensor):
        raise ValueError(
            f"{owner}: {type(labels).__name__} labels are not supported, expected a dense tensor. "
            "Convert them, for instance with tf.sparse.to_dense(labels)."
        )
    return tf.convert_to_tensor(labels)


def aligned(owner: str, what: str, values: Tensor, logits: Tensor, widths: tuple[int, ...]) -> Any:
    """Returns `values` with the rank and the leading dimensions of the logits.

    Args:
        owner: the head, for messages.
        what: what `values` are, for messages: "labels".
        values: `[batch, ...]` or `[batch, ..., width]`.
        logits: `[batch, ..., logits_dimension]`.
        widths: what the last dimension may be. If 1 is among them it may also be left out.

    Raises:
        ValueError: the shapes cannot fit.
    """
    last = " or ".join(map(str, widths))
    message = (
        f"{owner}: {what} must have shape [batch, ..., {last}], with the leading dimensions "
        f"of the logits."
    )
    if values.shape.rank is None or logits.shape.rank is None:
        wanted = tf.concat([tf.shape(logits)[:-1], [-1]], axis=0)
        values = tf.reshape(values, wanted)
    elif 1 in widths and values.shape.rank == logits.shape.rank - 1:
        values = values[..., tf.newaxis]
    _require_static_fit(message, values, logits, widths)
    fits_for_sure = values.shape[:-1].is_fully_defined() and logits.shape[:-1].is_fully_defined()
    if fits_for_sure and values.shape[-1] is not None:
        return values
    shape = tf.shape(values)
    fits = tf.reduce_all(tf.equal(shape[:-1], tf.shape(logits)[:-1]))
    if values.shape[-1] is None:
        fits = fits & tf.reduce_any(tf.equal(shape[-1], widths))
    return checked(values, ok=fits, shown=shape, message=message)


def _require_static_fit(
    message: str, values: Tensor, logits: Tensor, widths: tuple[int, ...]
) -> None:
    known, target = values.shape, logits.shape
    if known.rank is None or target.rank is None:
        return
    leading_fits = known.rank > 0 and known[:-1].is_compatible_with(target[:-1])
    if not leading_fits or known[-1] not in (None, *widths):
        raise ValueError(f"{message} Got {known} for logits of shape {target}.")


def float_values(owner: str, what: str, values: Tensor) -> Tensor:
    """Returns numbers or booleans as float32."""
    if values.dtype == tf.string:
        raise ValueError(
            f"{owner}: {what} must be numbers, got strings. Parse them in the input_fn, for "
            "instance with tf.strings.to_number."
        )
    return tf.cast(values, tf.float32)


def require_weight_column(owner: str, column: Any) -> None:
    """Raises `TypeError` unless `column` is None, a feature's name or a numeric column."""
    if column is None or isinstance(column, str) or isinstance(getattr(column, "key", None), str):
        return
    raise TypeError(
        f"{owner}: Weight column must be either a string or a numeric_column, "
        f"got {type(column).__name__}: {column!r}."
    )


def example_weights(
    owner: str, column: Any, features: Features | None, logits: Tensor, widths: tuple[int, ...]
) -> Tensor | None:
    """Returns float32 weights `[batch, ..., width]`, or None without a weight column."""
    if column is None:
        return None
    key = column if isinstance(column, str) else column.key
    if not isinstance(features, Mapping) or key not in features:
        held = sorted(features) if isinstance(features, Mapping) else type(features).__name__
        raise ValueError(
            f"{owner}: the weight column {key!r} is not among the features: {held}. "
            "Add it to the features that the input_fn returns."
        )
    weights = features[key]
    if isinstance(weights, tf.SparseTensor | tf.RaggedTensor):
        raise ValueError(
            f"{owner}: the weight column {key!r} must be a dense tensor with one weight per "
            f"example, got a {type(weights).__name__}."
        )
    what = f"weights (feature {key!r})"
    weights = float_values(owner, what, tf.convert_to_tensor(weights))
    normalizer = getattr(column, "normalizer_fn", None)
    if normalizer is not None:
        weights = tf.cast(normalizer(weights), tf.float32)
    return aligned(owner, what, weights, logits, widths)
