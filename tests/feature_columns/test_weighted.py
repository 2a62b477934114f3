from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
import premade

IDS = fc.categorical_column_with_identity("x", 3)
COLUMN = fc.weighted_categorical_column(IDS, "w")
WORDS = fc.categorical_column_with_vocabulary_list("x", ["omar", "stringer", "marlo"])
TABLE = [[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]]
RAGGED = {
    "x": tf.ragged.constant([[2], [0, 1], [1], []], dtype=tf.int64),
    "w": tf.ragged.constant([[2.0], [1.0, 3.0], [-1.0], []]),
}
DENSE = {"x": RAGGED["x"].to_tensor(-1), "w": RAGGED["w"].to_tensor(0.0)}
SPARSE = {key: value.to_sparse() for key, value in RAGGED.items()}
FORMS = {
    "ragged": RAGGED,
    "dense": DENSE,
    "sparse": SPARSE,
    "sparse weights": {"x": DENSE["x"], "w": SPARSE["w"]},
    "ragged weights": {"x": DENSE["x"], "w": RAGGED["w"]},
    "dense weights": {"x": SPARSE["x"], "w": DENSE["w"]},
    "dense weights of ragged ids": {"x": RAGGED["x"], "w": DENSE["w"]},
}


def _dense(column, features):
    return fc.DenseFeatures([column])(features).numpy()


def _embedding(column, combiner="mean", **arguments):
    table = lambda shape, dtype=None: tf.constant(TABLE)  # noqa: E731
    return fc.embedding_column(column, 2, combiner, initializer=table, **arguments)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("combiner", "expected"),
    [
        ("mean", [[7, 11], [2.5, 4.25], [0, 0], [0, 0]]),
        ("sum", [[14, 22], [10, 17], [-3, -5], [0, 0]]),
        ("sqrtn", [[7, 11], [3.1622777, 5.3758721], [0, 0], [0, 0]]),
    ],
)
def test_f14_embeddings(form, combiner, expected):
    found = _dense(_embedding(COLUMN, combiner), FORMS[form])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_long_vectors_are_scaled_down_before_they_are_weighted():
    found = _dense(_embedding(COLUMN, "sum", max_norm=5.0), DENSE)
    np.testing.assert_allclose(found[0], 2 * np.array([2.6843774, 4.2183075]), rtol=1e-6)


def test_f9_indicators():
    column = fc.indicator_column(fc.weighted_categorical_column(WORDS, "w"))
    words = tf.constant([["omar", "marlo", "omar"], ["bad", "stringer", "bad"]])
    weights = tf.constant([[0.5, 2.0, 1.5], [3.0, 4.0, 5.0]])
    for given in (tf.identity, tf.sparse.from_dense, tf.RaggedTensor.from_tensor):
        features = {"x": given(words), "w": given(weights)}
        assert _dense(column, features).tolist() == [[2, 0, 2], [0, 4, 0]]


def test_f18_name_and_parse_spec():
    column = fc.weighted_categorical_column(fc.categorical_column_with_hash_bucket("h", 9), "w")
    assert column.name == "h_weighted_by_w"
    assert fc.make_parse_example_spec([column]) == {
        "h": tf.io.VarLenFeature(tf.string),
        "w": tf.io.VarLenFeature(tf.float32),
    }


def test_n8_linear_regression():
    words = fc.categorical_column_with_vocabulary_list("x", ["a", "b"])
    column = fc.weighted_categorical_column(words, "w")
    features = {"x": tf.constant([["a", "b"]]), "w": tf.constant([[0.5, 2.0]])}
    regressor = premade.LinearRegressor([column], optimizer="SGD")
    regressor.train(lambda: tf.data.Dataset.from_tensors((features, [[1.0]])), steps=1)
    rows = premade.linear_weights(regressor)
    assert [(row.column, row.category) for row in rows[:2]] == [
        ("x_weighted_by_w", "a"),
        ("x_weighted_by_w", "b"),
    ]
    np.testing.assert_allclose([row.weight for row in rows], [0.2, 0.8, 0.4], rtol=1e-6)
    value = regressor.get_variable_value("linear/linear_model/x_weighted_by_w/weights")
    np.testing.assert_allclose(value, [[0.2], [0.8]], rtol=1e-6)


