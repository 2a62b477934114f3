"""Trained Estimators for LiteRT, ONNX and TensorFlow.js."""

from __future__ import annotations

import importlib
import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from bridge import tfjs
from bridge.frozen import Frozen, freeze, transformed_features
from estimators import Estimator

Path = str | os.PathLike[str]
_OPSET = 17


def export_litert(
    estimator: Estimator,
    path: Path,
    features: Mapping[str, Any],
    outputs: Sequence[str] | None = None,
    checkpoint_path: str | None = None,
    *,
    transformed: bool = False,
) -> str:
    """Writes a `.tflite` file, which LiteRT (TensorFlow Lite) runs.

    Its signature takes the features by name, with any number of rows, and returns the predictions
    by name.

    Args:
        estimator: trained; of any kind.
        path: the file to write.
        features: arrays, tensors or `tf.TensorSpec`s by name, `[batch, ...]`; only their dtypes
            and shapes are looked at.
        outputs: names of predictions; None takes all that are numbers.
        checkpoint_path: the checkpoint to take; the newest when None.
        transformed: export what comes behind the transform of the columns, whose inputs
            `transformed` makes. For models that read text, which stays in TensorFlow.

    Returns:
        The path.

    Raises:
        ValueError: there is no trained model or no such prediction, or the graph needs text or
            tables: the message names operation and feature.

    Example:
        >>> import feature_columns as fc
        >>> from premade import LinearRegressor
        >>> x = {"x": tf.constant([[1.0], [2.0]])}
        >>> data = lambda: tf.data.Dataset.from_tensors((x, [[2.0], [4.0]])).repeat()
        >>> estimator = LinearRegressor([fc.numeric_column("x")]).train(data, steps=1)
        >>> path = export_litert(estimator, "model.tflite", x)
        >>> tf.io.gfile.exists(path)
        True
    """
    frozen = freeze(estimator, features, outputs, checkpoint_path, transformed=transformed)
    module = tf.Module()
    module.predict = frozen.function()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.predict.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        content = converter.convert()
    pathlib.Path(path).write_bytes(content)
    return os.fspath(path)


def export_onnx(
    estimator: Estimator,
    path: Path,
    features: Mapping[str, Any],
    outputs: Sequence[str] | None = None,
    checkpoint_path: str | None = None,
    *,
    transformed: bool = False,
    opset: int = _OPSET,
) -> str:
    """Writes an `.onnx` file; needs the packages of the extra `onnx`.

    Inputs and outputs have the names of the features and the predictions.

    Args:
        estimator: trained; of any kind.
        path: the file to write.
        features: as for `export_litert`.
        outputs: as for `export_litert`.
        checkpoint_path: as for `export_litert`.
        transformed: as for `export_litert`.
        opset: version of the operations.

    Returns:
        The path.

    Raises:
        ImportError: tf2onnx is not installed.
        ValueError: as `export_litert`; or ONNX has no equal of an operation.

    Example:
        >>> import feature_columns as fc
        >>> from premade import LinearRegressor
        >>> x = {"x": tf.constant([[1.0], [2.0]])}
        >>> data = lambda: tf.data.Dataset.from_tensors((x, [[2.0], [4.0]])).repeat()
        >>> estimator = LinearRegressor([fc.numeric_column("x")]).train(data, steps=1)
        >>> export_onnx(estimator, "model.onnx", x)  # doctest: +SKIP
        'model.onnx'
    """
    tf2onnx = _optional("tf2onnx.convert", "tf2onnx", extra="onnx")
    frozen = freeze(estimator, features, outputs, checkpoint_path, transformed=transformed)
    frozen = frozen.spelled_out()
    model, _ = tf2onnx.from_function(
        frozen.function(), input_signature=frozen.inputs, opset=opset, output_path=os.fspath(path)
    )
    _check_onnx(model, frozen)
    return os.fspath(path)


def _check_onnx(model: Any, frozen: Frozen) -> None:
    """Refuses what tf2onnx only logs: operations that it passed on as they were."""
    onnx = _optional("onnx.defs", "onnx", extra="onnx")
    unknown = sorted(
        {node.op_type for node in model.graph.node if not onnx.has(node.op_type, node.domain)}
    )
    if unknown:
        raise ValueError(
            f"ONNX has no equal of the operations {unknown}, by which {sorted(frozen.outputs)} "
            "are computed. Leave out the columns or predictions that need them."
        )


def export_tfjs(
    estimator: Estimator,
    path: Path,
    features: Mapping[str, Any],
    outputs: Sequence[str] | None = None,
    checkpoint_path: str | None = None,
    *,
    transformed: bool = False,
) -> str:
    """Writes a folder that `tf.loadGraphModel` of TensorFlow.js loads; needs no other package.

    Inputs and outputs have the names of the features and the predictions. Integers become int32.

    Args:
        estimator: trained; of any kind.
        path: the folder to write, for `model.json` and the weights.
        features: as for `export_litert`.
        outputs: as for `export_litert`.
        checkpoint_path: as for `export_litert`.
        transformed: as for `export_litert`.

    Returns:
        The path of `model.json`.

    Raises:
        ValueError: as `export_litert`; or a weight has a dtype that JavaScript has not.

    Example:
        >>> import feature_columns as fc
        >>> from premade import LinearRegressor
        >>> x = {"x": tf.constant([[1.0], [2.0]])}
        >>> data = lambda: tf.data.Dataset.from_tensors((x, [[2.0], [4.0]])).repeat()
        >>> estimator = LinearRegressor([fc.numeric_column("x")]).train(data, steps=1)
        >>> export_tfjs(estimator, "web", x)
        'web/model.json'
    """
    frozen = freeze(estimator, features, outputs, checkpoint_path, transformed=transformed)
    return tfjs.write(frozen.spelled_out(), path)


def transformed(estimator: Estimator, features: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a model that was exported with `transformed=True` is fed.

    Args:
        estimator: that was exported.
        features: arrays or tensors by name, `[batch, ...]`.

    Returns:
        Tensors by the name of an input of the exported model.

    Raises:
        ValueError: the Estimator has no `preprocess_fn`, or a row has several categories of a
            column.

    Example:
        >>> import feature_columns as fc
        >>> from premade import LinearRegressor
        >>> job = fc.categorical_column_with_vocabulary_list("job", ["cook", "nurse"])
        >>> estimator = LinearRegressor([job])
        >>> {k: v.numpy().tolist() for k, v in transformed(estimator, {"job": ["nurse"]}).items()}
        {'linear_model_rows': [[1]]}
    """
    names = transformed_features(estimator, features)
    preprocess: Any = estimator.preprocess_fn
    found = preprocess({k: tf.convert_to_tensor(v) for k, v in features.items()})
    return {name: found[key] for name, (key, _) in names.items()}


def _optional(module: str, package: str, *, extra: str) -> Any:
    """Returns a module of a package that need not be installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"This needs the package {package}: pip install {package}, or the extra "
            f"tf-estimators[{extra}]."
        ) from error
