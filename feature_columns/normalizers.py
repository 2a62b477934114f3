"""Ready-made `normalizer_fn`s: values that compare, so that columns with the same one are equal.

A lambda would do in a program; a configuration file needs something with a name and arguments.
"""

from __future__ import annotations

import dataclasses
from typing import final

import tensorflow as tf

from feature_columns.aliases import Tensor


@final
@dataclasses.dataclass(frozen=True)
class Standardize:
    """Subtracts a mean and divides by a standard deviation.

    Args:
        mean: what becomes 0.
        std: what becomes 1.

    Raises:
        ValueError: `std` is not positive.

    >>> from feature_columns import numeric_column
    >>> column = numeric_column("age", normalizer_fn=Standardize(mean=38.0, std=4.0))
    >>> column.normalizer_fn(tf.constant([38.0, 46.0])).numpy().tolist()
    [0.0, 2.0]
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        if self.std <= 0:
            raise ValueError(f"`std` must be positive, got {self.std}.")

    def __call__(self, values: Tensor) -> Tensor:
        """Returns the standardized values, of the same shape."""
        return (tf.cast(values, tf.float32) - self.mean) / self.std


@final
@dataclasses.dataclass(frozen=True)
class LogScale:
    """Takes log(1 + x / scale): for amounts of money and counts, which have long tails.

    Args:
        scale: what becomes log 2.

    Raises:
        ValueError: `scale` is not positive.

    >>> LogScale(1.0)(tf.constant([0.0])).numpy().tolist()
    [0.0]
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ValueError(f"`scale` must be positive, got {self.scale}.")

    def __call__(self, values: Tensor) -> Tensor:
        """Returns the scaled values, of the same shape; negative ones become 0."""
        values = tf.maximum(tf.cast(values, tf.float32), 0.0)
        return tf.math.log1p(values / self.scale)
