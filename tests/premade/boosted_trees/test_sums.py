"""Derivatives as integers: near to the sums of floats, and the same in whatever order."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.sums import packed

ROWS = 3000


def made(g, h, cuts=()):
    """The integers of all rows in their order, and the scale, of shards cut at these rows."""
    shards = zip(np.split(g, cuts), np.split(h, cuts), strict=True)
    units, scale = packed([(tf.constant(a), tf.constant(b)) for a, b in shards])
    return np.concatenate([each.numpy() for each in units]), scale


def factors(scale):
    return float(scale.first), float(scale.second)


@pytest.fixture(scope="module")
def derivatives():
    rng = np.random.default_rng(3)
    g = rng.normal(size=ROWS).astype(np.float32)
    return g, rng.uniform(0.0, 0.25, ROWS).astype(np.float32)


@pytest.mark.parametrize("cuts", [(), (1000,), (1000, 2000)])
def test_shards_and_order_change_no_integer(derivatives, cuts):
    g, h = derivatives
    whole, scale = made(g, h)
    order = np.random.default_rng(4).permutation(ROWS)
    again, other = made(g[order], h[order], cuts)
    assert factors(other) == factors(scale)
    assert np.array_equal(again, whole[order])
    assert again.sum() == whole.sum()


@pytest.mark.parametrize("g_size", [1.0, 1e-20, 1e20, 3.0])
@pytest.mark.parametrize("h_size", [1.0, 1e-20, 1e20])
def test_sums_are_near_those_of_floats(derivatives, g_size, h_size):
    g, h = derivatives[0] * np.float32(g_size), derivatives[1] * np.float32(h_size)
    units, scale = made(g, h)
    for rows in (slice(None), slice(0, 1), slice(7, 500)):
        found = scale.unpack(tf.constant(units[rows].sum()))
        for each, x in zip(found, (g, h), strict=True):
            x = x.astype(np.float64)
            room = 1e-6 * np.abs(x).sum()
            assert float(each) == pytest.approx(x[rows].sum(), rel=1e-6, abs=room)


def test_a_unit_is_a_power_of_two_and_leaves_room_for_no_larger_one(derivatives):
    g, h = derivatives
    _, scale = made(g, h)
    for factor, x in zip(factors(scale), (g, h), strict=True):
        assert np.log2(factor) % 1.0 == 0.0
        assert 2**29 < np.abs(x.astype(np.float64)).sum() * factor <= 2**30 + ROWS


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_one_sign(derivatives, sign):
    g, h = np.float32(sign) * np.abs(derivatives[0]), derivatives[1]
    units, scale = made(g, h)
    first, second = scale.unpack(tf.constant(units.sum()))
    assert float(first) == pytest.approx(g.sum(dtype=np.float64), rel=1e-6)
    assert float(second) == pytest.approx(h.sum(dtype=np.float64), rel=1e-6)


def test_negative_sums_do_not_reach_into_the_second_derivatives():
    g, h = np.full(ROWS, -1.0, np.float32), np.full(ROWS, 2.0, np.float32)
    units, scale = made(g, h)
    found = [each.numpy().tolist() for each in scale.unpack(tf.constant(np.cumsum(units)[:3]))]
    assert found == [[-1.0, -2.0, -3.0], [2.0, 4.0, 6.0]]


@pytest.mark.parametrize("g_size", [0.0, 1.0])
def test_zeros(derivatives, g_size):
    g, h = derivatives[0] * np.float32(g_size), np.zeros(ROWS, np.float32)
    units, scale = made(g, h)
    first, second = scale.unpack(tf.constant(units.sum()))
    assert float(first) == pytest.approx(g.sum(dtype=np.float64), rel=1e-4)
    assert float(second) == 0.0
