"""Samples of rows: a matter of what the rows are, not of where they are or in which order."""

from __future__ import annotations

import numpy as np
import pytest

from premade.boosted_trees.binning import boundaries_of
from premade.boosted_trees.row_hash import row_hashes
from premade.boosted_trees.row_store import MemoryRows, SpilledRows
from premade.boosted_trees.sample import Sample

ROWS, SIZE = 5000, 300


@pytest.fixture
def rows():
    """Rows of which some are there many times."""
    rng = np.random.default_rng(2)
    distinct = rng.standard_normal((2000, 2)).astype(np.float32)
    return distinct[(2000 * rng.random(ROWS) ** 3).astype(int)]


def content(rows, sample, counts=None):
    counts = sample.counts if counts is None else counts
    return sorted(zip(map(tuple, rows[sample.rows].tolist()), counts.tolist(), strict=True))


def test_hashes_differ_where_rows_do():
    x = np.arange(60_000, dtype=np.float32).reshape(-1, 3)
    assert len(np.unique(row_hashes([x]))) == len(x)
    # Also rows whose numbers are the same in another order, and in each half of the bits.
    assert len(np.unique(row_hashes([np.concatenate([x, x[:, ::-1]])]))) == 2 * len(x)
    for shift in (0, 32):
        half = (row_hashes([x]) >> np.uint64(shift)) & np.uint64(2**32 - 1)
        assert len(np.unique(half)) > len(x) - 10
        bits = (half[:, np.newaxis] >> np.arange(32, dtype=np.uint64)) & np.uint64(1)
        np.testing.assert_allclose(bits.mean(axis=0), 0.5, atol=0.02)


def test_hashes_are_of_rows_alone():
    x = np.random.default_rng(0).standard_normal((40_000, 3)).astype(np.float32)
    whole = row_hashes([x])
    np.testing.assert_array_equal(whole[20_000:], row_hashes([x[20_000:]]))
    np.testing.assert_array_equal(whole, row_hashes([x[:, 0], x[:, 1:]]))


def test_a_sample_is_of_distinct_rows_with_their_number(rows):
    sample = Sample.of(row_hashes([rows]), SIZE)
    found = content(rows, sample)
    assert len(found) == len({row for row, _ in found}) == SIZE
    for row, count in found:
        assert count == (rows == np.float32(row)).all(axis=1).sum()
    # A fair one: distinct rows are drawn whatever they are.
    distinct = np.unique(rows, axis=0)
    drawn = rows[sample.rows]
    assert abs(drawn[:, 0].mean() - distinct[:, 0].mean()) < 4 / np.sqrt(SIZE)


def test_few_rows_are_all_in_the_sample(rows):
    sample = Sample.of(row_hashes([rows]), ROWS)
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    expected = sorted(zip(map(tuple, distinct.tolist()), counts.tolist(), strict=True))
    assert content(rows, sample) == expected


def test_the_order_does_not_matter(rows):
    other = rows[np.random.default_rng(1).permutation(ROWS)]
    one, two = (Sample.of(row_hashes([each]), SIZE) for each in (rows, other))
    assert content(rows, one) == content(other, two)


def test_workers_find_the_sample_of_one(rows):
    expected = content(rows, Sample.of(row_hashes([rows]), SIZE))
    parts = np.split(rows, [100, 100, 3000])  # one has no rows
    samples = [Sample.of(row_hashes([part]), SIZE) for part in parts]
    everyones = np.concatenate([sample.hashes for sample in samples])
    found: dict = {}
    for part, sample in zip(parts, samples, strict=True):
        for row, count in content(part, sample.among(everyones, SIZE)):
            found[row] = found.get(row, 0) + count
    assert sorted(found.items()) == expected


def test_boundaries_of_counted_values_are_those_of_the_values_repeated():
    rng = np.random.default_rng(3)
    for most in (5, 50, 255):
        values = rng.integers(0, 100, 700).astype(np.float32)
        values[rng.random(700) < 0.1] = np.nan
        counts = rng.integers(1, 9, 700)
        np.testing.assert_array_equal(
            boundaries_of(values, most, counts), boundaries_of(np.repeat(values, counts), most)
        )


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_stores_give_back_what_they_took(tmp_path, batch):
    x = np.random.default_rng(4).standard_normal((1000, 3)).astype(np.float32)
    which = np.array([999, 0, 64, 65, 64, 3])
    for store in (MemoryRows(3), SpilledRows(str(tmp_path), 3)):
        for start in range(0, 1000, batch):
            store.append(x[start : start + batch])
        np.testing.assert_array_equal(store.chosen(which), x[which])
        blocks = list(store.blocks(64))
        assert [len(block) for block in blocks] == [64] * 15 + [40]
        np.testing.assert_array_equal(np.concatenate(blocks), x)
