"""The examples of the docstrings are right: every module's are run."""

from __future__ import annotations

import doctest
import importlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("estimators", "feature_columns", "premade", "bridge")
# What a reader of an example knows beside the module it is in.
KNOWN = ("estimators", "feature_columns", "premade", "keras", "tempfile")


def module_names():
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if ">>> " in path.read_text("utf-8"):
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts).removesuffix(".__init__")


def known_names():
    known = {name: importlib.import_module(name) for name in KNOWN}
    known |= {"tf": importlib.import_module("tensorflow"), "np": importlib.import_module("numpy")}
    known["fc"] = known["feature_columns"]
    return {
        name: getattr(known["estimators"], name) for name in known["estimators"].__all__
    } | known


@pytest.mark.parametrize("name", list(module_names()))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what an example writes is written here
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    output = []
    globs = known_names() | vars(module)
    for test in finder.find(module, name, globs=globs):
        runner.run(test, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)
