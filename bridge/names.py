"""Names of a Keras model's variables that are the same in every process."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Mapping, Sequence

import keras

from bridge import internals

_NUMBERED = re.compile(r"(.+?)(?:_(\d+))?")
_WORD, _CAPITAL = re.compile(r"(.)([A-Z][a-z]+)"), re.compile(r"([a-z])([A-Z])")
_UNTITLED = ("seed_generator", "variable")


def disk_names(model: keras.Model, variables: Iterable[keras.Variable]) -> list[str]:
    """Names variables as they would be named in a new process.

    Keras counts automatic layer names for the whole process: a second model of the same kind has
    `dense_3/kernel` where the first has `dense/kernel`. A checkpoint must open in a process that
    makes the model only once, so automatic names are counted afresh for each model, in the order
    of the variables. Names that the user gave stay.

    Args:
        model: the model.
        variables: variables of it, in an order that does not change.

    Returns:
        One name for each variable, no two alike.

    >>> first, second = (keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]) for _ in "ab")
    >>> disk_names(second, second.variables)
    ['sequential/dense/kernel', 'sequential/dense/bias']
    """
    automatic = {_automatic_name(type(layer)) for layer in internals.layers(model)} | {*_UNTITLED}
    paths = [variable.path for variable in variables]
    renamed = _renumbered([path.split("/")[:-1] for path in paths], automatic)
    names, seen = [], collections.Counter[str]()
    for path in paths:
        *scopes, last = path.split("/")
        name = "/".join([*(renamed[scope] for scope in scopes), last])
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return names


def optimizer_names(
    scope: str, variables: Sequence[keras.Variable], of_model: Mapping[str, str]
) -> list[str]:
    """Names an optimizer's variables after those of the model.

    Args:
        scope: folder of the optimizer, such as `training/lion`.
        variables: the optimizer's.
        of_model: disk names of the model's variables by path in Keras.

    Returns:
        One name for each variable, no two alike.
    """
    # Keras writes `dense_3_kernel_momentum` for the slot of `dense_3/kernel`.
    flat = {path.replace("/", "_"): name for path, name in of_model.items()}
    longest_first = sorted(flat, key=len, reverse=True)
    names, seen = [], collections.Counter[str]()
    for variable in variables:
        name = variable.path.rpartition("/")[2]
        owner = next((each for each in longest_first if name.startswith(f"{each}_")), None)
        if owner is not None:
            name = f"{flat[owner]}/{name[len(owner) + 1 :]}"
        name = f"{scope}/{name}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return names


def optimizer_scope(optimizer: keras.optimizers.Optimizer) -> str:
    """Returns the folder of an optimizer's variables, the same in every process."""
    automatic = _automatic_name(type(optimizer))
    match = _NUMBERED.fullmatch(optimizer.name)
    is_automatic = match is not None and match.group(1) == automatic
    return f"training/{automatic if is_automatic else optimizer.name}"


def _renumbered(scopes: Iterable[Sequence[str]], automatic: set[str]) -> dict[str, str]:
    """Counts automatic names from zero, in the order they are first met in."""
    counts, renamed = collections.Counter[str](), dict[str, str]()
    for scope in (each for path in scopes for each in path):
        match = _NUMBERED.fullmatch(scope)
        base = match.group(1) if match else scope
        if scope in renamed:
            continue
        if base not in automatic:
            renamed[scope] = scope
            continue
        count = counts[base]
        counts[base] += 1
        renamed[scope] = f"{base}_{count}" if count else base
    return renamed


def _automatic_name(kind: type) -> str:
    """Returns what Keras calls the first layer of a class that was given no name."""
    return _CAPITAL.sub(r"\1_\2", _WORD.sub(r"\1_\2", kind.__name__)).lower()
