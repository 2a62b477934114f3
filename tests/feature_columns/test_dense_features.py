from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc

WORD = fc.categorical_column_with_vocabulary_list("w", ["omar", "stringer", "marlo"])


def _columns():
    price = fc.numeric_column("price", normalizer_fn=None)
    return [
        price,
        fc.bucketized_column(price, [0, 10]),
        fc.indicator_column(WORD),
        fc.embedding_column(WORD, 4),
        fc.embedding_column(fc.crossed_column([WORD, "city"], 20), 3, combiner="sum"),
    ]


FEATURES = {
    "price": tf.constant([-1.0, 12.0]),
    "w": tf.constant(["marlo", "?"]),
    "city": tf.constant(["x", "y"]),
}


def test_columns_are_sorted_by_name():
    b, a = fc.numeric_column("b"), fc.numeric_column("a")
    layer = fc.DenseFeatures([b, a])
    assert layer({"a": tf.constant([1.0]), "b": tf.constant([2.0])}).numpy().tolist() == [[1, 2]]
    assert layer.columns == (a, b)


def test_reference_counts():
    words = tf.constant([["omar", "marlo", "omar"], ["bad", "stringer", ""]])
    layer = fc.DenseFeatures([fc.indicator_column(WORD)])
    for value in (words, tf.RaggedTensor.from_tensor(words), tf.sparse.from_dense(words)):
        assert layer({"w": value}).numpy().tolist() == [[2, 0, 1], [0, 1, 0]]


def test_weight_paths_are_those_on_disk():
    with keras.name_scope("dnn"), keras.name_scope("input_from_feature_columns"):
        layer = fc.DenseFeatures(_columns(), name="input_layer")
        layer.build()
    prefix = "dnn/input_from_feature_columns/input_layer"
    assert [weight.path for weight in layer.weights] == [
        f"{prefix}/city_X_w_embedding/embedding_weights",
        f"{prefix}/w_embedding/embedding_weights",
    ]
    assert [weight.value.name.split(":")[0] for weight in layer.weights] == [
        weight.path for weight in layer.weights
    ]


def test_raw_and_transformed_features_give_the_same():
    layer = fc.DenseFeatures(_columns())
    raw = layer(FEATURES)
    assert raw.shape == (2, sum(column.width for column in _columns()))
    transformed = fc.Transform(_columns())(FEATURES)
    np.testing.assert_array_equal(layer(transformed), raw)
    mixed = {**FEATURES, WORD.transformed_key: transformed[WORD.transformed_key]}
    np.testing.assert_array_equal(layer(mixed), raw)


def test_output_is_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        layer = fc.DenseFeatures(_columns())
        assert layer(FEATURES).dtype == tf.float32
    finally:
        keras.mixed_precision.set_global_policy("float32")


def _functional(layer):
    inputs = {
        "price": keras.Input((), name="price"),
        "w": keras.Input((), dtype="string", name="w"),
        "city": keras.Input((), dtype="string", name="city"),
    }
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize(
    "make", [lambda: fc.DenseFeatures(_columns()), lambda: fc.LinearModel(_columns(), units=2)]
)
def test_keras_models_are_saved_and_loaded(make, tmp_path):
    model = _functional(make())
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    expected = model(FEATURES)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(FEATURES), expected)
    assert loaded.layers[-1].columns == model.layers[-1].columns


def test_saved_model_has_the_tables(tmp_path):
    layer = fc.DenseFeatures(_columns())
    expected = layer(FEATURES)
    specs = {key: tf.TensorSpec([None], value.dtype) for key, value in FEATURES.items()}
    serve = tf.function(lambda features: layer(features), input_signature=[specs])
    layer.serve = serve
    tf.saved_model.save(layer, str(tmp_path / "model"), signatures=None)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.serve(FEATURES), expected)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([WORD], "wrap a categorical column with an embedding_column or indicator_column"),
        ([], "must not be empty"),
        ({"w": fc.numeric_column("w")}, "found dict"),
        ([fc.numeric_column("a"), fc.numeric_column("a", shape=2)], "Duplicate feature column"),
        (["a"], "must be a FeatureColumn. Given: 'a'"),
    ],
)
def test_wrong_columns(columns, message):
    with pytest.raises(ValueError, match=message):
        fc.DenseFeatures(columns)


def test_missing_features_are_named():
    with pytest.raises(ValueError, match=r"Feature 'price' of column 'price'.*mean 'prize'"):
        fc.DenseFeatures([fc.numeric_column("price")])({"prize": tf.constant([1.0])})
