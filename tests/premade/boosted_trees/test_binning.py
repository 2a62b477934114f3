"""Boundaries of bins: what they promise, for whatever numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from premade.boosted_trees import binning
from premade.boosted_trees.binning import MOST_BINS, boundaries_of

ANY = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=False)
SAMPLES = hnp.arrays(np.float32, st.integers(0, 80), elements=ANY)


def bins_of(values, boundaries):
    """The definition: how many boundaries are not above the value."""
    return np.array([sum(boundary <= value for boundary in boundaries) for value in values], int)


@given(SAMPLES, st.integers(2, 12))
def test_ascending_finite_in_number_and_in_order(values, max_bins):
    boundaries = boundaries_of(values, max_bins)
    assert boundaries.dtype == np.float32
    assert len(boundaries) < max_bins
    assert (boundaries[1:] > boundaries[:-1]).all()
    there = np.unique(values[~np.isnan(values)])
    bins = bins_of(there, boundaries)
    assert (bins[1:] >= bins[:-1]).all()
    assert set(bins) == set(range(len(boundaries) + 1)) or not len(there)  # none is empty


@given(SAMPLES)
def test_few_values_have_a_bin_each(values):
    there = np.unique(values[~np.isnan(values)])
    boundaries = boundaries_of(values, max_bins=80)
    assert bins_of(there, boundaries).tolist() == list(range(len(there)))


@given(st.integers(2, 20), st.integers(1, 300), st.randoms(use_true_random=False))
def test_many_distinct_values_are_shared_out_evenly(max_bins, more, random):
    values = np.arange(max_bins + more, dtype=np.float32)
    random.shuffle(values)
    counts = np.bincount(bins_of(values, boundaries_of(values, max_bins)))
    assert len(counts) == max_bins
    assert counts.max() - counts.min() <= 1


@given(SAMPLES, st.integers(2, 12))
def test_no_bin_has_more_than_its_share_beside_its_last_value(values, max_bins):
    values = values[~np.isnan(values)]
    bins = bins_of(values, boundaries_of(values, max_bins))
    for each in np.unique(bins):
        inside = values[bins == each]
        assert (inside != inside.max()).sum() <= np.ceil(len(values) / max_bins)


def test_a_frequent_value_has_a_bin_and_the_others_the_rest():
    values = np.repeat(np.arange(10, dtype=np.float32), [1, 1, 1, 1, 90, 1, 1, 1, 1, 1])
    bins = bins_of(np.arange(10), boundaries_of(values, max_bins=5))
    assert bins[4] != bins[5]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([np.nan, np.nan], []),
        ([7.0, 7.0, np.nan], []),
        ([-np.inf, np.inf], [np.inf]),
        ([-np.inf, 1.0, np.inf], [1.0, np.inf]),
        ([0.0, -0.0, 1.0], [0.5]),
        ([3e38, 3.4e38], [3.2e38]),  # their sum is no float32
    ],
)
def test_numbers_worked_out_by_hand(values, expected):
    found = boundaries_of(np.array(values, np.float32))
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


def test_neighbours_among_floats_are_told_apart():
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2.0))
    assert bins_of([low, high], boundaries_of(np.array([low, high]))).tolist() == [0, 1]


def test_as_many_bins_as_a_byte_has_room_for():
    values = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    counts = np.bincount(np.searchsorted(boundaries_of(values), values, side="right"))
    assert len(counts) == MOST_BINS
    assert counts.max() - counts.min() <= 1


def test_the_compiled_search_finds_the_bins_of_the_plain_one():
    rng = np.random.default_rng(5)
    few, many = (np.sort(rng.standard_normal(n)).astype(np.float32) for n in (3, MOST_BINS - 1))
    table = binning.table_of([few, many, np.float32([])])
    edges = np.stack([np.resize(few, 600), np.resize(many, 600), np.zeros(600)], axis=1)
    numbers = np.concatenate([edges, rng.standard_normal([600, 3])]).astype(np.float32)
    numbers[::50], numbers[1::50], numbers[2::50] = np.nan, np.inf, -np.inf
    numbers, table = tf.constant(numbers), tf.constant(table)
    plain = binning.bins_of(numbers, table, MOST_BINS)
    np.testing.assert_array_equal(binning.table_bins(numbers, table), plain)
