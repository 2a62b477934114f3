from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.boosted_census import bars, table
from benchmarks.boosted_trees import OURS
from benchmarks.census_columns import read_columns
from benchmarks.protocol import Worker
from estimators.datasets.synthetic_census import synthetic_census


@pytest.fixture
def path(tmp_path):
    synthetic_census(600, np.random.default_rng(0)).write_csv(tmp_path / "rows.csv")
    return tmp_path / "rows.csv"


def test_reads_numbers_and_words(path):
    rows, data = read_columns(path), synthetic_census(600, np.random.default_rng(0))
    assert {**rows.numbers, **rows.words}.keys() == data.features.keys()
    for name, column in {**rows.numbers, **rows.words}.items():
        np.testing.assert_array_equal(column, data.features[name])
    np.testing.assert_array_equal(rows.labels, data.labels == ">50K")


def test_table_has_places_in_the_vocabularies(path):
    rows = read_columns(path)
    vocabularies = rows.vocabularies()
    found = rows.table(vocabularies)[:, len(rows.numbers) :]
    for places, (name, words) in zip(found.T, rows.words.items(), strict=True):
        assert np.isnan(places[words == ""]).all()
        known = words != ""
        names = np.array(vocabularies[name])[places[known].astype(int)]
        np.testing.assert_array_equal(names, words[known])


def test_names_the_file_that_has_no_income(tmp_path):
    (tmp_path / "other.csv").write_text("age\n1\n")
    with pytest.raises(ValueError, match=r"other.csv has no rows with the column 'income'"):
        read_columns(tmp_path / "other.csv")


def test_the_bar_is_of_the_median():
    answers = {OURS: [{"auc": auc, "train_secs": 1.0} for auc in (0.9, 0.93, 0.94)]}
    (bar,) = bars(answers)
    assert (bar.found, bar.is_met) == (0.93, True)
    assert "| 0.93000 | 1.0 |" in table(answers)
    assert bars({"xgboost": answers[OURS]}) == []


@pytest.mark.processes
def test_a_system_answers(path):
    with Worker(sys.executable, "benchmarks.systems.boosted_census_sklearn", (), None) as worker:
        found = worker.ask("measure", train_csv=str(path), test_csv=str(path), trees=5)
    assert 0.6 < found["auc"] <= 1
    assert found["train_secs"] > 0
