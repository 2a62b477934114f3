"""What is installed: four packages with their types, one program, and nothing else."""

from __future__ import annotations

import configparser
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = {"bridge", "estimators", "feature_columns", "premade"}
SOURCES = ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The files of the wheel by name. Built from a copy: setuptools leaves folders behind."""
    folder = tmp_path_factory.mktemp("packaging")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "configs", "tests", "benchmarks"):
        ignored = shutil.ignore_patterns("__pycache__", "data")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def test_installs_the_packages_and_nothing_beside_them(wheel):
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    modules = {name for name in wheel if name.endswith(".py")}
    present = {str(p.relative_to(ROOT)) for name in PACKAGES for p in (ROOT / name).rglob("*.py")}
    assert modules == present


def test_packages_are_typed(wheel):
    assert {name for name in wheel if name.endswith("py.typed")} == {
        f"{package}/py.typed" for package in PACKAGES
    }


def test_offers_the_training_binary(wheel):
    entry_points = configparser.ConfigParser()
    entry_points.read_string(next(wheel[name] for name in wheel if "entry_points" in name))
    target = entry_points["console_scripts"]["estimators-train"]
    module, _, function = target.partition(":")
    assert f"def {function}(" in wheel[f"{module.replace('.', '/')}.py"]


def test_carries_its_readme_and_licence(wheel):
    metadata = next(wheel[name] for name in wheel if name.endswith("METADATA"))
    assert (ROOT / "README.md").read_text("utf-8").strip() in metadata
    licences = [text for name, text in wheel.items() if name.endswith("LICENSE")]
    assert licences == [(ROOT / "LICENSE").read_text("utf-8")]
