from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.boosted_rows import BoostedRows, auc, score
from benchmarks.boosted_trees import OURS, Results
from benchmarks.protocol import Worker


def answer(total, predict=1.0, ranked=0.8, binning=0.5):
    return {
        "bin_secs": binning,
        "train_secs": total - (binning or 0.0),
        "total_secs": total,
        "first_predict_secs": 2 * predict,
        "predict_secs": predict,
        "memory": 2.0,
        "memory_before": 1.0,
        "auc": ranked,
    }


def test_score_is_the_formula():
    x = [0.5, -2.0, 0.3, -1.5, 2.0, 0.1, -1.0, 3.0, 9.0]
    wanted = -1.0 + math.sin(0.6) + 1.5 - 0.8 + 0.5 * 2.0 - 0.4 - 0.3 * 9.0 + 0.3
    assert score(np.array([x], np.float32)) == pytest.approx([wanted], rel=1e-6)
    x[5] = -0.1
    assert score(np.array([x], np.float32)) == pytest.approx([wanted - 1.0], rel=1e-6)


def test_labels_are_ones_as_often_as_the_score_says():
    rows = BoostedRows.drawn(200_000, 8, seed=3)
    assert rows.features.dtype == np.float32
    chance = 1 / (1 + np.exp(-1.2 * score(rows.features)))
    for low in np.arange(0, 1, 0.1):
        some = (chance >= low) & (chance < low + 0.1)
        assert rows.labels[some].mean() == pytest.approx(chance[some].mean(), abs=0.015)


def test_rows_depend_on_the_seed_alone():
    first, same, other = (BoostedRows.drawn(100, 8, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.features, same.features)
    np.testing.assert_array_equal(first.labels, same.labels)
    assert (first.features != other.features).all()


def test_refuses_fewer_columns_than_the_formula_has():
    with pytest.raises(ValueError, match="8 or more, got 7"):
        BoostedRows.drawn(10, 7, seed=1)


@pytest.mark.parametrize("levels", [5, 10**6])
def test_auc_is_that_of_scikit_learn(levels):
    rng = np.random.default_rng(0)
    predictions = rng.integers(levels, size=1000) / levels
    labels = (rng.random(1000) < predictions).astype(int)
    assert auc(labels, predictions) == pytest.approx(roc_auc_score(labels, predictions))


def test_bars_compare_with_the_best_of_each_figure():
    results = Results(
        {
            OURS: [answer(2.0, 3.0, 0.7996, None), answer(8.0, 3.0, 0.7996, None)],
            "xgboost": [answer(4.0, 1.0, 0.79), answer(4.0, 1.0, 0.79)],
            "ydf": [answer(9.0, 2.0, 0.8), answer(9.0, 2.0, 0.8)],
        }
    )
    total, predict, ranked = results.bars()
    assert (total.found, total.is_met) == (1.25, False)
    assert (predict.found, predict.is_met) == (3.0, False)
    assert ranked.found == pytest.approx(-0.0004)
    assert ranked.is_met
    first, *_, last = results.table().splitlines()[2:]
    assert first == (
        "| this project | in training | 5.00 | 5.00 | 6.000 | 3.000 | 2.00 | 1.00 | 0.79960 |"
    )
    assert last == "| YDF | 0.50 | 8.50 | 9.00 | 4.000 | 2.000 | 2.00 | 1.00 | 0.80000 |"


def test_other_draws_are_listed_with_their_mean():
    aucs = {3: {OURS: 0.81, "ydf": 0.8}, 5: {OURS: 0.82, "ydf": 0.82}}
    lines = Results({}, aucs).draws().splitlines()
    assert lines[0] == "| rows | this project | YDF |"
    assert lines[2:] == [
        "| seed 3 | 0.81000 | 0.80000 |",
        "| seed 5 | 0.82000 | 0.82000 |",
        "| mean | 0.81500 | 0.81000 |",
    ]


@pytest.mark.parametrize("systems", [[OURS], ["ydf", "xgboost"]])
def test_compares_nothing_without_both_sides(systems):
    assert Results({system: [answer(1.0)] for system in systems}).bars() == []


@pytest.mark.processes
def test_system_answers():
    with Worker(sys.executable, "benchmarks.systems.boosted_sklearn", (), None) as worker:
        assert worker.ask("versions")["scikit-learn"]
        found = worker.ask("measure", rows=2000, columns=9, trees=10, test_rows=1000)
    assert found["bin_secs"] is None
    assert 0 < found["train_secs"] <= found["total_secs"]
    assert 0 < found["memory_before"] <= found["memory"]
    assert 0.6 < found["auc"] < 1
