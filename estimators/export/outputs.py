"""What a model offers to a serving system: one frozen value per kind of signature.

A head or a `model_fn` makes these in PREDICT; the exporter turns them into SavedModel signatures.
The output keys and method names are those that TensorFlow Serving reads.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, final

import tensorflow as tf

from estimators.aliases import Tensor

SINGLE_OUTPUT = "output"
"""The key of a `PredictOutput` that was given a bare tensor."""


class ExportOutput(abc.ABC):
    """What one signature answers."""

    @abc.abstractmethod
    def signature(self) -> tuple[str, dict[str, Tensor]]:
        """Returns the serving method's name, and the answered tensors by output key."""


@final
@dataclasses.dataclass(frozen=True, eq=False)
class ClassificationOutput(ExportOutput):
    """Scores of classes, names of classes, or both.

    Attributes:
        scores: float, `[batch, classes]`.
        classes: string, `[batch, classes]`, in the order of `scores`.

    Raises:
        ValueError: both are None, or one has another dtype.

    >>> import tensorflow as tf
    >>> method, outputs = ClassificationOutput(scores=tf.constant([[0.25, 0.75]])).signature()
    >>> method, list(outputs)
    ('tensorflow/serving/classify', ['scores'])
    """

    scores: Tensor | None = None
    classes: Tensor | None = None

    def __post_init__(self) -> None:
        if self.scores is None and self.classes is None:
            raise ValueError("ClassificationOutput needs `scores`, `classes` or both; got neither.")
        if self.scores is not None:
            _require_tensor("ClassificationOutput `scores`", self.scores, "float")
        if self.classes is not None:
            _require_tensor("ClassificationOutput `classes`", self.classes, "string")

    def signature(self) -> tuple[str, dict[str, Tensor]]:
        """Returns the `classify` method, and `classes` and `scores` where given."""
        named = {
            tf.saved_model.CLASSIFY_OUTPUT_CLASSES: self.classes,
            tf.saved_model.CLASSIFY_OUTPUT_SCORES: self.scores,
        }
        outputs = {key: value for key, value in named.items() if value is not None}
        return tf.saved_model.CLASSIFY_METHOD_NAME, outputs


@final
@dataclasses.dataclass(frozen=True, eq=False)
class RegressionOutput(ExportOutput):
    """A value per example.

    Attributes:
        value: float, `[batch, values]`.

    Raises:
        ValueError: `value` is not a float tensor.

    >>> import tensorflow as tf
    >>> method, outputs = RegressionOutput(tf.constant([[1.5]])).signature()
    >>> method, list(outputs)
    ('tensorflow/serving/regress', ['outputs'])
    """

    value: Tensor

    def __post_init__(self) -> None:
        _require_tensor("RegressionOutput `value`", self.value, "float")

    def signature(self) -> tuple[str, dict[str, Tensor]]:
        """Returns the `regress` method and the value under `outputs`."""
        return tf.saved_model.REGRESS_METHOD_NAME, {tf.saved_model.REGRESS_OUTPUTS: self.value}


@final
@dataclasses.dataclass(frozen=True, eq=False)
class PredictOutput(ExportOutput):
    """Any named tensors.

    Attributes:
        outputs: tensors by name. A tuple key is joined by `/`; a bare tensor is named `output`.

    Raises:
        ValueError: a key is not a string, a value is not a tensor, or there is none at all.

    >>> import tensorflow as tf
    >>> PredictOutput({("head", "scores"): tf.constant([1.0])}).outputs.keys()
    dict_keys(['head/scores'])
    """

    outputs: Any

    def __post_init__(self) -> None:
        given = self.outputs
        if not isinstance(given, Mapping):
            given = {SINGLE_OUTPUT: given}
        if not given:
            raise ValueError("PredictOutput needs at least one tensor, got an empty dict.")
        named = {_joined(key): value for key, value in given.items()}
        for key, value in named.items():
            _require_tensor(f"PredictOutput `outputs[{key!r}]`", value)
        object.__setattr__(self, "outputs", named)

    def signature(self) -> tuple[str, dict[str, Tensor]]:
        """Returns the `predict` method and the named tensors."""
        return tf.saved_model.PREDICT_METHOD_NAME, dict(self.outputs)


def _joined(key: Any) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    if not all(isinstance(part, str) for part in parts):
        raise ValueError(
            f"PredictOutput keys must be strings or tuples of strings, got {key!r}. "
            "Name the output, for instance {'scores': tensor}."
        )
    return "/".join(parts)


def _require_tensor(what: str, value: Any, kind: str | None = None) -> None:
    """Raises unless `value` is a tensor of dtype `kind`: "float", "string" or None for any."""
    expected = f"a {kind} Tensor" if kind else "a Tensor"
    if not tf.is_tensor(value):
        raise ValueError(f"{what} must be {expected}, got {type(value).__name__}: {value!r}.")
    is_kind = {
        None: True,
        "float": value.dtype.is_floating,
        "string": value.dtype == tf.string,
    }[kind]
    if not is_kind:
        mend = "tf.strings.as_string" if kind == "string" else "tf.cast"
        raise ValueError(
            f"{what} must be {expected}, got dtype {value.dtype.name}. Convert it with {mend}."
        )
