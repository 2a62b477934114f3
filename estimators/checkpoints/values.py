"""Checks on the values of a checkpoint before and after they are written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from estimators.aliases import Tensor
from estimators.checkpoints.bundle import Array, Bundle, as_array
from estimators.errors import CheckpointError, DamagedCheckpointError

_NAMED_AT_MOST = 5


class NonFiniteValuesError(CheckpointError):
    """Variables are NaN or infinite; a checkpoint of them would poison every restart."""


def to_tensors(values: Mapping[str, object]) -> dict[str, Tensor]:
    """Tensors of the values, sorted by name.

    Raises:
      ValueError: there are none, or one cannot be stored.

    >>> to_tensors({"w": np.float32(2.0)})["w"].dtype.name
    'float32'
    """
    if not values:
        raise ValueError("A checkpoint needs at least one variable; `tensors` is empty.")
    tensors = {name: tf.convert_to_tensor(values[name]) for name in sorted(values)}
    for name, tensor in tensors.items():
        if not name:
            raise ValueError("A variable in `tensors` has the empty name.")
        if tensor.dtype in (tf.resource, tf.variant):
            raise ValueError(
                f"{name!r} is a {tensor.dtype.name}, which has no value to store. Give what needs "
                "its own format as a sidecar."
            )
    return tensors


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raises NonFiniteValuesError if a floating-point value is NaN or infinite.

    >>> check_finite({"w": tf.constant([1.0, 2.0]), "step": tf.constant(3)})
    """
    floats = {
        name: as_array(tensor.numpy())
        for name, tensor in tensors.items()
        if tensor.dtype.is_floating or tensor.dtype.is_complex
    }
    bad = [
        f"{name!r} ({_first_non_finite(array)})"
        for name, array in floats.items()
        if not np.isfinite(array).all()
    ]
    if bad:
        more = f" and {len(bad) - _NAMED_AT_MOST} more" if len(bad) > _NAMED_AT_MOST else ""
        raise NonFiniteValuesError(
            f"Not saved, because {len(bad)} of {len(tensors)} variables are not finite: "
            f"{', '.join(bad[:_NAMED_AT_MOST])}{more}. The checkpoints before are untouched. "
            "Lower the learning rate or clip the gradients, and look for such values in the input."
        )


def check_written(prefix: str, tensors: Mapping[str, Tensor]) -> None:
    """Reads a bundle back and compares it bit by bit with what was to be written.

    Raises:
      DamagedCheckpointError: they differ.
    """
    bundle = Bundle(prefix)
    for name, tensor in tensors.items():
        if not same_bits(bundle.read(name), as_array(tensor.numpy())):
            raise DamagedCheckpointError(
                f"{prefix}: {name!r} reads back differently from what was written; the disk or "
                "the memory of this machine is failing."
            )


def same_bits(one: Array, other: Array) -> bool:
    """Whether two arrays are equal in type, shape and every bit: NaN equals NaN, 0 is not -0.

    >>> same_bits(np.array([np.nan]), np.array([np.nan])), same_bits(np.zeros(1), -np.zeros(1))
    (True, False)
    """
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype == object:
        return bool(np.all(one == other))
    return np.array_equal(_bytes(one), _bytes(other))


def _bytes(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _first_non_finite(array: Array) -> str:
    wrong = np.argwhere(~np.isfinite(array))
    first = tuple(int(i) for i in wrong[0])
    where = f" at {list(first)}" if first else ""
    return f"{array[first]}{where}, {len(wrong)} of {array.size} values"
