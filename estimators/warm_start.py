"""Initial values taken from another checkpoint."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from estimators.aliases import Variable
from estimators.checkpoints import Checkpoint, fits
from estimators.variables import SEED_STATE, VariableStore
from estimators.vocab_info import VocabInfo

_SLOT = "training/"


@dataclasses.dataclass(frozen=True)
class WarmStartSettings:
    """Which initial values come from another checkpoint.

    Attributes:
        ckpt_to_initialize_from: a checkpoint, its folder, or a SavedModel's folder.
        vars_to_warm_start: a regular expression matched at the start of the names of trainable
            variables; or a list of expressions, or of variables that `model_fn` made, out of all
            variables, slots and statistics included; None means only those named in
            `var_name_to_vocab_info`.
        var_name_to_vocab_info: variables whose rows are reordered from one vocabulary to another.
            An optimizer slot has a name of its own.
        var_name_to_prev_var_name: names in the checkpoint, where they differ, by present name.

    Raises:
        ValueError: nothing names a checkpoint, or `vars_to_warm_start` is something else.

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
        wanted = self.vars_to_warm_start
        several = [] if wanted is None or isinstance(wanted, str) else wanted
        if not isinstance(several, list | tuple) or not all(map(_is_name_or_variable, several)):
            raise ValueError(
                "`vars_to_warm_start` must be a regular expression, a list of them or of "
                f"variables, or None, got {wanted!r}."
            )


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


def _is_name_or_variable(one: Any) -> bool:
    return isinstance(one, str | tf.Variable | keras.Variable)


def apply(
    settings: WarmStartSettings,
    store: VariableStore,
    names: Sequence[str],
    *,
    fresh: Sequence[str],
    training: bool,
) -> None:
    """Gives variables values of the checkpoint that the settings name.

    Args:
        settings: which variables, and from where.
        store: holds the variables.
        names: the variables of the body.
        fresh: those of them that are not warm started yet.
        training: the body makes the optimizer's slots; otherwise settings about them can wait.

    Raises:
        ValueError: a mapping names a variable that is not warm started, the checkpoint lacks a
            variable, or has it in another shape.
        CheckpointError: the checkpoint cannot be read.
        tf.errors.NotFoundError: a vocabulary file is not there.
    """
    checkpoint = Checkpoint.open(settings.ckpt_to_initialize_from)
    known = checkpoint.names_to_shapes()
    chosen = _chosen(settings, store, names)
    _check_used(settings, chosen, store.layout(names), training=training)
    values = {
        saved: _value(settings, saved, checkpoint, known)
        for saved in sorted(chosen & store.layout(fresh).keys())
        # tf.estimator's layers kept no state of random numbers; that of Keras 3 starts afresh.
        if saved in known or not saved.endswith(SEED_STATE)
    }
    _check_shapes(settings, values, store.shapes(fresh), checkpoint)
    _write(store, fresh, values)
    logging.info("Warm started %d variables from %s.", len(values), checkpoint.prefix)


def _chosen(settings: WarmStartSettings, store: VariableStore, names: Sequence[str]) -> set[str]:
    """Returns the variables that are to be warm started, by their names in checkpoints."""
    wanted, layout = settings.vars_to_warm_start, store.layout(names)
    if wanted is None:
        return set(settings.var_name_to_vocab_info or ()) & layout.keys()
    if isinstance(wanted, str):
        trainable = {saved for saved, (name, _) in layout.items() if store[name].trainable}
        return {saved for saved in trainable if re.match(wanted, saved)}
    patterns = [one for one in wanted if isinstance(one, str)]
    whole = {_name_of(one, store) for one in wanted if not isinstance(one, str)}
    return {
        saved
        for saved, (name, _) in layout.items()
        if name in whole or any(re.match(pattern, saved) for pattern in patterns)
    }


def _name_of(variable: Any, store: VariableStore) -> str:
    name = store.name_of(variable.value if isinstance(variable, keras.Variable) else variable)
    if name not in store:
        raise ValueError(
            f"`vars_to_warm_start` has a variable {name!r} that `model_fn` did not make. It made: "
            f"{sorted(store.names)}. Give the name, as a string."
        )
    return name


def _check_used(
    settings: WarmStartSettings,
    chosen: set[str],
    layout: Mapping[str, Any],
    *,
    training: bool,
) -> None:
    previous = settings.var_name_to_prev_var_name or {}
    unused = {*previous, *(settings.var_name_to_vocab_info or {})} - chosen
    if not training:
        unused = {name for name in unused if not name.startswith(_SLOT)}
    if unused:
        raise ValueError(
            "These variables of var_name_to_prev_var_name or var_name_to_vocab_info are not warm "
            f"started: {sorted(unused)}. `vars_to_warm_start`, "
            f"{settings.vars_to_warm_start!r}, must choose them too. The model has: "
            f"{sorted(layout)}."
        )


def _value(
    settings: WarmStartSettings, saved: str, checkpoint: Checkpoint, known: Mapping[str, Any]
) -> Any:
    """Returns the initial value of a variable; `known` are the names in the checkpoint."""
    old_name = (settings.var_name_to_prev_var_name or {}).get(saved, saved)
    if old_name not in known:
        near = difflib.get_close_matches(old_name, known, n=3)
        hint = f" Nearest are {', '.join(map(repr, near))}." if near else ""
        raise ValueError(
            f"Cannot warm start {saved!r}: {checkpoint.prefix} holds no variable {old_name!r}."
            f"{hint} Leave it out of `vars_to_warm_start`, or say in `var_name_to_prev_var_name` "
            "what it was called."
        )
    value = checkpoint.read(old_name)
    vocabulary = (settings.var_name_to_vocab_info or {}).get(saved)
    if vocabulary is None:
        return value
    try:
        return VocabInfo.of(vocabulary).remap(value)
    except ValueError as error:
        raise ValueError(f"Cannot warm start {saved!r} from {old_name!r}: {error}") from error


def _check_shapes(
    settings: WarmStartSettings,
    values: Mapping[str, Any],
    shapes: Mapping[str, tuple[Any, Any]],
    checkpoint: Checkpoint,
) -> None:
    for name, value in values.items():
        shape = list(shapes[name][0])
        if fits(value.shape, shape):
            continue
        text = f"Cannot warm start {name!r} of shape {shape} from {checkpoint.prefix}: "
        if name in (settings.var_name_to_vocab_info or {}):
            raise ValueError(
                f"{text}its `var_name_to_vocab_info` makes shape {list(value.shape)} of it. Give "
                "`new_vocab_size` and `num_oov_buckets` as the model has them, and the `axis`."
            )
        raise ValueError(
            f"{text}there it has shape {list(value.shape)}. Leave it out of `vars_to_warm_start`, "
            "or map its vocabulary with `var_name_to_vocab_info`."
        )


def _write(store: VariableStore, names: Sequence[str], values: Mapping[str, Any]) -> None:
    """Writes the given values, and leaves what a split variable keeps besides them."""
    touched = {name for saved, (name, _) in store.layout(names).items() if saved in values}
    store.write({**store.read(touched), **values}, sorted(touched))
