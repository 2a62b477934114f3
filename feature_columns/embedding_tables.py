"""What `embedding_column` and `shared_embeddings` make of their arguments about the table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from feature_columns import checks
from feature_columns.aliases import Tensor
from feature_columns.checkpoint_initializer import CheckpointInitializer


def check_dimension(dimension: Any, name: str) -> None:
    """Refuses a length of vectors that is no positive number."""
    if dimension is not None:
        checks.check_count(dimension, "dimension", name)
    if dimension is None or dimension < 1:
        raise ValueError(f"Invalid dimension {dimension}. Give 1 or more. column_name: {name}.")


def checked_initializer(
    initializer: Any, ckpt_to_load_from: Any, tensor_name_in_ckpt: Any, name: str
) -> Callable[..., Tensor] | None:
    """Returns what a table starts from; None for random numbers that suit its dimension.

    Raises:
        ValueError: `initializer` cannot be called, or half a checkpoint is given.
    """
    if (ckpt_to_load_from is None) != (tensor_name_in_ckpt is None):
        raise ValueError(
            "Must specify both `ckpt_to_load_from` and `tensor_name_in_ckpt` or none of them. "
            f"Embedding of column_name: {name}."
        )
    if initializer is not None and not callable(initializer):
        raise ValueError(
            f"initializer must be callable if specified. Embedding of column_name: {name}. "
            f"Given: {initializer!r}. For instance keras.initializers.RandomNormal(stddev=0.1)."
        )
    if ckpt_to_load_from is not None:
        return CheckpointInitializer(str(ckpt_to_load_from), tensor_name_in_ckpt, name)
    made: Callable[..., Tensor] | None = initializer
    return made


def default_initializer(dimension: int) -> Callable[..., Tensor]:
    """Returns a normal distribution that is cut at two standard deviations."""
    made: Callable[..., Tensor] = keras.initializers.TruncatedNormal(
        mean=0.0, stddev=1.0 / math.sqrt(dimension)
    )
    return made


def saved_initializer(initializer: Callable[..., Tensor] | None) -> Callable[..., Tensor] | None:
    """Returns what a saved column keeps of its initializer.

    A saved layer has its weights beside it, and must open when the checkpoint that they started
    from is gone.
    """
    return None if isinstance(initializer, CheckpointInitializer) else initializer
