import csv

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from estimators.datasets.census_columns import (
    FEATURES,
    INTEGER_COLUMNS,
    LABEL,
    LABEL_VOCABULARY,
    VOCABULARIES,
)
from estimators.datasets.synthetic_census import bayes_auc, synthetic_census


def _census(rows=4000, seed=3):
    return synthetic_census(rows, np.random.default_rng(seed))


def test_every_feature_is_an_integer_column_or_has_a_vocabulary():
    assert sorted(FEATURES) == sorted([*INTEGER_COLUMNS, *VOCABULARIES])


def test_columns_have_the_types_and_categories_of_the_schema():
    data = _census()

    assert tuple(data.features) == FEATURES
    for name in INTEGER_COLUMNS:
        assert data.features[name].dtype == np.int64
    for name, vocabulary in VOCABULARIES.items():
        assert set(data.features[name]) <= {*vocabulary, ""}
    assert set(data.labels) == set(LABEL_VOCABULARY)


def test_the_seed_decides_the_rows():
    first, again, other = _census(seed=1), _census(seed=1), _census(seed=2)

    for name in FEATURES:
        np.testing.assert_array_equal(first.features[name], again.features[name])
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.features["age"] != other.features["age"]).any()


def test_labels_come_up_as_often_as_their_probabilities_say():
    data = _census(rows=40_000)
    rich = data.labels == ">50K"
    bands = np.digitize(data.probabilities, [0.05, 0.2, 0.5, 0.8])

    for band in range(5):
        inside = bands == band
        error = np.sqrt(0.25 / inside.sum())
        assert rich[inside].mean() == pytest.approx(
            data.probabilities[inside].mean(), abs=4 * error
        )


def test_it_is_as_hard_as_the_real_data():
    data = _census(rows=40_000)
    assert 0.2 < (data.labels == ">50K").mean() < 0.28  # real: 0.24
    assert 0.89 < data.bayes_auc < 0.94  # the best models of the real data: about 0.93


def test_bayes_auc_is_the_expected_ratio_over_all_pairs_of_rows():
    p = np.array([0.1, 0.7, 0.7, 0.4, 0.9])
    right = pairs = 0.0
    for i in range(5):
        for j in range(5):
            if i != j:
                weight = p[i] * (1 - p[j])
                pairs += weight
                right += weight * ((p[i] > p[j]) + (p[i] == p[j]) / 2)

    assert bayes_auc(p) == pytest.approx(right / pairs, rel=1e-12)


def test_bayes_auc_is_what_scikit_learn_measures_on_drawn_labels():
    data = _census(rows=1000)
    rng = np.random.default_rng(0)
    measured = [
        roc_auc_score(rng.random(1000) < data.probabilities, data.probabilities) for _ in range(100)
    ]
    assert data.bayes_auc == pytest.approx(np.mean(measured), abs=4 * np.std(measured) / 10)


@pytest.mark.parametrize("certain", [[1.0, 1.0], [0.0], [0.3]])
def test_bayes_auc_needs_two_classes(certain):
    with pytest.raises(ValueError, match="two rows that can be of different classes"):
        bayes_auc(certain)


def test_at_least_one_row():
    with pytest.raises(ValueError, match="`rows` must be at least 1, got 0"):
        _census(rows=0)


def test_csv_holds_the_rows_under_the_header_of_the_real_files(tmp_path):
    data = _census(rows=50)
    data.write_csv(tmp_path / "census.csv")

    with open(tmp_path / "census.csv") as file:
        assert next(csv.reader(file)) == [*FEATURES, LABEL]
    frame = pd.read_csv(tmp_path / "census.csv", keep_default_na=False)
    np.testing.assert_array_equal(frame[LABEL], data.labels)
    for name in FEATURES:
        np.testing.assert_array_equal(frame[name], data.features[name])
