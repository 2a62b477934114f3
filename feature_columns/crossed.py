"""`crossed_column`: combinations of features as categories."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, final

import keras
import tensorflow as tf

from feature_columns import base, checks, fingerprints
from feature_columns.aliases import ParseSpec, Tensor
from feature_columns.cache import FeatureCache
from feature_columns.hashed import HashedCategoricalColumn
from feature_columns.old_columns import converted
from feature_columns.weighted import WeightedCategoricalColumn

_DEFAULT_HASH_KEY = 0xDECAFCAFFE  # That of TensorFlow's kernel.

Leaf: TypeAlias = "str | base.CategoricalColumn"


@final
@keras.saving.register_keras_serializable("feature_columns")
@dataclasses.dataclass(frozen=True)
class CrossedColumn(base.CategoricalColumn):
    """Combinations of features; made by `crossed_column`, which documents the fields."""

    keys: tuple[Leaf, ...]
    hash_bucket_size: int
    hash_key: int | None

    @property
    def name(self) -> str:
        """The names of the leaves, sorted and joined by `_X_`."""
        names = (leaf if isinstance(leaf, str) else leaf.name for leaf in self._leaves())
        return "_X_".join(sorted(names))

    @property
    def parse_example_spec(self) -> ParseSpec:
        """Those of all keys; a string key is a string feature of any length."""
        spec: ParseSpec = {}
        for key in self.keys:
            if isinstance(key, str):
                spec[key] = tf.io.VarLenFeature(tf.string)
            else:
                spec |= key.parse_example_spec
        return spec

    @property
    def num_buckets(self) -> int:
        """`hash_bucket_size`."""
        return self.hash_bucket_size

    @property
    def ids_are_bounded(self) -> bool:
        """Always."""
        return True

    @property
    def ids_may_be_negative(self) -> bool:
        """Never."""
        return False

    def lookup(self, cache: FeatureCache) -> Tensor:
        """Returns the hash of every combination, the last key varying fastest."""
        values = [_values(leaf, cache, self.name) for leaf in self._leaves()]
        if any(isinstance(value, tf.RaggedTensor) for value in values):
            return self._cross_ragged(cache)
        return self._cross_dense(cache)

    def missing(self, cache: FeatureCache) -> Tensor | None:
        """Returns the combinations of which a category is missing.

        A dense string feature given by its key is never missing: '' is crossed as any string.
        """
        leaves = self._ordered_leaves()
        if any(isinstance(_values(leaf, cache, self.name), tf.RaggedTensor) for leaf in leaves):
            return None
        masks = [_missing(leaf, cache) for leaf in leaves]
        if all(mask is None for mask in masks):
            return None
        combined = tf.constant(False)[tf.newaxis, tf.newaxis]
        for leaf, mask in zip(leaves, masks, strict=True):
            if mask is None:
                mask = tf.zeros_like(_values(leaf, cache, self.name), tf.bool)
            combined = _outer(tf.logical_or, combined, mask)
        return combined

    def _cross_dense(self, cache: FeatureCache) -> Tensor:
        first, *others = (_premixed(leaf, cache, self.name) for leaf in self._ordered_leaves())
        hashed = fingerprints.concatenate(self.hash_key or _DEFAULT_HASH_KEY, first)
        for other in others:
            hashed = _outer(fingerprints.concatenate, hashed, other)
        return fingerprints.modulo(hashed, self.hash_bucket_size)

    def _cross_ragged(self, cache: FeatureCache) -> Tensor:
        crossed = tf.sparse.cross_hashed(
            [_as_kernel_input(leaf, cache, self.name) for leaf in self._leaves()],
            self.hash_bucket_size,
            self.hash_key or _DEFAULT_HASH_KEY,
        )
        return tf.RaggedTensor.from_value_rowids(
            crossed.values, crossed.indices[:, 0], nrows=crossed.dense_shape[0]
        )

    def _leaves(self) -> Iterator[Leaf]:
        for key in self.keys:
            if isinstance(key, CrossedColumn):
                yield from key._leaves()
            else:
                yield key

    def _ordered_leaves(self) -> list[Leaf]:
        # TensorFlow's kernel takes its sparse inputs first, and to it all categories are sparse.
        return sorted(self._leaves(), key=lambda leaf: isinstance(leaf, str))


def crossed_column(
    keys: Sequence[str | base.CategoricalColumn],
    hash_bucket_size: int,
    hash_key: int | None = None,
) -> CrossedColumn:
    """Reads the combinations of two or more features as categories.

    A row has every combination of its values: `{a, b} x {c}` gives two ids. An id is the hash of
    the values, modulo `hash_bucket_size`, and equals that of `tf.feature_column.crossed_column`.
    It depends on the order of the keys, save that dense string features given by their key come
    after everything else: to get the same ids from dense features in training and from parsed
    examples in serving, put the columns before the string keys.

    Args:
        keys: feature keys of string or integer features, and categorical columns that are not
            hashed (give the feature key instead). A column contributes its ids, and a row
            without one has no combination.
        hash_bucket_size: the number of ids.
        hash_key: another key gives another hash.

    Returns:
        A column of `hash_bucket_size` categories.

    Raises:
        ValueError: fewer than two keys, a key that cannot be crossed, or a size below 1.

    >>> crossed_column(["education", "occupation"], 1000).name
    'education_X_occupation'
    """
    if not hash_bucket_size or hash_bucket_size < 1:
        raise ValueError(
            f"hash_bucket_size must be > 1. hash_bucket_size: {hash_bucket_size}, keys: {keys!r}. "
            "Give about twice the number of combinations that occur."
        )
    if isinstance(keys, str) or not keys or len(keys) < 2:
        raise ValueError(
            f"keys must be a list with length > 1. Given: {keys!r}. Give at least two."
        )
    checks.check_count(hash_bucket_size, "hash_bucket_size", f"cross of {keys!r}")
    keys = [converted(key) for key in keys]
    for key in keys:
        if isinstance(key, HashedCategoricalColumn):
            raise ValueError(
                "categorical_column_with_hash_bucket is not supported for crossing. Hashing "
                f"before crossing will increase probability of collision. Use {key.key!r}, the "
                f"feature key, instead. Given: {key!r}."
            )
        if isinstance(key, WeightedCategoricalColumn):
            raise ValueError(
                "weighted_categorical_column is not supported for crossing: a combination has no "
                f"weight. Use its categorical column, {key.categorical_column.name!r}, instead, "
                f"and a weighted_categorical_column of the cross if need be. Given: {key!r}."
            )
        if not isinstance(key, str | base.CategoricalColumn):
            raise ValueError(
                "Unsupported key type. All keys must be either string, or categorical column "
                "except HashedCategoricalColumn; numbers can be crossed in a bucketized_column. "
                f"Given: {key!r}."
            )
    return CrossedColumn(tuple(keys), hash_bucket_size, hash_key)


def _values(leaf: Leaf, cache: FeatureCache, cross: str) -> Tensor:
    return cache.categories(leaf, cross) if isinstance(leaf, str) else leaf.ids(cache)


def _missing(leaf: Leaf, cache: FeatureCache) -> Tensor | None:
    return None if isinstance(leaf, str) else leaf.missing(cache)


def _premixed(leaf: Leaf, cache: FeatureCache, cross: str) -> Tensor:
    key = leaf if isinstance(leaf, str) else leaf.transformed_key
    return cache.once(
        ("premixed", isinstance(leaf, str), key),
        lambda: fingerprints.premix(fingerprints.fingerprint(_values(leaf, cache, cross))),
    )


def _outer(function: Callable[..., Tensor], left: Tensor, right: Tensor) -> Tensor:
    """Returns `function` of all pairs in each row, `[batch, left] x [batch, right]`."""
    if 1 in (left.shape[1], right.shape[1]):
        return function(left, right)
    pairs = function(left[:, :, tf.newaxis], right[:, tf.newaxis, :])
    width = pairs.shape[1:].num_elements() or tf.reduce_prod(tf.shape(pairs)[1:])
    return tf.reshape(pairs, [tf.shape(pairs)[0], width])


def _as_kernel_input(leaf: Leaf, cache: FeatureCache, cross: str) -> Tensor:
    values = _values(leaf, cache, cross)
    if isinstance(values, tf.RaggedTensor):
        return values.to_sparse()
    if isinstance(leaf, str):
        return values
    missing = leaf.missing(cache)
    present = tf.ones_like(values, tf.bool) if missing is None else tf.logical_not(missing)
    shape = tf.shape(values, tf.int64)
    return tf.SparseTensor(tf.where(present), tf.boolean_mask(values, present), shape)
