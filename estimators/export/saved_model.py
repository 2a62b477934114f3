"""Writing a model as a SavedModel: trace, rehearse, write aside, load back, compare, publish."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from absl import logging
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from estimators.checkpoints import Checkpoint, FileSystem, LocalFileSystem
from estimators.errors import ExportError
from estimators.export import description, publication, rehearsal, serving_graph, tables
from estimators.export.receivers import ReceiverFn
from estimators.export.serving_graph import ServingGraph
from estimators.export.signatures import Signature
from estimators.model import Model
from estimators.spec import ModeKeys
from estimators.variables import GLOBAL_STEP

_BINARY, _TEXT, _FINGERPRINT = "saved_model.pb", "saved_model.pbtxt", "fingerprint.pb"


def export(
    model: Model,
    export_dir_base: str | os.PathLike[str],
    serving_input_receiver_fn: ReceiverFn,
    checkpoint: Checkpoint | None,
    *,
    assets_extra: Mapping[str, str] | None = None,
    as_text: bool = False,
    mode: str = ModeKeys.PREDICT,
    fresh_process: bool = False,
    files: FileSystem | None = None,
) -> bytes:
    """Writes `<export_dir_base>/<seconds>/`, a SavedModel that answers as `predict` does.

    It is written into a temporary folder, loaded back and asked a small made-up batch before it
    becomes visible; a kill at any moment leaves a whole export or none.

    Args:
        model: what is exported.
        export_dir_base: a local folder; made if needed.
        serving_input_receiver_fn: makes placeholders and features of them: see
            `build_parsing_serving_input_receiver_fn` and `build_raw_serving_input_receiver_fn`.
        checkpoint: the values to export; None exports those of a warm start.
        assets_extra: files to copy, by destination inside `assets.extra/`.
        as_text: write `saved_model.pbtxt`.
        mode: only PREDICT can be exported.
        fresh_process: load back in a new process that has only TensorFlow, which takes seconds.
        files: the disk; for tests.

    Returns:
        The path of the export.

    Raises:
        ValueError: there is nothing to export, or an argument is wrong.
        ExportError: the export could not be written, or does not answer as the model does.
    """
    base = _checked_base(export_dir_base, serving_input_receiver_fn, mode)
    extra = publication.check_assets_extra(assets_extra)
    if checkpoint is None and model.warm_start_settings is None:
        raise ValueError(f"Couldn't find trained model at {model.config.model_dir}.")
    files = files or LocalFileSystem()
    graph = serving_graph.trace(model, serving_input_receiver_fn)
    temporary = publication.temporary_folder(base, files, model.clock)
    try:
        with model.holding(graph.program.bound, checkpoint):
            _write(graph, model, temporary)
            step = model.step
            rehearsed = rehearsal.rehearse(graph, model)
        _finish(graph.signatures, temporary, as_text=as_text)
        rehearsed.check(temporary, fresh_process=fresh_process)
        publication.copy_assets_extra(extra, temporary)
        path = publication.publish(temporary, base, files, model.clock)
    except BaseException:
        with contextlib.suppress(OSError):
            files.remove_folder(temporary)
        raise
    description.log(path, step, graph.signatures, rehearsed.questions)
    return os.fsencode(path)


def _checked_base(base: str | os.PathLike[str], receiver_fn: Any, mode: str) -> str:
    if not receiver_fn:
        raise ValueError("An input_receiver_fn must be defined.")
    if mode != ModeKeys.PREDICT:
        raise ValueError(
            f"Only mode {ModeKeys.PREDICT!r} can be exported, got {mode!r}. To go on training "
            "elsewhere, copy a checkpoint; to evaluate, use Estimator.evaluate."
        )
    base = os.fsdecode(base)
    if "://" in base:
        raise ValueError(
            f"export_dir_base must be a local folder, got {base!r}: an export appears by rename, "
            "which object stores do not have. Export locally and copy the finished folder."
        )
    return base


def _write(graph: ServingGraph, model: Model, folder: str) -> None:
    """Writes the SavedModel."""
    module = tf.Module()
    names = dict.fromkeys((GLOBAL_STEP, *graph.program.bound.names))
    # Of a variable of several replicas the first one, which is a plain variable of that name.
    module.model_variables = {name: _first_replica(model.store[name]) for name in names}
    module.resources = tables.owners(graph.function)
    if not graph.signatures:
        logging.warning("Export includes no signatures!")
    try:
        tf.saved_model.save(module, folder, signatures=graph.answering)
    except (AssertionError, ValueError) as error:
        raise ExportError(f"The model cannot be written as a SavedModel: {error}") from error


def _first_replica(variable: Any) -> Any:
    return getattr(variable, "values", (variable,))[0]


def _finish(signatures: Mapping[str, Signature], folder: str, *, as_text: bool) -> None:
    """Puts the serving methods in, which TensorFlow writes as `predict` whatever they are."""
    saved_model = saved_model_pb2.SavedModel()
    with open(os.path.join(folder, _BINARY), "rb") as file:
        saved_model.ParseFromString(file.read())
    definitions = saved_model.meta_graphs[0].signature_def
    for name, signature in signatures.items():
        definitions[name].method_name = signature.method
    if as_text:
        tf.io.write_graph(saved_model, folder, _TEXT, as_text=True)
        # The fingerprint is that of the binary file.
        for name in (_BINARY, _FINGERPRINT):
            os.remove(os.path.join(folder, name))
    else:
        tf.io.write_graph(saved_model, folder, _BINARY, as_text=False)
        fingerprinting_utils.write_fingerprint(folder)
