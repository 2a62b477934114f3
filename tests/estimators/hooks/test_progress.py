import io

import numpy as np
import pytest

from estimators.hooks import ProgressHook


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def lines(caplog):
    caplog.set_level("INFO", logger="absl")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "absl"]


def test_lines(make_run, lines):
    run = make_run(400, secs=0.5).drive(ProgressHook(100, stream=io.StringIO()))
    assert run.calls == [1, 101, 201, 301, 400]
    assert lines() == [
        "step 1 of 400 (0.2%): loss = 0.25",
        "step 101 of 400 (25.2%): loss = 0.25, 2 steps/s, ETA 0:02:30",
        "step 201 of 400 (50.2%): loss = 0.25, 2 steps/s, ETA 0:01:40",
        "step 301 of 400 (75.2%): loss = 0.25, 2 steps/s, ETA 0:00:50",
    ]


def test_lines_without_an_end_and_with_an_evaluation(make_run, lines):
    run = make_run()
    run.last_evaluation = {
        "recall": np.float32(0.1),
        "precision": np.float32(0.2),
        "loss": np.float32(0.3),
        "auc": np.float32(0.9),
        "confusion": np.zeros([2, 2]),
        "global_step": np.int64(40),
    }
    run.drive(ProgressHook(10, bar=False), data_ends_at=5)
    assert lines() == [
        "step 1: loss = 0.25, evaluated at step 40: auc = 0.9, loss = 0.3, precision = 0.2"
    ]


def test_bar_on_a_terminal(make_run, lines):
    terminal = Terminal()
    run = make_run(1000, secs=0.1)
    run.last_evaluation = {"auc": np.float32(0.9), "global_step": np.int64(0)}
    run.drive(ProgressHook(100, stream=terminal))
    assert lines() == []
    last = terminal.getvalue().split("\r")[-1]
    assert "1000/1000" in last
    assert "loss=0.25, evaluated at step 0: auc = 0.9" in last


def test_bar_of_a_resumed_run_begins_where_it_resumed(make_run):
    terminal = Terminal()
    make_run(100, step=40).drive(ProgressHook(stream=terminal))
    assert "40/100" in terminal.getvalue().split("\r")[1]
    assert "100/100" in terminal.getvalue()


def test_bar_does_not_cut_calls_short(make_run):
    run = make_run(10_000, secs=0.001)
    run.drive(ProgressHook(1, bar=True, stream=io.StringIO()))
    assert len(run.calls) < 2 * 10 / 0.5  # ten seconds, a look every half


def test_no_bar_on_other_workers(make_run):
    terminal = Terminal()
    make_run(10, is_chief=False).drive(ProgressHook(stream=terminal))
    assert terminal.getvalue() == ""
