"""Summaries that a `model_fn` body writes, carried out of the compiled loop.

A `tf.compat.v1.summary` operation sits inside the step, where running it costs time in every one of
a hundred steps while only the last is looked at. So the step returns the operation's inputs, and the
operation is made once more behind the loop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimators.aliases import Tensor

_SUMMARY_TYPES = {
    "ScalarSummary": ("tags", "values"),
    "HistogramSummary": ("tag", "values"),
    "ImageSummary": ("tag", "tensor"),
    "AudioSummaryV2": ("tag", "tensor", "sample_rate"),
    "TensorSummaryV2": ("tag", "tensor", "serialized_summary_metadata"),
}


@dataclasses.dataclass(frozen=True)
class SummaryOp:
    """A summary operation without its inputs."""

    type: str
    max_images: int = 3

    def serialize(self, inputs: Sequence[Tensor]) -> Tensor:
        """Makes the operation again on other inputs; returns the serialized message."""
        arguments = dict(zip(_SUMMARY_TYPES[self.type], inputs, strict=True))
        if self.type == "ImageSummary":
            arguments["max_images"] = self.max_images
        if self.type == "AudioSummaryV2":
            arguments["max_outputs"] = self.max_images
        return getattr(tf.raw_ops, self.type)(**arguments)


def _operations() -> list[Any]:
    found = []
    for tensor in tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SUMMARIES):
        if getattr(tensor, "op", None) is not None and tensor.op.type in _SUMMARY_TYPES:
            found.append(tensor.op)
    return found


def collected() -> list[list[Tensor]]:
    """Returns the inputs of the summary operations made so far in the present graph."""
    if tf.executing_eagerly():
        return []
    return [list(operation.inputs) for operation in _operations()]


def described() -> list[SummaryOp]:
    """Returns the summary operations made so far in the present graph, in the same order."""
    described_ops = []
    for operation in _operations():
        images = {"ImageSummary": "max_images", "AudioSummaryV2": "max_outputs"}
        attribute = images.get(operation.type)
        count = operation.get_attr(attribute) if attribute else 3
        described_ops.append(SummaryOp(operation.type, count))
    return described_ops
