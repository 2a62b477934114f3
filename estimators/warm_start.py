"""Initial values taken from another checkpoint."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from estimators.aliases import Variable
from estimators.checkpoints import Checkpoint
from estimators.variables import VariableStore


@dataclasses.dataclass(frozen=True)
class VocabInfo:
    """How the rows of a variable moved between an old and a new vocabulary.

    Attributes:
        new_vocab: path of the present vocabulary file, one token a line.
        new_vocab_size: how many of its lines are used.
        num_oov_buckets: rows behind the vocabulary; they get fresh values.
        old_vocab: path of the vocabulary file of the checkpoint.
        old_vocab_size: how many of its lines were used; -1 means all.
        backup_initializer: `(shape, dtype) -> values` for rows without an old one; zeros if None.
        axis: 0 when rows are tokens, 1 when columns are.

    Example:
        >>> np.savetxt("old.txt", ["clerk", "nurse"], fmt="%s")
        >>> np.savetxt("new.txt", ["nurse", "pilot", "clerk"], fmt="%s")
        >>> jobs = VocabInfo("new.txt", 3, num_oov_buckets=0, old_vocab="old.txt")
        >>> jobs.remap(np.array([[1.0], [2.0]])).tolist()
        [[2.0], [0.0], [1.0]]
    """

    new_vocab: str
    new_vocab_size: int
    num_oov_buckets: int
    old_vocab: str
    old_vocab_size: int = -1
    backup_initializer: Callable[..., Any] | None = None
    axis: int = 0

    def remap(self, old: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns the values of the new variable, given those of the old one."""
        old_lines = _lines(self.old_vocab, self.old_vocab_size)
        old_row = {token: row for row, token in enumerate(old_lines)}
        tokens = _lines(self.new_vocab, self.new_vocab_size)
        rows = np.moveaxis(old, self.axis, 0)
        shape = (len(tokens) + self.num_oov_buckets, *rows.shape[1:])
        initialize = self.backup_initializer
        new = np.zeros(shape, old.dtype)
        if initialize is not None:
            new = np.array(initialize(shape, dtype=tf.as_dtype(old.dtype)), old.dtype)
        kept = [(row, old_row[token]) for row, token in enumerate(tokens) if token in old_row]
        if kept:
            to, of = np.transpose(kept)
            new[to] = rows[of]
        return np.moveaxis(new, 0, self.axis)


def _lines(path: str, size: int) -> list[str]:
    with tf.io.gfile.GFile(path) as file:
        lines = [line.rstrip("\n") for line in file]
    return lines if size < 0 else lines[:size]


@dataclasses.dataclass(frozen=True)
class WarmStartSettings:
    """Which initial values come from another checkpoint.

    Attributes:
        ckpt_to_initialize_from: a checkpoint, its folder, or a SavedModel's folder.
        vars_to_warm_start: a regular expression matched at the start of the names of trainable
            variables; or a list of expressions, or of variables, out of all variables, slots
            included; None means only those named in `var_name_to_vocab_info`.
        var_name_to_vocab_info: variables whose rows are reordered from one vocabulary to another.
        var_name_to_prev_var_name: names in the checkpoint, where they differ, by present name.

    Example:
        >>> settings = WarmStartSettings("last_night", vars_to_warm_start=".*embedding_weights")
        >>> settings.ckpt_to_initialize_from
        'last_night'
    """

    ckpt_to_initialize_from: str
    vars_to_warm_start: str | Sequence[str | Variable] | None = ".*"
    var_name_to_vocab_info: Mapping[str, VocabInfo] | None = None
    var_name_to_prev_var_name: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not self.ckpt_to_initialize_from:
            raise ValueError("`ckpt_to_initialize_from` must name a checkpoint, got nothing.")


def as_settings(warm_start_from: Any) -> WarmStartSettings | None:
    """Returns settings for what `Estimator(warm_start_from=...)` takes.

    Raises:
        ValueError: it is neither a path nor settings.
    """
    if warm_start_from is None or isinstance(warm_start_from, WarmStartSettings):
        return warm_start_from
    if isinstance(warm_start_from, str | bytes | os.PathLike):
        return WarmStartSettings(os.fsdecode(warm_start_from))
    raise ValueError(
        "warm_start_from must be a string or a WarmStartSettings, instead got "
        f"{type(warm_start_from)}: {warm_start_from!r}."
    )


def apply(settings: WarmStartSettings, store: VariableStore, names: Sequence[str]) -> None:
    """Gives variables values of the checkpoint that the settings name.

    Args:
        settings: which variables, and from where.
        store: holds the variables.
        names: the variables that may be warm started.

    Raises:
        ValueError: a mapping names a variable that the model has not, or a variable has another
            shape in the checkpoint.
        CheckpointError: the checkpoint cannot be read.
    """
    checkpoint = Checkpoint.open(settings.ckpt_to_initialize_from)
    previous = dict(settings.var_name_to_prev_var_name or {})
    vocabularies = dict(settings.var_name_to_vocab_info or {})
    layout = store.layout(names)
    chosen = {
        saved for saved, (name, _) in layout.items() if _is_chosen(settings, saved, store[name])
    }
    chosen |= vocabularies.keys() & layout.keys()
    shapes = checkpoint.names_to_shapes()
    values: dict[str, Any] = {}
    for saved in sorted(chosen):
        old_name = previous.pop(saved, saved)
        if old_name not in shapes:
            raise ValueError(
                f"Cannot warm start {saved!r}: {checkpoint.prefix} holds no variable "
                f"{old_name!r}. Leave it out of `vars_to_warm_start`, or name it in "
                "`var_name_to_prev_var_name`."
            )
        vocabulary = vocabularies.pop(saved, None)
        value = checkpoint.read(old_name)
        values[saved] = vocabulary.remap(value) if vocabulary else value
    if previous or vocabularies:
        raise ValueError(
            "These variables of var_name_to_prev_var_name or var_name_to_vocab_info are not warm "
            f"started: {sorted({*previous, *vocabularies})}. The model has: {sorted(layout)}."
        )
    _check_shapes(values, store.shapes(names), checkpoint)
    _write(store, names, values)
    logging.info("Warm started %d variables from %s.", len(values), checkpoint.prefix)


def _is_chosen(settings: WarmStartSettings, saved: str, variable: Variable) -> bool:
    wanted = settings.vars_to_warm_start
    if wanted is None:
        return False
    if isinstance(wanted, str):
        return bool(variable.trainable) and re.match(wanted, saved) is not None
    return any(
        re.match(one, saved) is not None if isinstance(one, str) else one is variable
        for one in wanted
    )


def _check_shapes(
    values: Mapping[str, Any], shapes: Mapping[str, tuple[Any, Any]], checkpoint: Checkpoint
) -> None:
    for name, value in values.items():
        if tuple(value.shape) != tuple(shapes[name][0]):
            raise ValueError(
                f"Cannot warm start {name!r} of shape {list(shapes[name][0])} from "
                f"{checkpoint.prefix}: there it has shape {list(value.shape)}. Leave it out of "
                "`vars_to_warm_start`, or map its vocabulary with `var_name_to_vocab_info`."
            )


def _write(store: VariableStore, names: Sequence[str], values: Mapping[str, Any]) -> None:
    """Writes the given values, and leaves what a split variable keeps besides them."""
    touched = {name for saved, (name, _) in store.layout(names).items() if saved in values}
    store.write({**store.read(touched), **values}, sorted(touched))
