"""The weights of a linear model as one vector, whatever variables they are in."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import tensorflow as tf

from premade.networks import LinearModel

Tensor = Any
Variable = Any


@dataclasses.dataclass(frozen=True, eq=False)
class LinearWeights:
    """Reads and writes weights, those of some rows of the categorical columns' table first.

    Attributes:
        table: `[rows, 1]`, or None if there is no categorical column.
        dense: the variables of the dense columns, each `[width, 1]`, and the bias, `[1]`.
        paths: of the Keras variables, in the same order, the table first.

    Example:
        >>> import feature_columns as fc
        >>> model = LinearModel([fc.numeric_column("x"), fc.bucketized_column(
        ...     fc.numeric_column("y"), [0.0])])
        >>> _ = model({"x": tf.constant([1.0]), "y": tf.constant([1.0])})
        >>> weights = LinearWeights.of(model)
        >>> weights.write(tf.constant([1], tf.int64), tf.constant([7.0, 8.0, 9.0]))
        >>> weights.read(tf.constant([0, 1], tf.int64)).numpy().tolist(), weights.size
        ([0.0, 7.0, 8.0, 9.0], 5)
    """

    table: Variable | None
    dense: tuple[Variable, ...]
    paths: tuple[str, ...]

    @classmethod
    def of(cls, model: LinearModel) -> Self:
        """Returns the weights of a model with one output."""
        table, _ = model.columns.fused_parts()
        dense = (*model.columns.dense_weights, model.columns.bias)
        named = dense if table is None else (table, *dense)
        paths = tuple(each.path for each in named)
        return cls(None if table is None else table.value, tuple(d.value for d in dense), paths)

    def slots(self, scope: str, name: str) -> LinearWeights:
        """Asks for variables `<scope>/<path>/<name>`: as these, float64, zeros at first."""
        variables = self.dense if self.table is None else (self.table, *self.dense)
        made = [
            tf.Variable(
                lambda shape=variable.shape: tf.zeros(shape, tf.float64),
                trainable=False,
                name=f"{scope}/{path}/{name}",
            )
            for variable, path in zip(variables, self.paths, strict=True)
        ]
        table = None if self.table is None else made.pop(0)
        return LinearWeights(table, tuple(made), self.paths)

    @property
    def rows(self) -> int:
        """The number of rows of the table; the last is that of missing ids."""
        return 0 if self.table is None else int(self.table.shape[0])

    @property
    def size(self) -> int:
        """The number of weights."""
        return self.rows + sum(variable.shape.num_elements() for variable in self.dense)

    def read(self, rows: Tensor) -> Tensor:
        """Returns the weights of some rows of the table and all others, `[weights]`."""
        parts = [tf.reshape(variable.read_value(), [-1]) for variable in self.dense]
        if self.table is not None:
            found = tf.raw_ops.ResourceGather(
                resource=self.table.handle, indices=rows, dtype=self.table.dtype
            )
            parts.insert(0, tf.reshape(found, [-1]))
        return tf.concat(parts, axis=0)

    def write(self, rows: Tensor, values: Tensor) -> None:
        """Changes the weights that `read` returns; rows must be different ones."""
        # On the handles: each replica changes its own copy, and all come to the same.
        place = tf.constant(0)
        if self.table is not None:
            place = tf.size(rows)
            tf.raw_ops.ResourceScatterUpdate(
                resource=self.table.handle,
                indices=rows,
                updates=tf.cast(values[:place, tf.newaxis], self.table.dtype),
            )
        for variable in self.dense:
            end = place + variable.shape.num_elements()
            value = tf.cast(tf.reshape(values[place:end], variable.shape), variable.dtype)
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
            place = end
