"""The graph that is exported: receiver, preprocessing and `model_fn`, traced as one.

A `tf.function` cannot be fed at placeholders that its own body makes. So the three are traced with
`tf.compat.v1.wrap_function`, and each signature is the part of that graph between two ends.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import tensorflow as tf
from absl import logging
from tensorflow.python.framework.auto_control_deps import AutomaticControlDependencies

from estimators.aliases import Tensor
from estimators.export import signatures, tables
from estimators.export.receivers import (
    Receiver,
    ReceiverFn,
    ServingInputReceiver,
    TensorServingInputReceiver,
)
from estimators.export.signatures import Signature
from estimators.model import Model
from estimators.program import Program
from estimators.spec import ModeKeys


@final
@dataclass(frozen=True, eq=False)
class ServingGraph:
    """A traced graph and its ends.

    Attributes:
        function: the graph, with its captured variables and tables.
        receiver: what is fed, and the features before preprocessing.
        predictions: what `model_fn` predicts from them.
        signatures: the ways to ask, by name.
        program: the bound `model_fn`.
        tables: lookup tables that were made on the way. Who holds the graph must hold them.
    """

    function: Any
    receiver: Receiver
    predictions: Any
    signatures: Mapping[str, Signature]
    program: Program
    tables: tuple[Any, ...]
    _answers: dict[Any, Callable[..., Any]] = field(default_factory=dict, repr=False)

    def answers(self, inputs: Sequence[Tensor]) -> Callable[..., Any]:
        """Returns everything that follows from some placeholders, as a function of their values.

        Pruning copies the graph operation by operation, in Python, which takes seconds. So it is
        done once for each set of placeholders, and the signatures call the one result.

        Args:
            inputs: placeholders of the graph.

        Returns:
            A concrete function of one tensor for each placeholder. It returns the outputs of the
            signatures that are fed by just these, by name; and, of the receiver's own
            placeholders, also the features before preprocessing and the predictions.
        """
        key = tuple(id(tensor) for tensor in inputs)
        if key not in self._answers:
            wanted: dict[str, Any] = {
                name: dict(signature.outputs)
                for name, signature in self.signatures.items()
                if {id(tensor) for tensor in signature.inputs.values()} == set(key)
            }
            if {id(tensor) for tensor in self.receiver.receiver_tensors.values()} == set(key):
                wanted = {
                    "signatures": wanted,
                    "features": self.receiver.features,
                    "predictions": self.predictions,
                }
            else:
                wanted = {"signatures": wanted}
            self._answers[key] = self.function.prune(list(inputs), wanted)
        return self._answers[key]

    @functools.cached_property
    def answering(self) -> dict[str, Callable[..., Any]]:
        """The concrete functions of the signatures, by name."""
        return {name: self._answering(name) for name in self.signatures}

    def _answering(self, name: str) -> Callable[..., Any]:
        """Returns a signature as a concrete function of keyword arguments."""
        inputs = self.signatures[name].inputs
        answers = self.answers(list(inputs.values()))
        ends: list[Any] = []

        def call() -> None:
            made = [tf.compat.v1.placeholder(t.dtype, t.shape) for t in inputs.values()]
            outputs = answers(*made)["signatures"][name]
            ends.extend((made, {key: tf.identity(value) for key, value in outputs.items()}))

        part = tf.compat.v1.wrap_function(call, signature=[]).prune(*ends)
        # The same two lines are in TensorFlow's own loader of version 1 models: keywords are
        # else the names of operations, which feature keys cannot always be.
        part._arg_keywords = list(inputs)
        part._num_positional_args = 1 if len(inputs) == 1 else 0
        return part


def trace(model: Model, receiver_fn: ReceiverFn) -> ServingGraph:
    """Traces a model for serving; its variables exist from then on.

    Args:
        model: what is exported.
        receiver_fn: the user's `serving_input_receiver_fn`.

    Raises:
        ValueError: the receiver is not what it should be, or does not fit the model.
    """
    kept: list[Any] = []

    def body() -> None:
        # Wires asserts and assignments to the answers, as in the functions that `predict` runs.
        with AutomaticControlDependencies() as effects, tables.lifted() as made:
            receiver = receiver_fn()
            _check(receiver)
            features = receiver.features
            preprocess = model.pipeline.preprocess(ModeKeys.PREDICT)
            if preprocess is not None:
                features = preprocess(features)
            with tf.init_scope():
                specs = tf.nest.map_structure(tf.type_spec_from_value, features)
                program = model.bind(ModeKeys.PREDICT, (specs, None), ())
            spec = program.spec(features)
            # Copies, because an answer may be a constant or an input.
            predictions = tf.nest.map_structure(effects.mark_as_return, spec.predictions)
            outputs = {}
            for name, output in signatures.offered(spec).items():
                method, answers = output.signature()
                outputs[name] = method, tf.nest.map_structure(effects.mark_as_return, answers)
        found, dropped = signatures.build(receiver, outputs)
        for name, reason in dropped.items():
            logging.info("Signature %r is left out: %s.", name, reason)
        kept.extend((receiver, predictions, found, program, tuple(made)))

    function = tf.compat.v1.wrap_function(body, signature=[])
    return ServingGraph(function, *kept)


def _check(receiver: Any) -> None:
    """Raises unless the receiver is made of placeholders of the present graph."""
    if not isinstance(receiver, ServingInputReceiver | TensorServingInputReceiver):
        raise ValueError(
            "serving_input_receiver_fn must return a ServingInputReceiver or a "
            f"TensorServingInputReceiver, got {type(receiver).__name__}: {receiver!r}."
        )
    present = tf.compat.v1.get_default_graph()
    named = dict(receiver.receiver_tensors)
    for alternative in receiver.receiver_tensors_alternatives.values():
        named.update(alternative)
    for key, tensor in named.items():
        if getattr(tensor, "graph", None) is not present:
            raise ValueError(
                f"receiver_tensors[{key!r}] is no tensor of the exported graph: {tensor!r}. Make "
                "it inside serving_input_receiver_fn, with tf.compat.v1.placeholder."
            )
