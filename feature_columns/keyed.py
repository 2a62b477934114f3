"""What the categorical columns of one raw feature have in common."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, final

import tensorflow as tf

from feature_columns import base, checks
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache


class KeyedCategoricalColumn(base.CategoricalColumn):
    """A categorical column that reads the feature `key` of type `dtype`."""

    key: str
    dtype: Any

    @property
    @final
    def name(self) -> str:
        """The feature key."""
        return self.key

    @property
    @final
    def parse_example_spec(self) -> ParseSpec:
        """A feature of any length."""
        return {self.key: tf.io.VarLenFeature(self.dtype)}

    @abc.abstractmethod
    def assign(self, values: Tensor, cache: FeatureCache) -> Tensor:
        """Returns the int64 ids of `values`, a dense tensor of any shape."""

    @final
    def lookup(self, cache: FeatureCache) -> Tensor:
        """Returns the id of every value of the feature."""
        values = cache.categories(self.key, self.name)
        checks.check_same_family(self.name, self.dtype, values.dtype)
        return map_values(lambda flat: self.assign(flat, cache), values)

    @final
    def missing(self, cache: FeatureCache) -> Tensor | None:
        """Returns where the feature is '' or -1."""
        return cache.missing(self.key, self.name)


def map_values(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Applies `function` to a dense tensor, or to the values of a ragged one."""
    if isinstance(values, tf.RaggedTensor):
        return values.with_flat_values(function(values.flat_values))
    return function(values)
