"""Questions that the model has answered, to be asked again of what was written to disk."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import tensorflow as tf
from absl import logging

from estimators.errors import ExportError
from estimators.export import golden, tables
from estimators.export.golden import Array
from estimators.export.serving_graph import ServingGraph
from estimators.loops import BatchFunction
from estimators.model import Model
from estimators.spec import ModeKeys

Answers: TypeAlias = dict[str, dict[str, Array]]
"""Arrays by key, by signature."""

_TOLERANCE = 1e-6
_TOLERANCE_OF_HALF = 1e-2

_ASK_IN_A_PROCESS = """
import pickle, sys
import tensorflow as tf
folder, questions, answers = sys.argv[1:]
loaded = tf.saved_model.load(folder)
with open(questions, "rb") as file:
    asked = pickle.load(file)
answered = {}
for name, inputs in asked.items():
    outputs = loaded.signatures[name](**{k: tf.constant(v) for k, v in inputs.items()})
    parts = {k: tf.nest.flatten(v, expand_composites=True) for k, v in outputs.items()}
    answered[name] = {f"{k}/{i}" if i else k: t.numpy()
                      for k, ts in parts.items() for i, t in enumerate(ts)}
with open(answers, "wb") as file:
    pickle.dump(answered, file)
"""


@final
@dataclass(frozen=True, eq=False)
class Rehearsal:
    """A golden batch, and what the model in memory answers to it.

    Attributes:
        questions: inputs by signature.
        answers: outputs by signature; without those that differ from call to call.
    """

    questions: Answers
    answers: Answers

    def check(self, folder: str, *, fresh_process: bool = False) -> None:
        """Loads a SavedModel and asks it the same.

        Args:
            folder: of the SavedModel.
            fresh_process: load it in a new process, which imports nothing but TensorFlow.

        Raises:
            ExportError: it cannot be loaded, or answers otherwise.
        """
        try:
            answers = (_ask_in_a_process if fresh_process else _ask)(folder, self.questions)
        except Exception as error:  # Whatever it is, the model must not be published.
            raise ExportError(
                f"The exported model cannot be loaded back and asked: {error}"
            ) from error
        for name, expected in self.answers.items():
            what = f"Loaded from disk, signature {name!r} does not answer as the model in memory"
            _compare(what, answers[name], expected)


def rehearse(graph: ServingGraph, model: Model) -> Rehearsal:
    """Asks every signature of a traced model, and compares with what `predict` answers.

    Raises:
        ExportError: the traced graph answers otherwise than `predict`.
    """
    receiver = graph.receiver
    receivers = [receiver.receiver_tensors, *receiver.receiver_tensors_alternatives.values()]
    words = golden.words_of(tables.owners(graph.function))
    refusal: Exception | None = None
    for filler in golden.fillers(words):
        feeds = golden.feeds(filler, receivers)
        try:
            questions, answers = _traced_answers(graph, feeds)
            features, traced = _features_and_predictions(graph, feeds)
            predicted = _predicted(graph, model, features)
        except (tf.errors.OpError, ValueError) as error:
            refusal = error
            continue
        _compare("`predict` does not answer as the exported graph", predicted, traced)
        return Rehearsal(questions, answers)
    logging.warning(
        "The exported model was loaded, but not compared with the one in memory: the model refuses "
        "the made-up requests. %s",
        refusal,
    )
    return Rehearsal({}, {})


def _traced_answers(graph: ServingGraph, feeds: Mapping[Any, Array]) -> tuple[Answers, Answers]:
    questions, answers = {}, {}
    for name, signature in graph.signatures.items():
        inputs = {key: feeds[tensor.ref()] for key, tensor in signature.inputs.items()}
        ask = graph.answering[name]
        first, second = (_arrays(ask(**_tensors(inputs))) for _ in range(2))
        questions[name] = inputs
        answers[name] = {k: v for k, v in first.items() if not _difference(second[k], v)}
    return questions, answers


def _features_and_predictions(
    graph: ServingGraph, feeds: Mapping[Any, Array]
) -> tuple[Any, dict[str, Array]]:
    """Returns the features of the golden batch, and what the graph predicts, if always the same."""
    inputs = list(graph.receiver.receiver_tensors.values())
    ask = graph.answers(inputs)
    given = [tf.constant(feeds[tensor.ref()], tensor.dtype) for tensor in inputs]
    first, second = ask(*given), ask(*given)
    again = _arrays(second["predictions"])
    predictions = _arrays(first["predictions"])
    return first["features"], {
        key: value for key, value in predictions.items() if not _difference(again[key], value)
    }


def _predicted(graph: ServingGraph, model: Model, features: Any) -> dict[str, Array]:
    preprocess = model.pipeline.preprocess(ModeKeys.PREDICT)
    if preprocess is not None:
        features = preprocess(features)
    function = BatchFunction(graph.program, (), eagerly=model.config.run_eagerly)
    return _arrays(function(features)["predictions"])


def _ask(folder: str, questions: Answers) -> Answers:
    loaded = tf.saved_model.load(folder)
    return {
        name: _arrays(loaded.signatures[name](**_tensors(inputs)))
        for name, inputs in questions.items()
    }


def _ask_in_a_process(folder: str, questions: Answers) -> Answers:
    with tempfile.TemporaryDirectory() as exchange:
        asked, answered = (os.path.join(exchange, name) for name in ("asked", "answered"))
        with open(asked, "wb") as file:
            pickle.dump(questions, file)
        command = [sys.executable, "-c", _ASK_IN_A_PROCESS, folder, asked, answered]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ExportError(f"a fresh process failed with:\n{done.stderr[-2000:]}")
        with open(answered, "rb") as file:
            answers: Answers = pickle.load(file)
        return answers


def _tensors(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {key: tf.constant(value) for key, value in arrays.items()}


def _arrays(outputs: Any) -> dict[str, Array]:
    """Returns the tensors of a dict, or a bare tensor, and the parts of composite ones."""
    outputs = outputs if isinstance(outputs, Mapping) else {"output": outputs}
    named = {}
    for key, value in outputs.items():
        for i, part in enumerate(tf.nest.flatten(value, expand_composites=True)):
            named[f"{key}/{i}" if i else str(key)] = part.numpy()
    return named


def _compare(what: str, answers: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    """Raises an ExportError at the first output that is not as expected."""
    for key, value in expected.items():
        difference = _difference(answers[key], value) if key in answers else "it is missing"
        if difference:
            raise ExportError(
                f"{what}, output {key!r}: {difference}. Nothing was published. A model_fn or "
                "preprocess_fn must compute the same each time that it is called, and files that "
                "it reads must not change."
            )


def _difference(answer: Array, expected: Array) -> str:
    """Returns the first difference in words; nothing when two arrays agree."""
    if answer.shape != expected.shape or answer.dtype != expected.dtype:
        return f"{answer.dtype}{list(answer.shape)} is not {expected.dtype}{list(expected.shape)}"
    if tf.as_dtype(expected.dtype).is_floating:
        wide, wide_expected = answer.astype(np.float64), expected.astype(np.float64)
        tolerance = _TOLERANCE_OF_HALF if expected.dtype.itemsize < 4 else _TOLERANCE
        finite = np.abs(wide_expected[np.isfinite(wide_expected)])
        scale = tolerance * max(1.0, float(finite.max(initial=0.0)))
        equal = np.isclose(wide, wide_expected, rtol=tolerance, atol=scale, equal_nan=True)
    else:
        equal = answer == expected
    if np.all(equal):
        return ""
    place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(equal))[0])
    first, second = np.atleast_1d(answer)[place], np.atleast_1d(expected)[place]
    return f"at {list(place)}, {first!r} is not {second!r}"
