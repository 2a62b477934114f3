import numpy as np
import pytest
import tensorflow as tf

from estimators.inputs.options import ReadOptions, Shard
from estimators.inputs.positions import in_order


def _epochs(rows, epochs, seed=0):
    options = ReadOptions(batch_size=rows, num_epochs=epochs, shuffle=True)
    batches = in_order(tf.identity, rows, options, seed=seed, shard=Shard())
    return np.stack(list(batches.as_numpy_iterator()))


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 64, 1000])
def test_each_epoch_is_a_permutation(rows):
    for epoch in _epochs(rows, 5):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(rows))


def test_every_row_is_as_likely_at_every_place():
    counts = np.zeros([4, 4])
    for epoch in _epochs(4, 2400):
        counts[np.arange(4), epoch] += 1
    chi_squared = ((counts - 600) ** 2 / 600).sum()
    assert chi_squared < 27.9  # 99.9 % of chi-squared with (4 - 1)^2 = 9 degrees of freedom


@pytest.mark.parametrize("seeds_or_epochs", ["epochs", "seeds"])
def test_orders_of_near_epochs_and_near_seeds_are_uncorrelated(seeds_or_epochs):
    rows = 2000
    if seeds_or_epochs == "epochs":
        orders = _epochs(rows, 20)
    else:
        orders = np.concatenate([_epochs(rows, 1, seed) for seed in range(20)])
    correlations = np.corrcoef(orders)[np.triu_indices(20, k=1)] * np.sqrt(rows)
    assert np.abs(correlations).max() < 5  # standard errors
    assert correlations.std() == pytest.approx(1, abs=0.2)


def test_the_state_of_an_iterator_does_not_grow_with_the_rows(tmp_path):
    options = ReadOptions(batch_size=8, num_epochs=None, shuffle=True)
    for rows in (10, 10_000_000):
        iterator = iter(in_order(tf.identity, rows, options, seed=0, shard=Shard()))
        next(iterator)
        path = tf.train.Checkpoint(it=iterator).write(str(tmp_path / f"{rows}"))
        assert tf.io.gfile.stat(path + ".data-00000-of-00001").length < 2048


def test_a_shard_takes_every_count_th_position():
    options = ReadOptions(batch_size=2, num_epochs=2)
    batches = in_order(tf.identity, 5, options, seed=0, shard=Shard(index=1, count=3))
    assert [b.tolist() for b in batches.as_numpy_iterator()] == [[1, 4], [2]]