def test_missing_values_have_no_weight():
    column = fc.indicator_column(fc.weighted_categorical_column(WORDS, "w"))
    features = {"x": tf.constant([["", "omar", "?"]]), "w": tf.constant([[5.0, 2.0, 3.0]])}
    assert _dense(column, features).tolist() == [[2, 0, 0]]


def test_weights_belong_to_the_value_at_their_place():
    """Values with gaps, as a SparseTensor may have them, and dense weights with a zero."""
    column = fc.indicator_column(COLUMN)
    ids = tf.SparseTensor([[0, 0], [0, 2], [1, 1]], tf.constant([0, 1, 2], tf.int64), [2, 3])
    weights = tf.constant([[1.0, 9.0, 2.0], [9.0, 0.0, 9.0]])
    assert _dense(column, {"x": ids, "w": weights}).tolist() == [[1, 2, 0], [0, 0, 0]]


def test_integers_are_weights_too():
    column = fc.weighted_categorical_column(IDS, "w", tf.int64)
    assert column.parse_example_spec["w"] == tf.io.VarLenFeature(tf.int64)
    features = {"x": tf.constant([[0, 1]]), "w": tf.constant([[2, 3]])}
    assert _dense(fc.indicator_column(column), features).tolist() == [[2, 3, 0]]


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [("sum", 2 * 10 + 4 * 20 + 1000), ("mean", 100 / 6 + 1000), ("sqrtn", 100 / 20**0.5 + 1000)],
)
@pytest.mark.parametrize("form", ["dense", "ragged"])
def test_beside_others_in_a_linear_model(combiner, expected, form):
    other = fc.categorical_column_with_identity("z", 1)
    layer = fc.LinearModel([COLUMN, other], sparse_combiner=combiner)
    layer.build()
    table, parts = layer.fused_parts()
    assert [part.name for part in parts] == ["x_weighted_by_w/weights", "z/weights"]
    table.assign([[10.0], [20.0], [30.0], [1000.0], [0.0]])
    features = {"x": tf.constant([[0, 1]], tf.int64), "w": tf.constant([[2.0, 4.0]])}
    if form == "ragged":
        features = {key: tf.RaggedTensor.from_tensor(value) for key, value in features.items()}
    features["z"] = tf.constant([0])
    np.testing.assert_allclose(layer(features), [[expected]], rtol=1e-6)


def test_one_weighted_id_in_a_linear_model():
    layer = fc.LinearModel([COLUMN, fc.categorical_column_with_identity("z", 2)])
    layer.build()
    table, _ = layer.fused_parts()
    table.assign([[1.0], [2.0], [3.0], [100.0], [200.0], [0.0]])
    rows = {"x": [2, -1], "w": [0.5, 7.0], "z": [0, 1]}
    features = {key: tf.constant(values) for key, values in rows.items()}
    expected = [[101.5], [200.0]]
    assert layer(features).numpy().tolist() == expected
    transform = fc.Transform([], linear=layer.columns)
    assert layer(transform(features)).numpy().tolist() == expected


