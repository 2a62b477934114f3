"""Receivers: what a served model is sent, and the features that it makes of that.

A `serving_input_receiver_fn` makes placeholders in the present graph and computes features from
them. It is called once for each export, in the graph that becomes the SavedModel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import tensorflow as tf

from estimators.aliases import Tensor

SINGLE_FEATURE = "feature"
SINGLE_RECEIVER = "input"
EXAMPLES = "examples"

_FEATURE_TYPES = (tf.Tensor, tf.SparseTensor, tf.RaggedTensor, tf.experimental.ExtensionType)


@final
@dataclass(frozen=True, eq=False)
class ServingInputReceiver:
    """What a model is sent, and a dict of features made of it.

    Attributes:
        features: tensors, sparse or ragged tensors by string or integer key; a bare one gets the
            key `feature`.
        receiver_tensors: the tensors to be fed, by string key; a bare one gets the key `input`.
        receiver_tensors_alternatives: other sets of tensors that may be fed instead, by name. Each
            signature is written again for each of them, as `<name>:<signature>`.

    Raises:
        ValueError: something is missing, or has a wrong type.

    >>> import tensorflow as tf
    >>> x = tf.zeros([2, 1])
    >>> receiver = ServingInputReceiver(features={"x": x}, receiver_tensors=x)
    >>> list(receiver.receiver_tensors)
    ['input']
    """

    features: Any
    receiver_tensors: Any
    receiver_tensors_alternatives: Any = None

    def __post_init__(self) -> None:
        if self.features is None:
            raise ValueError("features must be defined. Give the tensors that model_fn reads.")
        features = self.features
        if not isinstance(features, Mapping):
            features = {SINGLE_FEATURE: features}
        for key, value in features.items():
            if not isinstance(key, str | int):
                raise ValueError(
                    f"feature keys must be strings or integers, got {type(key).__name__}: {key!r}."
                )
            _require_feature(f"feature {key!r}", value)
        object.__setattr__(self, "features", dict(features))
        _set_receivers(self)


@final
@dataclass(frozen=True, eq=False)
class TensorServingInputReceiver:
    """What a model is sent, and one bare tensor made of it: for a `model_fn` that takes a tensor.

    Attributes:
        features: one tensor, sparse or ragged tensor.
        receiver_tensors: as in `ServingInputReceiver`.
        receiver_tensors_alternatives: as in `ServingInputReceiver`.

    Raises:
        ValueError: something is missing, or has a wrong type.

    >>> import tensorflow as tf
    >>> x = tf.zeros([2, 1])
    >>> TensorServingInputReceiver(x, {"x": x}).features is x
    True
    """

    features: Any
    receiver_tensors: Any
    receiver_tensors_alternatives: Any = None

    def __post_init__(self) -> None:
        if self.features is None:
            raise ValueError("features must be defined. Give the tensor that model_fn reads.")
        _require_feature("feature", self.features)
        _set_receivers(self)


Receiver: TypeAlias = ServingInputReceiver | TensorServingInputReceiver
ReceiverFn: TypeAlias = Callable[[], Any]
"""Makes placeholders in the present graph and returns a `Receiver`."""


def build_parsing_serving_input_receiver_fn(
    feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """Returns a `serving_input_receiver_fn` for a model that is sent serialized `tf.Example`s.

    Args:
        feature_spec: what `tf.io.parse_example` takes: see
            `feature_columns.make_parse_example_spec`.
        default_batch_size: number of examples in a request; None takes any number.

    Returns:
        A function whose receiver is fed strings `[batch]` under the key `examples`.

    >>> import tensorflow as tf
    >>> make = build_parsing_serving_input_receiver_fn({"x": tf.io.FixedLenFeature([1], tf.int64)})
    >>> with tf.Graph().as_default():
    ...     receiver = make()
    >>> list(receiver.features), list(receiver.receiver_tensors)
    (['x'], ['examples'])
    """
    spec = dict(feature_spec)

    def serving_input_receiver_fn() -> ServingInputReceiver:
        examples = tf.compat.v1.placeholder(
            tf.string, [default_batch_size], name="input_example_tensor"
        )
        features = tf.io.parse_example(examples, spec)
        return ServingInputReceiver(features, {EXAMPLES: examples})

    return serving_input_receiver_fn


def build_raw_serving_input_receiver_fn(
    features: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """Returns a `serving_input_receiver_fn` for a model that is sent its features by name.

    Args:
        features: tensors, arrays or `tf.TensorSpec`s by key, `[batch, ...]`. Only their dtypes and
            shapes are looked at.
        default_batch_size: first dimension of a request's tensors; None takes any.

    Returns:
        A function whose receiver is fed one tensor for each feature, under the feature's key.

    Raises:
        ValueError: a feature is a scalar, or nothing that has a dtype and a shape.

    >>> import tensorflow as tf
    >>> make = build_raw_serving_input_receiver_fn({"x": tf.TensorSpec([8, 2], tf.float32)})
    >>> with tf.Graph().as_default():
    ...     make().receiver_tensors["x"].shape.as_list()
    [None, 2]
    """
    specs = {key: _batch_spec(key, value, default_batch_size) for key, value in features.items()}

    def serving_input_receiver_fn() -> ServingInputReceiver:
        placeholders = {
            key: tf.compat.v1.placeholder(spec.dtype, spec.shape, name=_operation_name(key))
            for key, spec in specs.items()
        }
        return ServingInputReceiver(placeholders, placeholders)

    return serving_input_receiver_fn


def _batch_spec(key: str, value: Any, batch: int | None) -> Any:
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        value = tf.convert_to_tensor(value)  # Numpy has many types of string.
    shape = tf.TensorShape(value.shape)
    if shape.rank == 0:
        raise ValueError(
            f"Feature {key!r} is a scalar and has no batch dimension. Give it the "
            "shape [batch, ...], for instance with tf.expand_dims(x, 0)."
        )
    known = shape if shape.rank is None else [batch, *shape[1:]]
    return tf.TensorSpec(known, tf.as_dtype(value.dtype))


def _operation_name(key: str) -> str:
    """Returns the nearest name that an operation may have."""
    return re.sub(r"^[^A-Za-z0-9.]|[^A-Za-z0-9_.\\/>-]", "_", str(key)).lstrip("_") or "feature"


def _require_feature(what: str, value: Any) -> None:
    if not isinstance(value, _FEATURE_TYPES):
        raise ValueError(
            f"{what} must be a Tensor, SparseTensor, RaggedTensor or ExtensionType, got "
            f"{type(value).__name__}: {value!r}."
        )


def _set_receivers(receiver: Receiver) -> None:
    """Checks and completes the two fields that both kinds of receiver have."""
    tensors = _by_key("receiver_tensors", receiver.receiver_tensors)
    object.__setattr__(receiver, "receiver_tensors", tensors)
    alternatives = receiver.receiver_tensors_alternatives
    if alternatives is None:
        alternatives = {}
    if not isinstance(alternatives, Mapping):
        raise ValueError(
            "receiver_tensors_alternatives must be a dict of receiver_tensors by name, got "
            f"{type(alternatives).__name__}: {alternatives!r}."
        )
    named = {
        name: _by_key(f"receiver_tensors_alternatives[{name!r}]", tensors)
        for name, tensors in alternatives.items()
    }
    object.__setattr__(receiver, "receiver_tensors_alternatives", named)


def _by_key(what: str, tensors: Any) -> dict[str, Tensor]:
    if tensors is None:
        raise ValueError(f"{what} must be defined. Give the placeholders that are fed.")
    if not isinstance(tensors, Mapping):
        tensors = {SINGLE_RECEIVER: tensors}
    for key, value in tensors.items():
        if not isinstance(key, str):
            raise ValueError(f"{what} keys must be strings, got {type(key).__name__}: {key!r}.")
        if not isinstance(value, tf.Tensor):
            raise ValueError(
                f"{what}[{key!r}] must be a Tensor, got {type(value).__name__}: {value!r}. Feed "
                "the parts of a sparse or ragged tensor, and make it of them."
            )
    return dict(tensors)
