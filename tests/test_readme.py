"""What the README says is so: its examples run, its names and files exist."""

from __future__ import annotations

import importlib
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = dict(re.findall(r"^<!-- (\w+) -->\n```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))


def moved_names():
    """Pairs of a package and a name that the migration table says is in it."""
    for row in re.findall(r"^\| `tf\..*$", TEXT, re.MULTILINE):
        old, here, _ = [cell.strip() for cell in row.strip("|").split(" | ")]
        package = re.match(r"`([\w.]+)`", here)[1]
        if here.endswith("same names"):
            yield from ((package, name) for name in re.findall(r"`(\w+)`", old))
        else:
            yield tuple(package.rsplit(".", 1))


@pytest.mark.parametrize("code", EXAMPLES, ids=["model_fn", "premade", "trees", "runtimes"])
def test_example_runs_and_is_short(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out
    assert len([line for line in code.splitlines() if line]) <= 15


def test_table_of_moved_names_is_right():
    moved = list(moved_names())
    assert len(moved) > 50
    missing = [
        f"{package}.{name}"
        for package, name in moved
        if name not in importlib.import_module(package).__all__
    ]
    assert not missing


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_figures_are_those_that_were_measured():
    measured = (ROOT / "benchmarks" / "results" / "wide_deep.md").read_text("utf-8")
    quoted = re.findall(
        r"^\| (tf.estimator|Keras).*? \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE
    )
    assert len(quoted) == 2
    for system, *figures in quoted:
        for batch, figure in zip((40, 512), figures, strict=True):
            row = rf"batch {batch}, to {system}.*at its best, ready-made input .* {figure} \|"
            assert re.search(row, measured.replace("`", "")), f"{system}, batch {batch}: {figure}"


def test_figures_of_keras_models_are_those_that_were_measured():
    measured = (ROOT / "benchmarks" / "results" / "bridge.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| (\S+) \| \d+ \| (\S+) \| (\S+) \| ", measured, re.MULTILINE)
    differences, *ratios = zip(*[map(float, row) for row in rows], strict=True)
    assert len(differences) == 12
    assert set(differences) == {0.0}
    by_one, by_hundred = (f"{min(each):.2f} to {max(each):.2f}" for each in ratios)
    words = " ".join(TEXT.split())
    assert f"{by_one} times its speed; and at {by_hundred} times" in words
    assert by_one in (ROOT / "bridge" / "README.md").read_text("utf-8")


def test_continuous_integration_finds_its_command():
    assert {"quickstart", "test"} <= COMMANDS.keys()
