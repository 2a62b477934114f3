"""What bridge/README.md says is so: its examples run, one after the other, and learn."""

from __future__ import annotations

import csv
import pathlib
import re

import pytest

import bridge

TEXT = (pathlib.Path(bridge.__file__).parent / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs all examples in one process, as a reader would; returns their names and outputs."""
    monkeypatch.chdir(tmp_path)
    names, outputs = {"__name__": "readme"}, []
    for code in EXAMPLES:
        exec(compile(code, "README.md", "exec"), names)
        outputs.append(capsys.readouterr().out)
    return names, outputs


@pytest.mark.filterwarnings("ignore:unclosed file")
def test_examples_run_and_learn(run, tmp_path):
    names, outputs = run
    assert len(outputs) == len(EXAMPLES) == 5
    accuracies = [re.search(r"'accuracy': np.float32\(([\d.]+)\)", output) for output in outputs]
    assert [float(found[1]) > 0.85 for found in accuracies if found] == [True] * 3
    with (tmp_path / "log.csv").open() as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates[0] > rates[-1]
    assert len(rates) < 100  # It stopped early.
    losses = re.findall(r"'loss': np.float32\(([\d.]+)\)", outputs[3])
    assert float(losses[0]) < 0.2
    x, trained = names["x"], names["trained"]
    assert ((trained.predict(x, verbose=0) > 0.5) == names["y"]).mean() > 0.9


def test_there_and_back_takes_ten_lines():
    lines = [line for line in EXAMPLES[0].splitlines() if line]
    assert len(lines) <= 12


def test_everything_public_is_named():
    assert [name for name in bridge.__all__ if name not in TEXT and name != "KerasEstimator"] == []
