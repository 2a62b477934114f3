"""The meanings that the modules of this package share, as types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A `tf.Tensor`, `tf.SparseTensor` or `tf.RaggedTensor`; TensorFlow ships no type stubs."""

Features: TypeAlias = Mapping[str, Any]
"""What a model reads: tensors or arrays by feature key, the batch first."""

ParseSpec: TypeAlias = dict[str, Any]
"""What `tf.io.parse_example` needs to read the features of some columns."""
