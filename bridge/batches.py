"""A batch of an input function in the structure that a Keras model reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

Tensor = Any


@dataclasses.dataclass(frozen=True)
class Batches:
    """Fits batches to the inputs and outputs of a model, by name.

    Attributes:
        inputs: the model's symbolic inputs in their structure; None for a subclassed model, which
            is handed the features as they are.
        outputs: names of the outputs, in order; empty when the model does not tell.
        weight_column: name of the feature that holds the weight of each example.
        class_weight: weight of each class, by its number.
        is_single: the only label is handed on without its name.
    """

    inputs: Any
    outputs: tuple[str, ...] = ()
    weight_column: str | None = None
    class_weight: Mapping[int, float] | None = None
    is_single: bool = False

    def x(self, features: Any) -> Any:
        """Returns what the model is called with.

        Raises:
            ValueError: the features lack an input of the model, or are several without names.
        """
        if not isinstance(features, Mapping):
            return self._unnamed(features)
        if self.inputs is None:
            return {k: v for k, v in features.items() if k != self.weight_column}
        names = input_names(self.inputs)
        missing = sorted(set(names) - set(features))
        if missing:
            raise ValueError(
                f"The model has inputs {names}, and the features lack {missing}: they have "
                f"{sorted(features)}. Name the features after the inputs (keras.Input(name=...)), "
                "or return a single tensor for a model with one input."
            )
        found = [_of_rank(features[name], spec) for name, spec in named_inputs(self.inputs)]
        return keras.tree.pack_sequence_as(self.inputs, found)

    def _unnamed(self, features: Any) -> Any:
        if self.weight_column is not None:
            raise ValueError(
                f"weight_column {self.weight_column!r} names a feature, and the features are no "
                "dict. Return a dict, or (features, labels, weights) from input_fn."
            )
        if self.inputs is None:
            return features
        given, wanted = keras.tree.flatten(features), keras.tree.flatten(self.inputs)
        if len(given) != len(wanted):
            raise ValueError(
                f"The model has {len(wanted)} inputs {input_names(self.inputs)}, and input_fn "
                f"returned {len(given)} features without names. Return a dict by input name."
            )
        found = [_of_rank(tensor, spec) for tensor, spec in zip(given, wanted, strict=True)]
        return keras.tree.pack_sequence_as(self.inputs, found)

    def y(self, labels: Any) -> Any:
        """Returns the labels, in the order of the outputs when they are given by output name.

        Raises:
            ValueError: labels are given by name, and one is of no output.
        """
        if not isinstance(labels, Mapping) or not self.outputs:
            return labels
        unknown = sorted(set(labels) - set(self.outputs))
        if unknown:
            raise ValueError(
                f"The labels {unknown} are of no output: the model has {list(self.outputs)}."
            )
        if self.is_single and labels:
            return labels[self.outputs[0]]
        return dict(labels)

    def weights(self, features: Any, labels: Any, given: Any) -> Any:
        """Returns the weight of each example, or None when all count alike.

        Args:
            features: may hold the weight column.
            labels: numbers or one-hot vectors of classes, for `class_weight`.
            given: third part of the elements of the dataset, `[batch]`; None without one.

        Raises:
            ValueError: the weight column is missing, or weights come from two places.
        """
        if self.weight_column is not None:
            if given is not None:
                raise ValueError(
                    f"The examples have weights twice: in weight_column {self.weight_column!r} and "
                    "as the third part of the dataset. Leave one out."
                )
            if self.weight_column not in features:
                raise ValueError(
                    f"weight_column {self.weight_column!r} is not in the features: they have "
                    f"{sorted(features)}."
                )
            given = tf.cast(tf.reshape(features[self.weight_column], [-1]), tf.float32)
        if self.class_weight is None:
            return given
        weights = _class_weights(self.class_weight, labels)
        return weights if given is None else weights * tf.cast(given, weights.dtype)


def input_names(inputs: Any) -> list[str]:
    """Returns the names of a model's inputs: the keys of a dict, or the names of the layers."""
    return [name for name, _ in named_inputs(inputs)]


def named_inputs(inputs: Any) -> list[tuple[str, Any]]:
    """Returns pairs of name and symbolic tensor, in the order of `keras.tree.flatten`."""
    if isinstance(inputs, Mapping):
        return [(key, inputs[key]) for key in sorted(inputs)]
    return [(tensor.name, tensor) for tensor in keras.tree.flatten(inputs)]


def _of_rank(tensor: Tensor, spec: Any) -> Tensor:
    """Makes a column of a feature of rank 1 where the model reads one, as tf.estimator did."""
    if isinstance(tensor, tf.Tensor) and tensor.shape.rank == 1 and len(spec.shape) == 2:
        return tf.expand_dims(tensor, axis=1)
    return tensor


def _class_weights(class_weight: Mapping[int, float], labels: Tensor) -> Tensor:
    """Returns the weight of the class of each row, 1 for a class that has none."""
    if isinstance(labels, Mapping | Sequence):
        raise ValueError("class_weight is for a model with one output. Give weights by row.")
    is_one_hot = labels.shape.rank is not None and labels.shape.rank > 1 and labels.shape[-1] != 1
    classes = tf.argmax(labels, axis=-1) if is_one_hot else tf.reshape(labels, [-1])
    table = [float(class_weight.get(i, 1.0)) for i in range(max(class_weight) + 1)]
    classes = tf.cast(classes, tf.int64)
    known = classes < len(table)
    found = tf.gather(tf.constant(table), tf.where(known, classes, 0))
    return tf.where(known, found, 1.0)


def by_output_name(outputs: Any, names: Sequence[str]) -> dict[str, Tensor]:
    """Returns a model's outputs as a flat dict.

    Args:
        outputs: what the model returned.
        names: of the outputs, if the model tells; others are called `output_0` and so on.
    """
    if isinstance(outputs, Mapping):
        return {str(key): value for key, value in outputs.items()}
    flat = keras.tree.flatten(outputs)
    if len(flat) != len(names):
        names = [f"output_{i}" for i in range(len(flat))]
    return dict(zip(names, flat, strict=True))
