"""What a feature column is.

A column is a frozen value: hashable, comparable, and it holds no tensor. Work happens twice.
*Transform* (no trainable state: lookups, buckets, hashes) turns raw features into ids or floats,
`transform.Transform`. *Representation* (weights) turns those into what a model multiplies,
`dense_features.DenseFeatures` and `linear_model.LinearModel`.

FeatureColumn
├── SourceColumn             makes a transformed tensor from raw features
│   ├── NumericColumn        floats [batch, width]; also a DenseColumn
│   ├── CategoryWeights      floats [batch, k], one for each id of a weighted column
│   └── CategoricalColumn    integer ids [batch, k], dense or ragged
│       └── BucketizedColumn also a DenseColumn
└── FloatColumn              floats that a layer makes, with weights if need be
    └── DenseColumn          floats [batch, width] for a network
        └── IndicatorColumn, EmbeddingColumn, SharedEmbeddingColumn
                             read the ids of a CategoricalColumn
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, final

import keras
import tensorflow as tf

from feature_columns import signature
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache


class FeatureColumn(abc.ABC):
    """A description of how a model reads one or more features."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The column's name; columns are sorted by it, and variables are named after it."""

    @property
    @abc.abstractmethod
    def parse_example_spec(self) -> ParseSpec:
        """What `tf.io.parse_example` needs to read the raw features, by feature key."""

    @property
    @abc.abstractmethod
    def sources(self) -> tuple[SourceColumn, ...]:
        """The columns whose transformed tensors this one reads: ids come before their weights."""

    def get_config(self) -> dict[str, Any]:
        """Returns the fields, as `keras.saving` writes them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {name: keras.saving.serialize_keras_object(part) for name, part in fields.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Makes the column that `get_config` described."""
        parts = {
            name: _as_tuples(keras.saving.deserialize_keras_object(part))
            for name, part in config.items()
        }
        if "dtype" in parts:
            parts["dtype"] = tf.as_dtype(parts["dtype"])
        return cls(**parts)


def _as_tuples(part: Any) -> Any:
    # JSON has lists only, and a column must stay hashable.
    return tuple(_as_tuples(each) for each in part) if isinstance(part, list | tuple) else part


class SourceColumn(FeatureColumn):
    """A column that computes a tensor from raw features."""

    kind: ClassVar[str]

    @abc.abstractmethod
    def transform(self, cache: FeatureCache) -> Tensor:
        """Computes the transformed tensor of a batch."""

    @property
    def sources(self) -> tuple[SourceColumn, ...]:
        """This column."""
        return (self,)

    @functools.cached_property
    def transformed_key(self) -> str:
        """The key of the transformed tensor among the features.

        Its shape, `"<name>:<kind>/1f0c93ab"`, is not one that a raw feature has, and it differs
        between columns of one name that compute different things.
        """
        return signature.transformed_key(self.name, self.kind, self)


class CategoricalColumn(SourceColumn):
    """A column of category ids."""

    kind: ClassVar[str] = "ids"

    @property
    @abc.abstractmethod
    def num_buckets(self) -> int:
        """The number of categories; ids run from 0 to one less."""

    @property
    @abc.abstractmethod
    def ids_are_bounded(self) -> bool:
        """Whether every id is below `num_buckets`, whatever the features hold."""

    @property
    @abc.abstractmethod
    def ids_may_be_negative(self) -> bool:
        """Whether `lookup` may give an id below 0 to a value that is there."""

    def category_names(self) -> Sequence[str | int]:
        """Returns what each id stands for, to be read by people; the ids if they have no names."""
        return range(self.num_buckets)

    @abc.abstractmethod
    def lookup(self, cache: FeatureCache) -> Tensor:
        """Returns the int64 id of every value, missing ones included.

        Returns:
            `[batch, k]`, dense or `tf.RaggedTensor`. What it holds at missing places is
            undefined, and values outside of the vocabulary may be negative: a cross hashes
            these, and only `transform` removes them.
        """

    @abc.abstractmethod
    def missing(self, cache: FeatureCache) -> Tensor | None:
        """Returns bool `[batch, k]`, true where a dense value stands for no value.

        None where nothing can be missing, and for ragged ids, which hold no missing values.
        """

    @final
    def ids(self, cache: FeatureCache) -> Tensor:
        """Returns `lookup`, computed once per cache."""
        return cache.once(("ids", self.transformed_key), lambda: self.lookup(cache))

    @final
    def transform(self, cache: FeatureCache) -> Tensor:
        """Returns the ids that a model reads.

        Returns:
            Dense features: int64 `[batch, k]`, -1 for missing and out of vocabulary. Sparse and
            ragged features: int64 `tf.RaggedTensor` `[batch, None]` without those.
        """
        ids = self.ids(cache)
        if isinstance(ids, tf.RaggedTensor):
            return tf.ragged.boolean_mask(ids, ids >= 0) if self.ids_may_be_negative else ids
        missing = self.missing(cache)
        if missing is not None:
            ids = tf.where(missing, tf.constant(-1, tf.int64), ids)
        return tf.maximum(ids, tf.constant(-1, tf.int64)) if self.ids_may_be_negative else ids


@dataclasses.dataclass(frozen=True)
class WeightSpec:
    """A weight that a dense column needs.

    Attributes:
        name: its name within the scope of the column; its whole name if it has an owner.
        shape: its shape.
        initializer: called with a shape and a dtype.
        trainable: whether an optimizer may change it.
        owner: columns whose weights have the same owner share the weight.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Callable[..., Tensor]
    trainable: bool = True
    owner: Any = None


class FloatColumn(FeatureColumn):
    """A column of floats that a layer makes of a transformed tensor, with weights if need be."""

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """The number of floats per row; of a sequence, per step."""

    @property
    @abc.abstractmethod
    def weight_specs(self) -> tuple[WeightSpec, ...]:
        """The weights that `represent` reads, in order."""

    @abc.abstractmethod
    def represent(self, transformed: Sequence[Tensor], weights: Sequence[Any]) -> Tensor:
        """Returns float32 `[batch, width]`; of a sequence, `[batch, time, width]`.

        Args:
            transformed: the transformed tensor of each of `sources`.
            weights: one `tf.Variable` for each of `weight_specs`.
        """


class DenseColumn(FloatColumn):
    """A column of floats, `[batch, width]`, that a network can multiply."""
