"""Expected values come from tf.estimator 2.15, recorded in the reference (5 rows, batches of 3)."""

import numpy as np
import pytest
import tensorflow as tf

from estimators.inputs import numpy_input_fn
from estimators.inputs.options import Shard
from estimators.inputs.positions import in_order


def _batches(input_fn, count=None):
    dataset = input_fn() if count is None else input_fn().take(count)
    return list(dataset.as_numpy_iterator())


def test_batches_span_epochs():
    input_fn = numpy_input_fn({"a": np.arange(5)}, batch_size=3, num_epochs=2, shuffle=False)
    assert [b["a"].tolist() for b in _batches(input_fn)] == [[0, 1, 2], [3, 4, 0], [1, 2, 3], [4]]


def test_endless_epochs_give_full_batches_of_known_size():
    input_fn = numpy_input_fn({"a": np.arange(3)}, batch_size=2, num_epochs=None, shuffle=False)
    assert [b["a"].tolist() for b in _batches(input_fn, 3)] == [[0, 1], [2, 0], [1, 2]]
    assert input_fn().element_spec["a"].shape == [2]


def test_a_batch_larger_than_the_data_holds_all_rows():
    batches = _batches(numpy_input_fn(np.arange(4.0), batch_size=9, shuffle=False))
    assert [batch.tolist() for batch in batches] == [[0.0, 1.0, 2.0, 3.0]]


@pytest.mark.parametrize("shuffle", [None, 1, "yes"])
def test_shuffle_must_be_a_bool(shuffle):
    with pytest.raises(
        ValueError,
        match=r"shuffle must be provided and explicitly set as boolean \(it is recommended to set "
        r"it as True for training\); got ",
    ):
        numpy_input_fn({"a": np.arange(2)}, shuffle=shuffle)


@pytest.mark.parametrize("option", [{"batch_size": 0}, {"num_epochs": 0}, {"batch_size": 2.5}])
def test_numbers_must_be_positive(option):
    with pytest.raises(ValueError, match=f"`{next(iter(option))}` must be an int >= 1"):
        numpy_input_fn({"a": np.arange(2)}, shuffle=False, **option)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        ([1], None, TypeError, "x must be a dict or array; got list"),
        ({}, None, ValueError, "x cannot be an empty dict"),
        ({"a": np.arange(2)}, {}, ValueError, "y cannot be empty dict, use None instead."),
        (
            {"a": np.arange(2)},
            np.arange(3),
            ValueError,
            r"Length of tensors in x and y is mismatched.*\{\"x\['a'\]\": 2, 'y': 3\}",
        ),
        (
            {"a": np.arange(2)},
            {"a": np.arange(2)},
            ValueError,
            r"1 duplicate keys are found in both x and y: \{'a'\}",
        ),
        ({"a": np.array([])}, None, ValueError, "at least one row"),
        ({"a": np.float32(1)}, None, ValueError, r"x\['a'\] must have a first dimension of rows"),
        ({"a": np.array(["b", None], object)}, None, TypeError, "Column 'a' .* None of type None"),
    ],
)
def test_bad_arrays_are_named_when_the_function_is_called(x, y, error, message):
    input_fn = numpy_input_fn(x, y, shuffle=False)
    with pytest.raises(error, match=message):
        input_fn()


def test_structure_of_features_and_labels_is_that_of_the_arrays():
    x, y = np.arange(6.0).reshape(3, 2), np.arange(3)
    for features, labels in [(x, None), ({"x": x}, None), (x, y), ({"x": x}, {"y": y})]:
        given = features if labels is None else (features, labels)
        batch = next(iter(numpy_input_fn(features, labels, shuffle=False)()))
        tf.nest.assert_same_structure(batch, given)
        tf.nest.map_structure(np.testing.assert_array_equal, batch, given)


def test_arrays_keep_their_dtype_and_are_not_changed():
    x = {
        "f": np.ones([3, 2], np.float64),
        "i": np.ones(3, np.int32),
        "s": np.array(["a", "b", "c"]),
        "b": np.array([True, False, True]),
    }
    before = {key: value.copy() for key, value in x.items()}
    batch = next(iter(numpy_input_fn(x, shuffle=False)()))

    dtypes = {"f": tf.float64, "i": tf.int32, "s": tf.string, "b": tf.bool}
    assert {key: value.dtype for key, value in batch.items()} == dtypes
    for key, value in x.items():
        np.testing.assert_array_equal(value, before[key])


