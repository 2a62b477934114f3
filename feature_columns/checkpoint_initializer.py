"""The start of a table that an earlier model has learned."""

from __future__ import annotations

import dataclasses
from typing import Any, final

import numpy as np
import tensorflow as tf

from feature_columns import checks
from feature_columns.aliases import Tensor


@final
@dataclasses.dataclass(frozen=True)
class CheckpointInitializer:
    """Reads a tensor of a checkpoint, when a variable is made and not before.

    Attributes:
        checkpoint: path of a checkpoint, or of a folder of which the newest one is read.
        tensor_name: name of the tensor in it.
        column_name: the column whose table this is, for messages.
    """

    checkpoint: str
    tensor_name: str
    column_name: str

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Tensor:
        """Returns the tensor.

        Args:
            shape: what it must have.
            dtype: what it is cast to; None is float32.

        Raises:
            ValueError: there is no such checkpoint or tensor, or its shape is another.
        """
        shape = tuple(shape)
        if tf.executing_eagerly():
            table = self._read(shape)
        else:
            # Mostly whoever calls this in a graph only asks for a shape; then no file is read.
            table = tf.numpy_function(lambda: self._read(shape), [], tf.float32, stateful=False)
        return tf.ensure_shape(tf.cast(table, dtype or tf.float32), shape)

    def _read(self, shape: tuple[int, ...]) -> Any:
        path = self.checkpoint
        if tf.io.gfile.isdir(path):
            path = tf.train.latest_checkpoint(path) or path
        try:
            reader = tf.train.load_checkpoint(path)
        except (ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"ckpt_to_load_from={self.checkpoint!r} of column {self.column_name!r} cannot be "
                f"read: {error}. Mend the path; or leave it out where the weights of the model "
                "itself are read, as they are to predict, to evaluate and to train on."
            ) from error
        shapes = reader.get_variable_to_shape_map()
        if self.tensor_name not in shapes:
            raise ValueError(
                f"Checkpoint {path!r} has no tensor {self.tensor_name!r}, which is the "
                f"tensor_name_in_ckpt of column {self.column_name!r}. "
                f"{checks.near_names(self.tensor_name, shapes)}"
            )
        found = tuple(shapes[self.tensor_name])
        if found != shape:
            raise ValueError(
                f"Tensor {self.tensor_name!r} of checkpoint {path!r} has shape {found}, and column "
                f"{self.column_name!r} needs {shape}: its categories times its dimension. "
                "Give the column as many categories and the dimension of the tensor, or name "
                "another tensor."
            )
        table = np.asarray(reader.get_tensor(self.tensor_name))
        if table.dtype.kind not in "iuf":
            raise ValueError(
                f"Tensor {self.tensor_name!r} of checkpoint {path!r} is not made of numbers, and "
                f"the table of column {self.column_name!r} is. Name another tensor."
            )
        return table.astype(np.float32)
