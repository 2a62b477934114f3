"""What all layers over columns do: scopes, weights and saved columns."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras

from feature_columns import shared_embedding, shared_weights
from feature_columns.aliases import Features, Tensor
from feature_columns.base import FeatureColumn, FloatColumn, WeightSpec


@contextlib.contextmanager
def column_scope(name: str) -> Iterator[None]:
    """Opens a Keras name scope for a column; Keras wants the parts of `a/b` one by one."""
    with contextlib.ExitStack() as scopes:
        for part in name.split("/"):
            scopes.enter_context(keras.name_scope(part))
        yield


def make_weight(spec: WeightSpec) -> Any:
    """Makes a float32 weight in the scope that is open; a layer owns it once it is an attribute.

    Not `Layer.add_weight`: it goes back to the scope of the layer, so that the weights of all
    columns would have one path.
    """
    return _variable(spec, spec.name)


def make_column_weights(columns: Iterable[FloatColumn]) -> tuple[tuple[Any, ...], ...]:
    """Makes the weights that dense columns need, each in the scope of its column.

    Those that have an owner are made once, at the root of all scopes.
    """
    made = []
    for column in columns:
        with column_scope(column.name):
            made.append(tuple(_own_or_shared(spec) for spec in column.weight_specs))
    return tuple(made)


def _own_or_shared(spec: WeightSpec) -> Any:
    if spec.owner is None:
        return make_weight(spec)
    return shared_weights.shared(spec.owner, functools.partial(_make_at_root, spec))


def _make_at_root(spec: WeightSpec) -> Any:
    *scopes, name = spec.name.split("/")
    first, *others = scopes or [""]  # An empty name leaves all scopes.
    with contextlib.ExitStack() as stack:
        stack.enter_context(keras.name_scope(first, override_parent=""))
        for scope in others:
            stack.enter_context(keras.name_scope(scope))
        return _variable(spec, name)


def _variable(spec: WeightSpec, name: str) -> Any:
    return keras.Variable(
        spec.initializer,
        shape=spec.shape,
        dtype="float32",
        trainable=spec.trainable,
        autocast=False,  # A cast table would be copied whole, and its gradient dense.
        name=name,
    )


def represent(
    columns: Sequence[FloatColumn], weights: Sequence[Sequence[Any]], transformed: Features
) -> list[Tensor]:
    """Returns float32 `[batch, width]`, or `[batch, time, width]`, for each column."""
    return [
        # The variable itself: through Keras' wrapper the gradient of a lookup would be dense.
        column.represent(read(column, transformed), [each.value for each in own])
        for column, own in zip(columns, weights, strict=True)
    ]


def read(column: FeatureColumn, transformed: Features) -> list[Tensor]:
    """Returns the transformed tensor of each of the column's sources."""
    return [transformed[source.transformed_key] for source in column.sources]


def batch_of(shapes: Any) -> int | None:
    """Returns the batch size of the inputs, given their shapes by feature key."""
    first = next(iter(shapes.values())) if isinstance(shapes, Mapping) else shapes
    batch: int | None = first[0]
    return batch


def saved_columns(columns: Iterable[FeatureColumn]) -> list[Any]:
    """Returns columns as `keras.saving` writes them."""
    return [keras.saving.serialize_keras_object(column) for column in columns]


def restored_columns(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a layer's config with its columns read back."""
    columns = [keras.saving.deserialize_keras_object(column) for column in config["columns"]]
    return {**config, "columns": shared_embedding.tied(columns)}
