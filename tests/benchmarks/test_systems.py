"""Each system that runs on the packages of the tests, as the process that the benchmark starts."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import schedule
from benchmarks.measurements import KERAS, OURS
from benchmarks.protocol import Worker
from estimators.datasets.synthetic_census import synthetic_census


@pytest.fixture
def arguments(tmp_path):
    path = tmp_path / "rows.csv"
    synthetic_census(200, np.random.default_rng(0)).write_csv(path)
    flags = {"train_csv": path, "test_csv": path, "warm_secs": 0, "secs": 0.01, "test_batch": 64}
    return [f"--{name}={value}" for name, value in flags.items()]


@pytest.mark.processes
@pytest.mark.parametrize(("system", "module"), [(OURS, "ours"), (KERAS, "keras_fit")])
def test_system_answers(system, module, arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    train, *_ = schedule.train_cases(system)
    evaluate, predict = schedule.test_cases(system)[0], schedule.test_cases(system)[-1]
    with Worker(sys.executable, f"benchmarks.systems.{module}", arguments, None) as worker:
        assert worker.ask("versions")["Python"]
        assert worker.ask(train.call, **train.arguments)["steps_per_sec"] > 0
        assert 0 <= worker.ask(evaluate.call, **evaluate.arguments)["auc"] <= 1
        assert worker.ask(predict.call, **predict.arguments)["rows"] == 200
        with pytest.raises(RuntimeError, match="unexpected keyword argument 'colour'"):
            worker.ask("train", colour="red")
