"""What the packages say they offer: exact, sorted, documented, with an example that runs."""

from __future__ import annotations

import ast
import importlib
import inspect
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = (
    "estimators",
    "estimators.checkpoints",
    "estimators.export",
    "estimators.heads",
    "estimators.hooks",
    "estimators.inputs",
    "estimators.optimizers",
    "feature_columns",
    "bridge",
    "premade",
)


def imported_names(package):
    """The public names that an `__init__.py` imports."""
    tree = ast.parse((ROOT.joinpath(*package.split(".")) / "__init__.py").read_text("utf-8"))
    statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.asname or alias.name for node in statements for alias in node.names]
    return sorted(name for name in names if not name.startswith("_"))


def public_objects():
    """The classes and functions that are offered, each once, by name."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


def is_usable_alone(value):
    """Whether it makes sense without an implementation, or without something going wrong."""
    if not inspect.isclass(value):
        return True
    is_protocol = getattr(value, "_is_protocol", False)
    return not (is_protocol or inspect.isabstract(value) or issubclass(value, Exception))


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_what_is_imported(package):
    names = importlib.import_module(package).__all__
    assert list(names) == sorted(set(names))
    assert list(names) == imported_names(package)


def test_everything_public_is_documented():
    objects = public_objects()
    assert [name for name, value in objects.items() if not inspect.getdoc(value)] == []


def test_everything_public_has_an_example():
    objects = {name: value for name, value in public_objects().items() if is_usable_alone(value)}
    assert [name for name, value in objects.items() if ">>>" not in (value.__doc__ or "")] == []
