from __future__ import annotations

import json

import pytest

from benchmarks import schedule
from benchmarks.measurements import KERAS, OURS, TF_ESTIMATOR, Measurement, ratio
from benchmarks.report import Bar, Results

SYSTEMS = (OURS, KERAS, TF_ESTIMATOR)
SPEEDS = {OURS: 600.0, KERAS: 200.0, TF_ESTIMATOR: 100.0}


def all_cases():
    for system in SYSTEMS:
        yield from schedule.train_cases(system)
        yield from schedule.test_cases(system)
        yield from schedule.first_step_cases(system)
    yield from schedule.table_cases()


def value(case):
    if case.call.startswith("train"):
        hand_made = case.arguments.get("form") == "gather"
        return SPEEDS[case.system] * (2 if hand_made else 1)
    return 60 / SPEEDS[case.system]


@pytest.fixture
def results():
    return Results(
        date="2026-01-31",
        machine={"processor": "a fast one"},
        load=(0.0, 1.0),
        versions={system: {"Python": "3.11"} for system in SYSTEMS},
        rows={"train": 10, "test": 5},
        data="made up",
        rounds=2,
        secs=1.0,
        measurements=[Measurement(case, [value(case), 2 * value(case)]) for case in all_cases()],
    )


def test_ratio_compares_within_rounds():
    case = schedule.table_cases()[0]
    slow_spell = Measurement(case, [10.0, 1.0, 10.0]), Measurement(case, [5.0, 0.5, 4.0])
    assert ratio(*slow_spell) == 2.0


def test_bars_compare_with_the_best_of_each_peer(results):
    found = {bar.what: bar.found for bar in results.bars()}
    assert found["training, batch 40, to tf.estimator 2.15 at its best, ready-made input"] == 6
    assert found["training, batch 40, to tf.estimator 2.15 at its best, any input"] == 3
    assert found["training, batch 512, to Keras `fit` at its best, ready-made input"] == 3
    assert found["speed of the second `evaluate`, to tf.estimator 2.15"] == pytest.approx(6)


def test_bar_knows_its_right_side():
    assert Bar("speed", 6.0, 6.0).met
    assert not Bar("time", 1.4, 1.3, at_least=False).met


def test_writes_a_row_for_every_training_and_every_value(results, tmp_path):
    results.write(tmp_path / "new")
    text = (tmp_path / "new" / "wide_deep.md").read_text(encoding="utf-8")
    assert text.count("| tf.estimator 2.15 | by hand") == 1
    assert text.count("`steps_per_execution=100` | arrays") == 4  # train, evaluate, predict, first
    values = json.loads((tmp_path / "new" / "wide_deep.json").read_text(encoding="utf-8"))
    assert len(values["measurements"]) == len(list(all_cases()))
    assert values["measurements"][0]["values"] == [600.0, 1200.0]
