"""Whether a checkpoint holds the variables that a model asks for."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import tensorflow as tf

from estimators.checkpoints.checkpoint import Checkpoint
from estimators.errors import IncompatibleCheckpointError

VariableSpec: TypeAlias = tuple[Sequence[int | None], object]
"""Shape, None for a size that may change, and anything that `tf.as_dtype` understands."""

_LISTED_AT_MOST = 8


def compare(
    wanted: Mapping[str, VariableSpec], checkpoint: Checkpoint, *, ignore: Collection[str] = ()
) -> None:
    """Checks that a checkpoint fits a model as a whole, before any variable is touched.

    Args:
      wanted: (shape, dtype) of the model's variables by name.
      checkpoint: what is to be restored.
      ignore: regular expressions; a name that one of them matches in full may be missing on either
        side and differ in shape.

    Raises:
      IncompatibleCheckpointError: a variable is missing, is superfluous or has another shape or
        type; lists all of them.

    >>> import tempfile
    >>> from estimators.checkpoints.store import CheckpointStore
    >>> with tempfile.TemporaryDirectory() as model_dir:
    ...     prefix = CheckpointStore(model_dir).commit(1, {"w": tf.zeros([2, 3])})
    ...     compare({"w": ([2, 3], tf.float32)}, Checkpoint.open(prefix))
    """
    patterns = [re.compile(pattern) for pattern in ignore]

    def counts(name: str) -> bool:
        return not any(pattern.fullmatch(name) for pattern in patterns)

    shapes, dtypes = checkpoint.names_to_shapes(), checkpoint.names_to_dtypes()
    model = {
        name: (tuple(shape), tf.as_dtype(dtype))
        for name, (shape, dtype) in sorted(wanted.items())
        if counts(name)
    }
    both = [name for name in model if name in shapes]
    groups = {
        "the model has and the checkpoint has not": [
            f"{name} {list(model[name][0])}" for name in model if name not in shapes
        ],
        "the checkpoint has and the model has not": [
            f"{name} {list(shapes[name])}" for name in shapes if name not in wanted and counts(name)
        ],
        "have another shape": [
            f"{name}: the model has {list(model[name][0])}, the checkpoint {list(shapes[name])}"
            for name in both
            if not fits(shapes[name], model[name][0])
        ],
        "have another type": [
            f"{name}: the model has {model[name][1].name}, the checkpoint {dtypes[name].name}"
            for name in both
            if model[name][1] != dtypes[name]
        ],
    }
    if any(groups.values()):
        raise IncompatibleCheckpointError(_message(checkpoint.prefix, groups))


def fits(found: Sequence[int], wanted: Sequence[int | None]) -> bool:
    """Says whether a shape is the one that is wanted, in which None is any size.

    >>> fits([3, 2], [None, 2]), fits([3, 1], [None, 2])
    (True, False)
    """
    return len(found) == len(wanted) and all(
        asked in (None, size) for size, asked in zip(found, wanted, strict=True)
    )


def _message(prefix: str, groups: Mapping[str, Sequence[str]]) -> str:
    lines = [f"{prefix} is not a checkpoint of this model; no variable was changed."]
    for title, entries in groups.items():
        if not entries:
            continue
        lines.append(f"Variables that {title} ({len(entries)}):")
        lines += [f"  {entry}" for entry in entries[:_LISTED_AT_MOST]]
        if len(entries) > _LISTED_AT_MOST:
            lines.append(f"  ... and {len(entries) - _LISTED_AT_MOST} more")
    folder = os.path.dirname(prefix) or "."
    lines.append(
        "Either give the model another model_dir; or start a new model_dir from these weights with "
        f"`warm_start_from={prefix!r}`, choosing the variables to take; or, if {folder} is no "
        "longer needed, delete it and start afresh."
    )
    return "\n".join(lines)
