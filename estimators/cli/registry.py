"""What gin files may name: registered when the binary starts, never at import.

The library itself knows nothing of gin. Everything public of the packages below is registered under
the path that a Python program would import it by: `@premade.DNNClassifier`.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import os
import re
import tokenize
from collections.abc import Iterator, Sequence
from typing import Any

import gin
from absl import logging

from estimators.cli.experiment import Experiment

_PACKAGES = (
    "estimators",
    "estimators.inputs",
    "estimators.optimizers",
    "estimators.heads",
    "estimators.datasets.synthetic_inputs",
    "feature_columns",
    "premade",
)
_KERAS_PACKAGES = ("keras.optimizers", "keras.optimizers.schedules")
_UNKNOWN = re.compile(r"No configurable matching (?:reference )?'@?(?:.*/)?([\w.]+?)(?:\(\))?'")


def register() -> None:
    """Registers all configurables with gin, once in a process."""
    for name, thing in _configurables():
        module, _, short = name.rpartition(".")
        if not _is_registered(name):
            gin.external_configurable(thing, name=short, module=module)


def _is_registered(name: str) -> bool:
    try:
        gin.get_configurable(name)
    except ValueError:
        return False
    return True


def _configurables() -> Iterator[tuple[str, Any]]:
    yield "estimators.Experiment", Experiment
    for package in _PACKAGES:
        module = importlib.import_module(package)
        names = getattr(module, "__all__", None) or _defined_in(module)
        for name in names:
            thing = getattr(module, name)
            if callable(thing) and not inspect.isabstract(thing):
                yield f"{package}.{name}", thing
    for package in _KERAS_PACKAGES:
        module = importlib.import_module(package)
        for name, thing in vars(module).items():
            if inspect.isclass(thing):
                yield f"{package}.{name}", thing


def _defined_in(module: Any) -> list[str]:
    return [
        name
        for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__
    ]


def parse(files: Sequence[str], bindings: Sequence[str]) -> None:
    """Reads gin files and bindings, in this order; later ones win.

    Raises:
        ValueError: a file is not there, a name is unknown, or a line is no gin; says where, and
            which known names are near.
    """
    for file in files:
        # So that a file can include another that lies beside it.
        gin.add_config_file_search_path(os.path.dirname(os.path.abspath(file)))
    try:
        with _quietly():
            gin.parse_config_files_and_bindings(list(files), list(bindings))
    except (ValueError, SyntaxError, OSError, tokenize.TokenError) as error:
        raise ValueError(f"{error}{_hint(str(error))}") from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keeps gin from logging an error for each place where an included file is not."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _hint(message: str) -> str:
    """Returns names that resemble the unknown one of a gin error."""
    found = _UNKNOWN.search(message)
    if found is None:
        return ""
    unknown = found.group(1).rpartition(".")[2]
    names = {name.rpartition(".")[2]: name for name, _ in _configurables()}
    near = [names[name] for name in difflib.get_close_matches(unknown, names, n=3)]
    if not near:
        return "\nNo known name resembles it. `import` the module that registers it with gin."
    return f"\nDid you mean {' or '.join(near)}?"
