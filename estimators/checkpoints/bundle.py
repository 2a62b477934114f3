"""Writing and reading TensorFlow's V2 checkpoint format, by prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, final

import numpy as np
import tensorflow as tf

from estimators.aliases import Tensor
from estimators.errors import DamagedCheckpointError

Array: TypeAlias = np.ndarray[Any, Any]

# What TensorFlow's reader raises for one and the same damage depends on the byte that is wrong.
_READ_ERRORS = (tf.errors.OpError, IndexError, ValueError, RuntimeError)


def as_array(value: object) -> Array:
    r"""An array of what TensorFlow hands out for a tensor; one string becomes an object.

    NumPy's own string type would cut zero bytes off its end.

    >>> as_array(b"ab\0").item(), as_array(np.float32(1.0)).dtype.name
    (b'ab\x00', 'float32')
    """
    return np.array(value, object) if isinstance(value, bytes) else np.asarray(value)


def write_bundle(prefix: str, tensors: Mapping[str, Tensor]) -> None:
    """Writes `<prefix>.index` and `<prefix>.data-00000-of-00001`.

    >>> import tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bundle(os.path.join(folder, "a"), {"w": tf.constant([1.0, 2.0])})
    ...     Bundle(os.path.join(folder, "a")).read("w").tolist()
    [1.0, 2.0]
    """
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=list(tensors.values()),
    )


@final
@dataclass(frozen=True)
class Bundle:
    """Tensors in files, read when asked for; every read checks TensorFlow's own crc.

    The files are opened once: a bundle that was opened stays readable while its files are deleted.

    Attributes:
      prefix: the path without ".index".
    """

    prefix: str

    @cached_property
    def _reader(self) -> Any:
        try:
            return tf.compat.v1.train.NewCheckpointReader(self.prefix)
        except _READ_ERRORS as error:
            raise self._damaged(error) from error

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape by key, sorted by key."""
        try:
            shapes = self._reader.get_variable_to_shape_map()
        except _READ_ERRORS as error:
            raise self._damaged(error) from error
        return {key: tuple(shapes[key]) for key in sorted(shapes)}

    @cached_property
    def dtypes(self) -> dict[str, tf.DType]:
        """Type by key."""
        return dict(self._reader.get_variable_to_dtype_map())

    def read(self, key: str) -> Array:
        """The value stored under `key`; strings are an array of bytes objects.

        Raises:
          DamagedCheckpointError: the bytes in the files are not those that were written.
        """
        try:
            return as_array(self._reader.get_tensor(key))
        except _READ_ERRORS as error:
            raise self._damaged(error) from error

    def check(self) -> None:
        """Reads everything.

        Raises:
          DamagedCheckpointError: something cannot be read.
        """
        for key in self.shapes:
            if self.dtypes[key] == tf.variant:
                self._check_variant(key)
            else:
                self.read(key)

    def _check_variant(self, key: str) -> None:
        # The reader has no NumPy value for a variant (a saved iterator); the op restores it.
        try:
            tf.raw_ops.RestoreV2(
                prefix=self.prefix,
                tensor_names=[key],
                shape_and_slices=[""],
                dtypes=[tf.variant],
            )
        except _READ_ERRORS as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DamagedCheckpointError:
        return DamagedCheckpointError(
            f"{self.prefix} cannot be read: {error}. Restore its files from a copy, or use another "
            "checkpoint."
        )
