"""From what a model offers and what it is sent to the signatures of a SavedModel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import tensorflow as tf

from estimators.aliases import Tensor
from estimators.export.outputs import ExportOutput, PredictOutput
from estimators.export.receivers import Receiver
from estimators.spec import EstimatorSpec

DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
_ONE_STRING = {
    tf.saved_model.CLASSIFY_METHOD_NAME: tf.saved_model.CLASSIFY_INPUTS,
    tf.saved_model.REGRESS_METHOD_NAME: tf.saved_model.REGRESS_INPUTS,
}
"""Methods that are sent serialized examples, and the key that these are sent under."""


@final
@dataclass(frozen=True, eq=False)
class Signature:
    """One way to ask the model.

    Attributes:
        method: the serving method, such as `tensorflow/serving/predict`.
        inputs: placeholders by key.
        outputs: answered tensors by key.
    """

    method: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def offered(spec: EstimatorSpec) -> dict[str, ExportOutput]:
    """Returns the export outputs of a spec by signature name, the default one among them.

    Raises:
        TypeError: `export_outputs` is no dict of ExportOutputs.
        ValueError: there are several, and none is the default.
    """
    outputs = spec.export_outputs
    if outputs is None:
        return {DEFAULT: PredictOutput(spec.predictions)}
    if not isinstance(outputs, Mapping):
        raise TypeError(f"`export_outputs` must be dict, given: {outputs!r}")
    for name, output in outputs.items():
        if not isinstance(output, ExportOutput):
            raise TypeError(
                "Values in `export_outputs` must be ExportOutput objects, such as "
                f"estimators.export.PredictOutput; given {name!r}: {output!r}"
            )
    if DEFAULT in outputs:
        return dict(outputs)
    if len(outputs) == 1:
        return {**outputs, DEFAULT: next(iter(outputs.values()))}
    raise ValueError(
        "Multiple `export_outputs` were provided, but none of them is specified as the default: "
        f"{sorted(map(str, outputs))}. Name one of them {DEFAULT!r}."
    )


def build(
    receiver: Receiver, outputs: Mapping[str, tuple[str, Mapping[str, Tensor]]]
) -> tuple[dict[str, Signature], dict[str, str]]:
    """Joins each receiver with each output, in the present graph.

    Args:
        receiver: what is fed.
        outputs: method and answered tensors by signature name.

    Returns:
        The signatures by name, and by name the reasons why others cannot be served.
    """
    signatures: dict[str, Signature] = {}
    dropped: dict[str, str] = {}
    receivers = {None: receiver.receiver_tensors, **receiver.receiver_tensors_alternatives}
    for alternative, tensors in receivers.items():
        for key, (method, answers) in outputs.items():
            name = key if alternative is None else f"{alternative}:{key}"
            reason = _unservable(method, tensors, answers)
            if reason:
                dropped[name] = reason
                continue
            if method in _ONE_STRING:
                (tensor,) = tensors.values()
                signatures[name] = Signature(method, {_ONE_STRING[method]: tensor}, answers)
            else:
                signatures[name] = Signature(method, tensors, answers)
    return signatures, dropped


def _unservable(method: str, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> str:
    """Returns why a signature cannot be; nothing if it can."""
    if method in _ONE_STRING and [t.dtype for t in inputs.values()] != [tf.string]:
        given = ", ".join(f"{key} {tensor.dtype.name}" for key, tensor in inputs.items())
        return (
            f"{method} is sent serialized tf.Examples: its input must be a single string Tensor; "
            f"the receiver has: {given}"
        )
    missing = _unfed(outputs.values(), inputs.values())
    if missing:
        return f"its outputs depend on placeholders that are not fed: {', '.join(missing)}"
    return ""


def _unfed(outputs: Iterable[Any], inputs: Iterable[Tensor]) -> list[str]:
    """Returns the names of the placeholders that outputs depend on and that are no inputs."""
    fed = {tensor.ref() for tensor in inputs}
    captures = getattr(tf.compat.v1.get_default_graph(), "internal_captures", ())
    captured = {tensor.op for tensor in captures}
    tensors = tf.nest.flatten(list(outputs), expand_composites=True)
    waiting = [tensor.op for tensor in tensors if tensor.ref() not in fed]
    seen, unfed = set(waiting), []
    while waiting:
        operation = waiting.pop()
        if operation.type == "Placeholder" and operation not in captured:
            unfed.append(operation.name)
        before = [t.op for t in operation.inputs if t.ref() not in fed]
        new = {*before, *operation.control_inputs} - seen
        seen |= new
        waiting.extend(new)
    return sorted(unfed)
