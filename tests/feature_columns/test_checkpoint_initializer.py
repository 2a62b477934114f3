"""Tables that start from a checkpoint."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimators
import feature_columns as fc
import premade

TABLE = np.array([[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]], np.float32)
FEATURES = {"x": tf.constant([[2], [0]], tf.int64), "y": tf.constant([[1], [1]], tf.int64)}


def _ids(key="x", module=fc):
    return module.categorical_column_with_identity(key, 3)


@pytest.fixture
def checkpoint(tmp_path):
    """Path of a checkpoint of tables of several kinds, as any program may have written it."""
    path = str(tmp_path / "old" / "model.ckpt-7")
    tables = {
        "old/table": TABLE,
        "double": TABLE.astype(np.float64) * 2,
        "words": np.array([["a", "b"]] * 3),
    }
    tf.raw_ops.SaveV2(
        prefix=path,
        tensor_names=list(tables),
        shape_and_slices=[""] * len(tables),
        tensors=list(tables.values()),
    )
    return path


def _from(checkpoint, tensor="old/table", **arguments):
    given = {"ckpt_to_load_from": checkpoint, "tensor_name_in_ckpt": tensor, **arguments}
    return fc.embedding_column(_ids(), **{"dimension": 2, **given})


def test_table_starts_from_the_tensor(checkpoint):
    layer = fc.DenseFeatures([_from(checkpoint)])
    np.testing.assert_array_equal(layer(FEATURES), TABLE[[2, 0]])


def test_a_layer_that_is_first_called_in_a_function(checkpoint):
    layer = fc.DenseFeatures([_from(checkpoint)])
    np.testing.assert_array_equal(tf.function(layer.__call__)(FEATURES), TABLE[[2, 0]])
    initializer = layer.columns[0].initializer
    in_a_graph = tf.function(lambda: initializer((3, 2)))
    np.testing.assert_array_equal(in_a_graph(), TABLE)


def test_as_the_old_column_does(checkpoint):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        features = {"x": tf.constant(FEATURES["x"].numpy())}
        dense = tf.compat.v1.feature_column.input_layer(features, [_old(checkpoint, "old/table")])
        session.run(tf.compat.v1.global_variables_initializer())
        expected = session.run(dense)
    np.testing.assert_array_equal(fc.DenseFeatures([_from(checkpoint)])(FEATURES), expected)
    np.testing.assert_array_equal(
        fc.DenseFeatures([_old(checkpoint, "double")])(FEATURES), 2 * expected
    )


def _old(checkpoint, tensor):
    return tf.feature_column.embedding_column(
        _ids(module=tf.feature_column),
        2,
        ckpt_to_load_from=checkpoint,
        tensor_name_in_ckpt=tensor,
    )


def test_newest_checkpoint_of_a_folder(checkpoint, tmp_path):
    tf.train.Checkpoint(table=tf.Variable(TABLE + 1)).write(str(tmp_path / "new" / "ckpt-9"))
    state = 'model_checkpoint_path: "ckpt-9"\n'
    (tmp_path / "new" / "checkpoint").write_text(state)
    column = _from(str(tmp_path / "new"), "table/.ATTRIBUTES/VARIABLE_VALUE")
    np.testing.assert_array_equal(fc.DenseFeatures([column])(FEATURES), TABLE[[2, 0]] + 1)


def test_shared_table(checkpoint):
    columns = fc.shared_embeddings(
        [_ids("x"), _ids("y")], 2, ckpt_to_load_from=checkpoint, tensor_name_in_ckpt="old/table"
    )
    found = fc.DenseFeatures(columns)(FEATURES)
    np.testing.assert_array_equal(found, np.concatenate([TABLE[[2, 0]], TABLE[[1, 1]]], axis=1))


def test_saved_keras_model_does_without(checkpoint, tmp_path):
    shared = fc.shared_embeddings(
        [_ids("y")], 2, ckpt_to_load_from=checkpoint, tensor_name_in_ckpt="old/table"
    )
    inputs = {key: keras.Input((1,), dtype="int64", name=key) for key in FEATURES}
    model = keras.Model(inputs, fc.DenseFeatures([_from(checkpoint), *shared])(inputs))
    model.set_weights([TABLE * 3, TABLE * 5])
    expected = model(FEATURES)
    model.save(tmp_path / "model.keras")
    shutil.rmtree(tmp_path / "old")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(FEATURES), expected)


def _estimator(model_dir, column):
    config = estimators.RunConfig(model_dir=str(model_dir), tf_random_seed=3)
    return premade.LinearRegressor([column], optimizer="SGD", config=config)


def _data():
    return tf.data.Dataset.from_tensors((FEATURES, [[1.0], [0.0]])).repeat(2)


NAME = "linear/linear_model/x_embedding/embedding_weights"


@pytest.mark.filterwarnings("ignore:Layer 'linear' looks like it has unbuilt state")
def test_estimator_trains_the_table_and_saves_it_as_its_own(checkpoint, tmp_path):
    estimator = _estimator(tmp_path / "new", _from(checkpoint))
    estimator.train(_data, steps=2)
    learned = estimator.get_variable_value(NAME)
    np.testing.assert_array_equal(learned[1], TABLE[1])  # Nothing looked it up.
    assert (learned[[0, 2]] != TABLE[[0, 2]]).any()

    shutil.rmtree(tmp_path / "old")
    estimator.evaluate(_data)  # What is made needs no file, though the body is traced again.
    other = _estimator(tmp_path / "new", fc.embedding_column(_ids(), 2))
    np.testing.assert_array_equal(other.train(_data, steps=1).get_variable_value(NAME)[1], TABLE[1])
    with pytest.raises(ValueError, match="'x'.*cannot be read.*leave it out where the weights"):
        _estimator(tmp_path / "new", _from(checkpoint)).evaluate(_data)


def test_table_of_an_estimator(tmp_path):
    first = _estimator(tmp_path / "first", fc.embedding_column(_ids(), 2)).train(_data, steps=2)
    column = _from(first.model_dir, NAME, trainable=False)
    second = _estimator(tmp_path / "second", column).train(_data, steps=2)
    found, expected = (each.get_variable_value(NAME) for each in (second, first))
    np.testing.assert_array_equal(found, expected)


def test_nothing_is_read_until_the_table_is_made(tmp_path):
    layer = fc.DenseFeatures([_from(str(tmp_path / "none"))])
    with pytest.raises(ValueError, match="ckpt_to_load_from='.*none' of column 'x' cannot be"):
        layer.build()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"tensor": "old/tabel"},
            "has no tensor 'old/tabel'.*column 'x'. Did you mean 'old/table'",
        ),
        (
            {"dimension": 4},
            r"'old/table' of .*ckpt-7' has shape \(3, 2\), and column 'x' needs \(3, 4\)",
        ),
        ({"tensor": "words"}, "is not made of numbers, and the table of column 'x'"),
    ],
)
def test_tensors_that_do_not_fit(checkpoint, arguments, message):
    with pytest.raises(ValueError, match=message):
        fc.DenseFeatures([_from(checkpoint, **arguments)]).build()
