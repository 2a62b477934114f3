"""The parts of Keras that have no public name: this module alone takes them for the bridge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

Variable = Any


def layers(model: keras.Model) -> Iterable[Any]:
    """Returns the model and every layer in it, at any depth."""
    return list(model._flatten_layers())


def backing(variable: keras.Variable) -> Variable:
    """Returns the `tf.Variable` that holds a Keras variable's value."""
    return variable._value


def set_backing(variable: keras.Variable, value: Variable) -> None:
    """Lets another `tf.Variable` hold a Keras variable's value."""
    variable._value = value


def distribution_of(variable: keras.Variable) -> tuple[Any, Any]:
    """Returns `tf.VariableSynchronization` and `tf.VariableAggregation` of a Keras variable."""
    synchronization = variable._map_synchronization(variable.synchronization)
    return synchronization, variable._map_aggregation(variable.aggregation)


def learning_rate(optimizer: keras.optimizers.Optimizer) -> Any:
    """Returns the variable or the schedule of the learning rate.

    The public property evaluates a schedule at the optimizer's own count of steps.
    """
    return optimizer._learning_rate


def reindex(optimizer: keras.optimizers.Optimizer, keys: Mapping[Any, Any]) -> Callable[[], None]:
    """Lets an optimizer know variables by other keys, and the strategy of the present context.

    A Keras optimizer finds the slots of a variable by the identity of the `tf.Variable` underneath,
    and keeps the strategy that it was made under.

    Args:
        optimizer: must have been built.
        keys: key of the present backing of a variable by that of its own, see `key_of`.

    Returns:
        A function that undoes it.
    """
    indices, excluded = "_trainable_variables_indices", "_exclude_from_weight_decay_ids"
    before = dict(vars(optimizer))
    changes: dict[str, Any] = {
        indices: {keys.get(key, key): index for key, index in before[indices].items()},
        "_distribution_strategy": tf.distribute.get_strategy(),
    }
    if excluded in before:
        changes[excluded] = {keys.get(key, key) for key in before[excluded]}
    vars(optimizer).update(changes)
    return lambda: vars(optimizer).update({name: before[name] for name in changes})


def key_of(variable: Variable) -> Any:
    """Returns by what a Keras optimizer knows a `tf.Variable`, plain or distributed."""
    container = getattr(variable, "_distributed_container", None)
    return (variable if container is None else container())._unique_id


def iterations(optimizer: keras.optimizers.Optimizer) -> keras.Variable:
    """Returns the count of steps of an optimizer, also of one that accumulates gradients."""
    return optimizer._iterations


def is_overridden(method: Callable[..., Any]) -> bool:
    """Says whether a method of a callback does anything."""
    return not getattr(method, "_is_default", False)


def traces_batches(callback: keras.callbacks.TensorBoard) -> bool:
    """Says whether a TensorBoard callback profiles any batches."""
    return bool(callback._should_trace)


def compile_config(model: keras.Model) -> dict[str, Any]:
    """Returns what `compile` was called with, as it was given; empty when it was not called."""
    config = model._compile_config
    return dict(config.config) if config is not None else {}


def inputs_of(model: keras.Model) -> Any:
    """Returns a model's symbolic inputs in their structure; None of a subclassed model."""
    structure = getattr(model, "_inputs_struct", None)
    if structure is not None:
        return structure
    inputs = getattr(model, "inputs", None)  # A Sequential model that is built has one input.
    return inputs[0] if inputs else None


def is_functional(model: keras.Model) -> bool:
    """Says whether a model is a graph of layers, and not code of its class."""
    return getattr(model, "_inputs_struct", None) is not None


def outputs_of(model: keras.Model) -> tuple[str, ...]:
    """Returns the names of a model's outputs, in order; none of a subclassed model."""
    if isinstance(model, keras.Sequential):
        return (model.layers[-1].name,)
    return tuple(getattr(model, "output_names", None) or ())


def gives_one_output(model: keras.Model) -> bool:
    """Says whether a model tells that it has one output, which it does not return by name."""
    structure = getattr(model, "_outputs_struct", None)
    return len(outputs_of(model)) == 1 and not isinstance(structure, Mapping)
