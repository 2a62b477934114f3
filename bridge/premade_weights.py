"""Where the weights of a premade network are on disk.

A linear model keeps the weights of all categorical columns in one table. On disk each column has
its own, as in tf.estimator, so that a column may be added or a checkpoint be read by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import keras

import premade

SCOPES = {
    premade.LinearModel: "linear",
    premade.DNNModel: "dnn",
    premade.RNNModel: "rnn_model",
    premade.BaselineModel: "baseline",
}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a weight, or some rows of it, are on disk.

    Attributes:
        variable: of the Keras model.
        name: on disk.
        rows: of the variable; None means all of them.
    """

    variable: keras.Variable
    name: str
    rows: slice | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape on disk."""
        shape = tuple(self.variable.shape)
        return shape if self.rows is None else (self.rows.stop - self.rows.start, *shape[1:])

    def value(self) -> Any:
        """Returns the present value."""
        value = self.variable.value
        return value if self.rows is None else value[self.rows]


def places(model: keras.Model) -> list[Place]:
    """Returns where all weights of a premade network are on disk.

    Args:
        model: a network of `premade`, built, whatever its name.

    Raises:
        TypeError: it is another model.

    Example:
        >>> import feature_columns as fc
        >>> days = fc.categorical_column_with_identity("day", 7)
        >>> model = premade.LinearModel([days], name="mine")
        >>> model.build()
        >>> [(place.name, place.rows) for place in places(model)]
        ... # doctest: +NORMALIZE_WHITESPACE
        [('linear/linear_model/day/weights', slice(0, 7, None)),
         ('linear/linear_model/bias_weights', None)]
    """
    if isinstance(model, premade.WideDeepModel):
        parts: Sequence[Any] = (model.linear, model.dnn)
    elif type(model) in SCOPES:
        parts = (model,)
    else:
        raise TypeError(
            f"{type(model).__name__} is no network of `premade`: those are "
            f"{[*(kind.__name__ for kind in SCOPES), premade.WideDeepModel.__name__]}."
        )
    return [place for part in parts for place in _places_of_part(part, model.name)]


def _places_of_part(part: Any, root: str) -> Iterator[Place]:
    is_linear = isinstance(part, premade.LinearModel)
    table, fused = part.columns.fused_parts() if is_linear else (None, ())
    for variable in part.weights:
        # Made as a part, its weights have the name of the whole before their own.
        own = variable.path.removeprefix(f"{root}/{part.name}/").removeprefix(f"{part.name}/")
        # Tables that columns share, and those of a recurrent network, are below no model.
        is_below = own != variable.path
        name = f"{SCOPES[type(part)]}/{own}" if is_below else own
        if variable is not table:
            yield Place(variable, name)
            continue
        scope = name.rpartition("/")[0]
        for each in fused:
            rows = slice(each.start, each.start + each.rows)
            yield Place(variable, f"{scope}/{each.name}", rows)
