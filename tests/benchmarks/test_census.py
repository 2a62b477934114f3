from __future__ import annotations

import numpy as np
import pytest

from benchmarks.census import read_rows
from estimators.datasets.synthetic_census import synthetic_census


def test_reads_what_the_synthetic_census_writes(tmp_path):
    data = synthetic_census(50, np.random.default_rng(0))
    data.write_csv(tmp_path / "rows.csv")
    rows = read_rows(tmp_path / "rows.csv")
    assert rows.number == 50
    np.testing.assert_array_equal(rows.features["age"], data.features["age"])
    np.testing.assert_array_equal(rows.features["occupation"], data.features["occupation"])
    np.testing.assert_array_equal(rows.labels, data.labels == ">50K")


def test_vocabulary_has_no_missing_value(tmp_path):
    header = "age,education_num,capital_gain,capital_loss,hours_per_week,education,"
    header += "marital_status,relationship,workclass,occupation,income\n"
    lines = ["20,1,0,0,40,HS-grad,Single,Wife,,Sales,>50K", "30,2,0,0,40,9th,Single,Wife,,,<=50K"]
    path = tmp_path / "rows.csv"
    path.write_text(header + "\n".join(lines))
    rows = read_rows(path)
    assert rows.vocabulary("education") == ["9th", "HS-grad"]
    assert rows.vocabulary("workclass") == []


@pytest.mark.parametrize("text", ["", "age,income\n1,>50K\n"])
def test_names_the_file_and_the_columns_it_lacks(tmp_path, text):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other.csv lacks .*'education'"):
        read_rows(path)
