"""Trees grown level by level: those of a plain recursion, whatever the shards."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from premade.boosted_trees.grower import LevelGrower
from premade.boosted_trees.partition import BLOCK, Shard, descend
from premade.boosted_trees.quads import quads_of
from premade.boosted_trees.rehearsal import Rehearsal
from premade.boosted_trees.splits import Regularization
from premade.boosted_trees.sums import packed

ROWS, RATE = 2 * BLOCK, 0.5
WORTH = Regularization(l2=1.0, tree_complexity=4.0)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(2)
    bins = rng.integers(0, 40, (3, ROWS)).astype(np.uint8)
    bins[0, rng.random(ROWS) < 0.2] = 255
    pull = 20 * (bins[0] > 25) - 12 * (bins[1] > 11) + 9 * (bins[2] > 30) * (bins[0] > 25)
    # Sixty-fourths, whose sums no rounding moves.
    g = (rng.integers(-30, 31, ROWS) + pull) / 64.0
    return bins, g, rng.integers(1, 17, ROWS) / 64.0


def grown(rows, shards, depth):
    bins, g, h = rows
    pairs = zip(np.split(g, shards), np.split(h, shards), strict=True)
    units, scale = packed(
        [(tf.constant(a, tf.float32), tf.constant(b, tf.float32)) for a, b in pairs]
    )
    parts = [
        Shard(tf.constant(quads_of(x)), sums, tf.constant(len(sums) // BLOCK))
        for x, sums in zip(np.split(bins, shards, axis=1), units, strict=True)
    ]
    grower = LevelGrower(3, depth, RATE, WORTH)
    return grower.grow(parts, tf.constant([True] * 3), scale)


def plain(best, bins, g, h, depth):
    """Returns what each row's leaf adds, by recursion."""
    found = best(bins, g, h, WORTH) if depth else None
    if found is None:
        return np.full(len(g), -RATE * g.sum() / (h.sum() + WORTH.l2))
    left, values = found[-1], np.zeros(len(g))
    for side in (left, ~left):
        values[side] = plain(best, bins[:, side], g[side], h[side], depth - 1)
    return values


@pytest.mark.parametrize("depth", [1, 3])
def test_tree_is_that_of_a_recursion_from_one_shard_or_two(brute_force, rows, depth):
    one, two = grown(rows, 1, depth), grown(rows, 2, depth)
    for name, array in one.tree.arrays().items():
        assert np.array_equal(array, getattr(two.tree, name)), name
    assert np.array_equal(one.nodes[0], np.concatenate(two.nodes))
    expected = plain(brute_force, *rows, depth)
    assert len(np.unique(expected)) > 1
    values = tf.gather(one.values, one.nodes[0])
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    bins = np.where(rows[0] == 255, -1, rows[0].astype(np.int32))
    assert np.array_equal(one.tree.logits(tf.constant(bins, tf.int32), 1)[:, 0], values)


def traces(grower):
    parts = (grower, grower._histograms, grower._search)
    functions = [
        each
        for part in parts
        for each in vars(part).values()
        if isinstance(each, tf.types.experimental.PolymorphicFunction)
    ]
    return [each.experimental_get_tracing_count() for each in (*functions, descend)]


@pytest.mark.parametrize("depth", [1, 2])
def test_what_was_rehearsed_is_not_traced_again(depth):
    grower, before = LevelGrower(3, depth, RATE, WORTH), descend.experimental_get_tracing_count()
    with Rehearsal(threads=2) as rehearsal:
        runs = rehearsal(
            grower.rehearse_nodes, lambda nothing: grower.rehearse_rows(BLOCK, nothing)
        )
    for each in runs:
        each.result()
    rehearsed = traces(grower)
    assert rehearsed[-1] <= before + 1
    assert sum(rehearsed[:-1]) == (4 if depth == 1 else 6)
    (units,), scale = packed([(tf.ones([BLOCK]), tf.ones([BLOCK]))])
    shard = Shard(tf.zeros([1, BLOCK], tf.int32), units, tf.constant(1))
    grower.grow([shard], tf.constant([True] * 3), scale)
    assert traces(grower) == rehearsed