def test_ragged_and_sparse_columns_keep_their_rows():
    ragged = tf.ragged.constant([[1], [], [2, 3], [4]])
    sparse = tf.sparse.from_dense([[0, 5], [6, 0], [0, 0], [7, 8]])
    x = {"n": np.arange(4), "r": ragged, "s": sparse}
    for batch in numpy_input_fn(x, batch_size=3, shuffle=True, seed=4)():
        rows = batch["n"].numpy()
        assert batch["r"].to_list() == [ragged.to_list()[row] for row in rows]
        expected = tf.sparse.to_dense(sparse).numpy()[rows]
        np.testing.assert_array_equal(tf.sparse.to_dense(batch["s"]), expected)


class Config:
    tf_random_seed = 5


def test_the_seed_is_the_argument_then_that_of_the_run():
    def order(seed, config):
        input_fn = numpy_input_fn(np.arange(50), batch_size=50, shuffle=True, seed=seed)
        return next(input_fn(config=config).as_numpy_iterator()).tolist()

    assert order(None, Config()) == order(5, None) == order(5, Config())
    assert order(6, Config()) == order(6, None) != order(5, None)
    assert order(None, None) != order(None, None)


def test_two_workers_read_together_what_one_reads_with_twice_the_batch():
    def batches(size, count, index):
        context = tf.distribute.InputContext(count, index, count)
        input_fn = numpy_input_fn(
            np.arange(20), batch_size=size, num_epochs=2, shuffle=True, seed=1
        )
        return list(input_fn(input_context=context).as_numpy_iterator())

    for one, first, second in zip(
        batches(8, 1, 0), batches(4, 2, 0), batches(4, 2, 1), strict=True
    ):
        assert sorted(one) == sorted([*first, *second])


@pytest.mark.parametrize("num_epochs", [1, 3, None])
@pytest.mark.parametrize("batch_size", [1, 7, 4096, 5000])
def test_batches_that_are_gathered_together_are_those_that_are_gathered_alone(
    num_epochs, batch_size
):
    rows = 9001
    x = {"number": np.arange(rows), "pair": np.arange(2.0 * rows).reshape(rows, 2)}
    x |= {"word": np.arange(rows).astype(str), "wide": np.ones([rows, 1000], bool)}
    make = numpy_input_fn(x, None, batch_size, num_epochs, shuffle=True, seed=3)
    alone = in_order(tf.identity, rows, make.options, seed=3, shard=Shard())
    count = 20 if num_epochs is None else alone.cardinality()
    assert make().cardinality() == alone.cardinality()
    for features, indices in zip(make().take(20), alone.take(count), strict=False):
        assert features["number"].numpy().tolist() == indices.numpy().tolist()
        np.testing.assert_array_equal(features["pair"], x["pair"][indices])
        np.testing.assert_array_equal(features["word"], x["word"][indices].astype(bytes))
        assert features["wide"].shape == [len(indices), 1000]


def test_the_last_batches_are_counted_too():
    make = numpy_input_fn({"a": np.arange(10)}, batch_size=3, num_epochs=1, shuffle=True)
    sizes = [len(batch["a"]) for batch in _batches(make)]
    assert sizes == [3, 3, 3, 1]
    assert make().cardinality() == 4


def test_the_same_rows_in_the_same_order_are_one_dataset():
    ordered = numpy_input_fn({"a": np.arange(10)}, batch_size=3, shuffle=False)
    assert ordered() is ordered()
    shuffled = numpy_input_fn({"a": np.arange(10)}, batch_size=10, shuffle=True)
    orders = {tuple(_batches(shuffled)[0]["a"].tolist()) for _ in range(5)}
    assert len(orders) > 1


def test_a_dataset_made_in_a_function_is_not_taken_out_of_it():
    make = numpy_input_fn({"a": np.arange(3)}, batch_size=2, shuffle=False)
    add = lambda total, batch: total + tf.reduce_sum(batch["a"])  # noqa: E731
    for _ in range(2):
        total = tf.function(lambda: make().reduce(tf.constant(0, tf.int64), add))
        assert int(total()) == 3
    assert _batches(make)[0]["a"].tolist() == [0, 1]
