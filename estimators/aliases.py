"""The meanings that several modules share, as types.

Shapes in this project are written in prose with letters: ``[batch, classes]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A `tf.Tensor`, `tf.SparseTensor` or `tf.RaggedTensor`; TensorFlow ships no type stubs."""

Variable: TypeAlias = Any
"""A `tf.Variable`, plain or distributed."""

Dataset: TypeAlias = Any
"""A `tf.data.Dataset`."""

Strategy: TypeAlias = Any
"""A `tf.distribute.Strategy`; no distribution is the default strategy."""

Features: TypeAlias = Any
"""What the model reads: a dict of tensors by feature name, or one tensor."""

Labels: TypeAlias = Any
"""What the model learns: a tensor, a dict of tensors, or None."""

Params: TypeAlias = Mapping[str, Any]
"""The user's hyper-parameters, handed to `model_fn` and `input_fn` untouched."""

InputFn: TypeAlias = Callable[..., Any]
"""Returns a `tf.data.Dataset` of `features` or `(features, labels)`, or the tensors themselves.

May take any of `mode`, `params`, `config`, `input_context`.
"""

ModelFn: TypeAlias = Callable[..., Any]
"""`model_fn(features, labels, mode, params, config) -> EstimatorSpec`, any of the last four."""

PreprocessFn: TypeAlias = Callable[[Features], Features]
"""Maps the features of a whole batch, without trainable state, inside the input pipeline."""

Metrics: TypeAlias = Mapping[str, Any]
"""Evaluation results by name, as NumPy scalars."""
