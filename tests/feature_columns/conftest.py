from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.feature_column import feature_column_v2

import feature_columns as fc


def _rows(ids: Any) -> list[list[int]]:
    """Returns the valid ids of each row, of dense, ragged or sparse ids."""
    if isinstance(ids, tf.SparseTensor):
        rows: list[list[int]] = [[] for _ in range(int(ids.dense_shape[0]))]
        for (row, *_), value in zip(ids.indices.numpy(), ids.values.numpy(), strict=True):
            rows[row].append(int(value))
    else:
        rows = ids.to_list() if isinstance(ids, tf.RaggedTensor) else ids.numpy().tolist()
    return [[value for value in row if value >= 0] for row in rows]


@pytest.fixture(scope="session")
def ids_of() -> Callable[[Any, Mapping[str, Any]], list[list[int]]]:
    """Our valid ids of a categorical column, row by row."""
    return lambda column, features: _rows(fc.Transform(column)(features)[column.transformed_key])


@pytest.fixture(scope="session")
def tensorflow_ids_of() -> Callable[[Any, Mapping[str, Any]], list[list[int]]]:
    """Those of a column made by `tf.feature_column`."""

    def ids(column: Any, features: Mapping[str, Any]) -> list[list[int]]:
        cache = feature_column_v2.FeatureTransformationCache(dict(features))
        return _rows(column.get_sparse_tensors(cache, None).id_tensor)

    return ids


@pytest.fixture(scope="session")
def tensorflow_dense_of() -> Callable[[Any, Mapping[str, Any]], Any]:
    """The floats of a dense column without weights made by `tf.feature_column`."""

    def dense(column: Any, features: Mapping[str, Any]) -> Any:
        cache = feature_column_v2.FeatureTransformationCache(dict(features))
        tensor = column.get_dense_tensor(cache, None)
        return tf.reshape(tensor, [tensor.shape[0], -1]).numpy()

    return dense
