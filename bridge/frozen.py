"""A trained Estimator as one graph of numbers: what other runtimes are given."""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from bridge import graphs
from estimators import Estimator, export

Tensor = Any

# The signatures that hold all predictions: of heads, and of a model_fn that names none.
_SIGNATURES = ("predict", "serving_default")


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A graph without variables, text and tables, from features to predictions.

    Attributes:
        graph: a `GraphDef`; weights are constants in it, and it calls no functions.
        inputs: specs of the features, each with the name of its placeholder in the graph.
        outputs: names of the tensors in the graph, by prediction, in the order of the keys.
    """

    graph: Any
    inputs: tuple[Any, ...]
    outputs: Mapping[str, str]

    def spelled_out(self) -> Frozen:
        """Returns it in operations that ONNX and TensorFlow.js have too."""
        return dataclasses.replace(self, graph=graphs.spelled_out(self.graph))

    def function(self) -> Any:
        """Returns the graph as a `tf.function` of the inputs in order, named as they are."""

        def predict(*tensors: Tensor) -> dict[str, Tensor]:
            fed = {spec.name: tensor for spec, tensor in zip(self.inputs, tensors, strict=True)}
            found = tf.graph_util.import_graph_def(
                self.graph, input_map=fed, return_elements=list(self.outputs.values()), name=""
            )
            return dict(zip(self.outputs, found, strict=True))

        return tf.function(predict, input_signature=self.inputs, autograph=False)


def freeze(
    estimator: Estimator,
    features: Mapping[str, Any],
    outputs: Sequence[str] | None = None,
    checkpoint_path: str | None = None,
    *,
    transformed: bool = False,
) -> Frozen:
    """Returns the graph that predicts.

    Args:
        estimator: trained.
        features: arrays, tensors or `tf.TensorSpec`s by name, `[batch, ...]`; only dtypes and
            shapes are looked at.
        outputs: names of predictions; None takes all that are numbers.
        checkpoint_path: the checkpoint to take; the newest when None.
        transformed: begin behind `preprocess_fn`.

    Raises:
        ValueError: there is no trained model or no such prediction, two features would have one
            name, or the graph needs operations on text or tables, which only TensorFlow has.
    """
    if transformed:
        inputs = transformed_features(estimator, features)
        estimator = Estimator(estimator.model_fn, config=estimator.config)
    else:
        inputs = _named_inputs(features)

    def receiver() -> export.ServingInputReceiver:
        fed = {
            name: tf.compat.v1.placeholder(spec.dtype, spec.shape, name)
            for name, (_, spec) in inputs.items()
        }
        return export.ServingInputReceiver({inputs[name][0]: fed[name] for name in fed}, fed)

    with tempfile.TemporaryDirectory() as folder:
        path = estimator.export_saved_model(folder, receiver, checkpoint_path=checkpoint_path)
        loaded = tf.saved_model.load(os.fsdecode(path))
        found = [name for name in _SIGNATURES if name in loaded.signatures]
        return _frozen(loaded.signatures[found[0]], outputs)


def _named_inputs(features: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Returns key and spec of each feature by the name of its input."""
    found: dict[str, tuple[str, Any]] = {}
    for key, value in features.items():
        name = _fit(key)
        if name in found:
            raise ValueError(
                f"The features {found[name][0]!r} and {key!r} would both be the input {name!r}, "
                "since runtimes take letters, digits and underscores in names. Rename one."
            )
        found[name] = key, batch_spec(value)
    return found


def _frozen(signature: Any, outputs: Sequence[str] | None) -> Frozen:
    offered = signature.structured_outputs
    numbers = [key for key, spec in offered.items() if spec.dtype != tf.string]
    wanted = sorted(numbers if outputs is None else outputs)
    for key in wanted:
        if key not in numbers:
            raise ValueError(f"No prediction {key!r} of numbers: the model has {numbers}.")
    asked = signature.structured_input_signature[1]
    specs = [tf.TensorSpec(asked[name].shape, asked[name].dtype, name) for name in sorted(asked)]

    def call(*tensors: Tensor) -> dict[str, Tensor]:
        found = signature(**{s.name: tensor for s, tensor in zip(specs, tensors, strict=True)})
        return {key: tf.identity(found[key]) for key in wanted}

    concrete = tf.function(call, input_signature=specs, autograph=False).get_concrete_function()
    constant = convert_variables_to_constants_v2(concrete, aggressive_inlining=True)
    ends = dict(zip(wanted, (each.name for each in constant.outputs), strict=True))
    graph = graphs.pruned(constant.graph.as_graph_def(), ends.values())
    graphs.check_numeric(graph)
    held = {node.name for node in graph.node}
    return Frozen(graph, tuple(spec for spec in specs if spec.name in held), ends)


def transformed_features(
    estimator: Estimator, features: Mapping[str, Any]
) -> dict[str, tuple[str, Any]]:
    """Returns what `preprocess_fn` makes of features: key and spec by the name of an input.

    Args:
        estimator: has a `preprocess_fn`, as all premade ones.
        features: as for `freeze`.

    Raises:
        ValueError: it has none, or a result has rows of different lengths.
    """
    preprocess = estimator.preprocess_fn
    if preprocess is None:
        raise ValueError(
            "The Estimator has no preprocess_fn, so transformed=True has no meaning. Premade "
            "Estimators have one."
        )
    specs = {key: batch_spec(value) for key, value in features.items()}
    traced = tf.function(preprocess, autograph=False).get_concrete_function(specs)
    found: dict[str, tuple[str, Any]] = {}
    for key, tensor in traced.structured_outputs.items():
        if not isinstance(tensor, tf.Tensor):
            raise ValueError(
                f"{key!r} has several categories per row, in rows of different lengths, which "
                "only TensorFlow has. Leave that column out, or export a SavedModel."
            )
        name = _fit(key.partition("/")[0])
        while name in found:
            name += "_"
        found[name] = key, tf.TensorSpec(tensor.shape, tensor.dtype)
    return found


def batch_spec(value: Any) -> Any:
    """Returns dtype and shape of a feature, of any number of rows."""
    if not isinstance(value, tf.TensorSpec):
        value = tf.TensorSpec.from_tensor(tf.convert_to_tensor(value))
    return tf.TensorSpec([None, *value.shape[1:]], value.dtype)


def _fit(name: str) -> str:
    """Returns the nearest name that every runtime takes for an input."""
    return re.sub(r"\W", "_", name)
