"""Quantiles of the rows of nodes: those of NumPy, whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees import sums
from premade.boosted_trees.leaf_quantiles import quantiles

DEPTH = 2
SIZE = 2 ** (DEPTH + 1) - 1


def rows(count=300, seed=0):
    rng = np.random.default_rng(seed)
    values = np.concatenate(
        [rng.normal(0, 10, count - 4), [0.0, -0.0, 3e38, -1e-40]], dtype=np.float32
    )
    values[5:40] = values[5]  # ties
    leaves = rng.choice([0, 1, 3], count).astype(np.int32)  # leaf 2 has no rows
    weights = rng.integers(0, 4, count).astype(np.float32)
    return values, leaves, weights


def found(parts, quantile):
    packed, _ = sums.packed([(tf.zeros_like(w), tf.constant(w)) for *_, w in parts])
    values, leaves = ([tf.constant(part[i]) for part in parts] for i in range(2))
    return quantiles(values, packed, leaves, SIZE, quantile).numpy()


def expected(values, leaves, weights, quantile):
    result = np.zeros(SIZE, np.float32)
    for node in range(SIZE):
        level = (node + 1).bit_length() - 1
        is_in = leaves >> (DEPTH - level) == node - (2**level - 1)
        if weights[is_in].sum():
            result[node] = np.quantile(
                values[is_in], quantile, weights=weights[is_in], method="inverted_cdf"
            )
    return result


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.03])
def test_is_the_weighted_quantile_of_numpy(quantile):
    part = rows()
    np.testing.assert_array_equal(found([part], quantile), expected(*part, quantile))


def test_needs_no_row_more_than_the_share():
    # 0.7 * 10 is above 7 in floats.
    part = np.arange(1, 11, dtype=np.float32), np.zeros(10, np.int32), np.ones(10, np.float32)
    assert found([part], 0.7)[0] == 7.0


def test_shards_and_the_order_of_rows_do_not_matter():
    part = rows()
    order = np.random.default_rng(1).permutation(300)
    shards = [tuple(x[which] for x in part) for which in np.split(order, [100, 170])]
    np.testing.assert_array_equal(found(shards, 0.4), found([part], 0.4))