@pytest.mark.parametrize("form", FORMS)
def test_gradient_is_sparse_and_weighted(form):
    layer = fc.DenseFeatures([_embedding(COLUMN, "sum")])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(FORMS[form]))
    gradient = tape.gradient(loss, layer.weights[0].value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert tf.convert_to_tensor(gradient).numpy().tolist() == [[1, 1], [2, 2], [2, 2]]


@pytest.mark.parametrize("form", FORMS)
def test_transform_runs_in_the_input_pipeline(form):
    columns = [_embedding(COLUMN), fc.indicator_column(IDS)]
    layer = fc.DenseFeatures(columns)
    data = tf.data.Dataset.from_tensors(FORMS[form]).map(fc.Transform(columns))
    (transformed,) = data
    assert {key.split("/")[0] for key in transformed} == {
        "x:ids",
        "x_weighted_by_w:ids",
        "x_weighted_by_w:weights",
    }
    np.testing.assert_array_equal(layer(transformed), layer(FORMS[form]))


def test_unknown_words_are_left_out_with_their_weights():
    column = fc.weighted_categorical_column(WORDS, "w")
    words = tf.ragged.constant([["?", "omar"], ["?"]])
    transformed = fc.Transform(column)({"x": words, "w": tf.ragged.constant([[5.0, 2.0], [3.0]])})
    ids, weights = (transformed[source.transformed_key] for source in column.sources)
    assert ids.to_list() == [[0], []]
    assert weights.to_list() == [[2.0], []]


def test_a_cross_may_have_weights():
    cross = fc.weighted_categorical_column(fc.crossed_column(["a", "b"], 5), "w")
    rows = {"a": [["p", "q"]], "b": [["r"]], "w": [[2.0, 4.0]]}
    features = {key: tf.constant(values) for key, values in rows.items()}
    found = _dense(fc.indicator_column(cross), features)
    first, second = fc.Transform(cross)(features)[cross.transformed_key].numpy()[0]
    assert found[0, first] + found[0, second] * (first != second) == 6.0


def test_several_numbers_in_buckets_keep_apart():
    buckets = fc.bucketized_column(fc.numeric_column("n", shape=2), [0.0])
    column = fc.indicator_column(fc.weighted_categorical_column(buckets, "w"))
    features = {"n": tf.constant([[1.0, -1.0]]), "w": tf.constant([[3.0, 5.0]])}
    assert _dense(column, features).tolist() == [[0, 3, 5, 0]]


def test_of_a_sequence_all_steps_together():
    sequence = fc.sequence_categorical_column_with_identity("x", 3)
    column = fc.weighted_categorical_column(sequence, "w")
    assert column == COLUMN
    with pytest.raises(ValueError, match="must be of type SequenceCategoricalColumn"):
        fc.SequenceFeatures([fc.indicator_column(column)])


def test_keras_models_are_saved_and_loaded(tmp_path):
    inputs = {
        "x": keras.Input((2,), dtype="int64", name="x"),
        "w": keras.Input((2,), name="w"),
    }
    columns = [fc.embedding_column(COLUMN, 4), fc.indicator_column(COLUMN)]
    model = keras.Model(inputs, fc.DenseFeatures(columns)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(DENSE), model(DENSE))
    assert loaded.layers[-1].columns == model.layers[-1].columns


def test_unknown_shapes():
    spec = {"x": tf.TensorSpec([None, None], tf.int64), "w": tf.TensorSpec([None, None])}
    layer = fc.DenseFeatures([fc.indicator_column(COLUMN)])
    call = tf.function(lambda features: layer(features), input_signature=[spec])
    np.testing.assert_array_equal(call(DENSE), layer(DENSE))
    with pytest.raises(tf.errors.InvalidArgumentError, match="needs one weight in feature"):
        call({**DENSE, "w": DENSE["w"][:, :1]})


@pytest.mark.parametrize(
    ("x", "w"),
    [
        (DENSE["x"], DENSE["w"][:, :1]),
        (DENSE["x"], DENSE["w"][:2]),
        (DENSE["x"], DENSE["w"][:, :, tf.newaxis]),
        (RAGGED["x"], tf.ragged.constant([[2.0], [1.0], [3.0, -1.0], []])),
        (SPARSE["x"], RAGGED["w"][:2].to_sparse()),
        (RAGGED["x"], DENSE["w"][:, :1]),
        (DENSE["x"], DENSE["w"][:2].numpy()),
        (tf.constant([[0, -1], [1, 2]], tf.int64), tf.ragged.constant([[1.0, 2.0], [3.0]])),
    ],
)
def test_weights_of_another_shape(x, w):
    errors = (ValueError, tf.errors.InvalidArgumentError)
    with pytest.raises(errors, match=r"x_weighted_by_w\W+ needs one weight in feature \W+w\W+"):
        fc.Transform(COLUMN)({"x": x, "w": w})
