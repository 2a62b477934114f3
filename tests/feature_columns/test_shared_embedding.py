from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimators
import feature_columns as fc
import premade

WORDS = ["x", "y", "z"]
TABLE = np.array([[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]], np.float32)
NAME = "a_b_shared_embedding"


def _column(key, module=fc):
    return module.categorical_column_with_vocabulary_list(key, WORDS)


def _table(shape, dtype=None):
    return tf.constant(TABLE)


def _shared(*keys, **arguments):
    columns = [_column(key) for key in keys or ("b", "a")]
    return fc.shared_embeddings(columns, 2, **{"initializer": _table, **arguments})


FEATURES = {"a": tf.constant([["x", "y"], ["z", ""]]), "b": tf.constant([["y"], ["?"]])}
OF_A, OF_B = [[2, 3.5], [7, 11]], [[3, 5], [0, 0]]


def _data():
    return tf.data.Dataset.from_tensors((FEATURES, [[0.0], [1.0]])).repeat(3)


def test_columns_come_in_the_order_in_which_they_were_given():
    b, a = _shared()
    assert (b.name, a.name) == ("b_shared_embedding", "a_shared_embedding")
    assert (b.categorical_column, a.categorical_column) == (_column("b"), _column("a"))
    assert a.parse_example_spec == {"a": tf.io.VarLenFeature(tf.string)}


def test_one_layer_has_one_table():
    layer = fc.DenseFeatures(_shared())
    np.testing.assert_array_equal(layer(FEATURES), np.concatenate([OF_A, OF_B], axis=1))
    assert [weight.path for weight in layer.weights] == [NAME]


def test_two_layers_have_one_table():
    b, a = _shared()
    layers = fc.DenseFeatures(a), fc.DenseFeatures(b, name="second")
    inputs = {key: keras.Input((None,), dtype="string", name=key) for key in FEATURES}
    model = keras.Model(inputs, [layer(inputs) for layer in layers])
    assert [weight.path for weight in model.weights] == [NAME]
    assert layers[0].weights[0] is layers[1].weights[0]
    model.set_weights([TABLE * 2])
    for found, expected in zip(model(FEATURES), [OF_A, OF_B], strict=True):
        np.testing.assert_array_equal(found, 2 * np.array(expected))


def test_each_call_makes_a_table_of_its_own():
    first, second = fc.DenseFeatures(_shared()), fc.DenseFeatures(_shared())
    first.build()
    second.build()
    assert first.weights[0] is not second.weights[0]
    with pytest.raises(ValueError, match=f"Two calls of shared_embeddings.*'{NAME}'.*in one call"):
        fc.DenseFeatures([_shared()[0], _shared()[1]])


def test_gradients_of_all_columns_add_up():
    layer = fc.DenseFeatures(_shared(combiner="sum"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(FEATURES))
    gradient = tape.gradient(loss, layer.weights[0].value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert tf.convert_to_tensor(gradient).numpy().tolist() == [[1, 1], [2, 2], [1, 1]]


def test_not_trainable():
    layer = fc.DenseFeatures(_shared(trainable=False))
    layer.build()
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (0, 1)


def test_name_of_the_collection():
    layer = fc.DenseFeatures(_shared(shared_embedding_collection_name="words/all"))
    layer.build()
    assert [weight.path for weight in layer.weights] == ["words/all"]


def test_the_name_of_tensorflow_1():
    assert fc.shared_embedding_columns is fc.shared_embeddings


def test_pickled_together_they_share():
    columns = pickle.loads(pickle.dumps(_shared(initializer=None)))
    layer = fc.DenseFeatures(columns)
    layer.build()
    assert len(layer.weights) == 1


def test_keras_models_are_saved_and_loaded(tmp_path):
    sequence = fc.sequence_categorical_column_with_vocabulary_list("s", WORDS)
    columns = fc.shared_embeddings([_column("a"), _column("b"), sequence], 2)
    keys = ("a", "b", "s")
    inputs = {key: keras.Input((None,), dtype="string", name=key) for key in keys}
    steps, _ = fc.SequenceFeatures(columns[2])(inputs)
    rows = [fc.DenseFeatures(column)(inputs) for column in columns[:2]]
    model = keras.Model(inputs, [*rows, fc.DenseFeatures(columns[:2])(inputs), steps])
    features = {**FEATURES, "s": FEATURES["a"]}
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == 1
    assert loaded.weights[0] is not model.weights[0]
    for found, expected in zip(loaded(features), model(features), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_layer_made_from_its_config_has_one_table():
    layer = fc.DenseFeatures.from_config(fc.DenseFeatures(_shared(initializer=None)).get_config())
    layer.build()
    assert [weight.path for weight in layer.weights] == [NAME]


def test_saved_model(tmp_path):
    layer = fc.DenseFeatures(_shared())
    layer.build()
    specs = {key: tf.TensorSpec([None, None], tf.string) for key in FEATURES}
    layer.serve = tf.function(lambda features: layer(features), input_signature=[specs])
    tf.saved_model.save(layer, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_array_equal(loaded.serve(FEATURES), layer(FEATURES))


# Estimators


SLOT = f"training/Adagrad/{NAME}/accumulator"


def _names(estimator):
    return [name for name in estimator.get_variable_names() if "shared_embedding" in name]


def _dnn(columns, **options):
    config = estimators.RunConfig(tf_random_seed=1, **options)
    return premade.DNNRegressor([8], columns, optimizer="Adagrad", config=config)


def test_dnn_trains_the_table_under_its_old_name():
    estimator = _dnn(_shared()).train(_data, steps=3)
    assert _names(estimator) == [NAME, SLOT]
    assert np.abs(estimator.get_variable_value(NAME) - TABLE).max() > 1e-4
    assert np.isfinite(estimator.evaluate(_data)["loss"])


def test_run_eagerly_is_the_same():
    columns = _shared()
    fc.DenseFeatures(columns).build()  # A table outside of any Estimator.
    compiled = _dnn(columns).train(_data, steps=3)
    eager = _dnn(columns, run_eagerly=True).train(_data, steps=3)
    for name in compiled.get_variable_names():
        found, expected = (each.get_variable_value(name) for each in (eager, compiled))
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=name)


def test_estimators_of_the_same_columns_do_not_share():
    columns = _shared()
    _dnn(columns).train(_data, steps=3)
    first, second = (_dnn(columns).train(_data, steps=1) for _ in range(2))
    np.testing.assert_array_equal(first.get_variable_value(NAME), second.get_variable_value(NAME))


def test_replicas_share_one_table(mirrored_strategy):
    columns = _shared()
    two = _dnn(columns, train_distribute=mirrored_strategy).train(_data, steps=1)
    alone = _dnn(columns).train(_data, steps=1)
    assert _names(two) == [NAME, SLOT]
    for name in alone.get_variable_names():
        found, expected = (each.get_variable_value(name) for each in (two, alone))
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=name)


def test_wide_and_deep_share_and_the_deep_optimizer_trains():
    columns = _shared()
    estimator = premade.DNNLinearCombinedRegressor(
        linear_feature_columns=columns, dnn_feature_columns=columns, dnn_hidden_units=[3]
    )
    estimator.train(_data, steps=2)
    assert _names(estimator) == [
        NAME,
        "linear/linear_model/a_shared_embedding/weights",
        "linear/linear_model/b_shared_embedding/weights",
        SLOT,
        *(
            f"training/Ftrl/linear/linear_model/{key}_shared_embedding/weights/{slot}"
            for key in "ab"
            for slot in ("accumulator", "linear")
        ),
    ]


def test_sequence_and_context_share():
    steps = fc.sequence_categorical_column_with_vocabulary_list("a", WORDS)
    sequence, context = fc.shared_embeddings([steps, _column("b")], 2)
    estimator = premade.RNNEstimator(
        estimators.RegressionHead(), [sequence], [context], units=[3], optimizer="Adagrad"
    )
    estimator.train(_data, steps=1)
    assert _names(estimator) == [NAME, SLOT]


def test_two_layers_of_a_model_fn_share():
    b, a = _shared()

    def model_fn(features, labels, mode):
        left, right = (fc.DenseFeatures(each, name=each.name)(features) for each in (a, b))
        output = keras.layers.Dense(1)(left * right)
        loss = tf.reduce_mean((output - labels) ** 2)
        train_op = estimators.minimize(loss, "SGD")
        return estimators.EstimatorSpec(mode, loss=loss, train_op=train_op)

    estimator = estimators.Estimator(model_fn).train(_data, steps=2)
    assert _names(estimator) == [NAME]
    assert (estimator.get_variable_value(NAME) != TABLE).any()


def test_two_calls_of_one_name_in_a_model():
    (first, _), (_, second) = _shared(), _shared()
    columns = {"linear_feature_columns": [first], "dnn_feature_columns": [second]}
    with pytest.raises(ValueError, match="Two calls of shared_embeddings have"):
        premade.DNNLinearCombinedRegressor(dnn_hidden_units=[3], **columns)

    def model_fn(features, labels, mode):
        for column in (first, second):
            fc.DenseFeatures([column])(features)

    with pytest.raises(ValueError, match="Two calls of shared_embeddings have"):
        estimators.Estimator(model_fn).train(_data, steps=1)


# Columns of `tf.feature_column`


def test_old_columns_share_too():
    with tf.Graph().as_default():  # They refuse to be made eagerly.
        old = tf.feature_column.shared_embeddings(
            [_column("b", tf.feature_column), _column("a", tf.feature_column)],
            2,
            initializer=tf.compat.v1.constant_initializer(TABLE),
        )
    layer = fc.DenseFeatures(old)
    np.testing.assert_array_equal(layer(FEATURES), np.concatenate([OF_A, OF_B], axis=1))
    assert [weight.path for weight in layer.weights] == [NAME]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"categorical_columns": []}, "categorical_columns must not be empty"),
        ({"categorical_columns": _column("a")}, "must be a list of columns"),
        ({"categorical_columns": {"a": _column("a")}}, "must be a list of columns"),
        (
            {"categorical_columns": [fc.numeric_column("n")]},
            "shared_embeddings wraps a Categorical",
        ),
        (
            {
                "categorical_columns": [
                    _column("a"),
                    fc.categorical_column_with_hash_bucket("b", 3),
                ]
            },
            "must have the same type.*'a' of type Vocabulary.*'b' of type Hashed.*same function",
        ),
        (
            {
                "categorical_columns": [
                    _column("a"),
                    fc.categorical_column_with_vocabulary_list("b", ["x"]),
                ]
            },
            "same number of buckets. Given: 'a' with 3, 'b' with 1",
        ),
        ({"dimension": 0}, f"Invalid dimension 0.*{NAME}"),
        ({"combiner": "max"}, "combiner must be one of 'sum', 'mean', 'sqrtn'"),
        ({"initializer": "zeros"}, "initializer must be callable"),
        ({"ckpt_to_load_from": "a"}, "Must specify both"),
    ],
)
def test_wrong_arguments(arguments, message):
    columns = [_column("b"), _column("a")]
    with pytest.raises(ValueError, match=message):
        fc.shared_embeddings(**{"categorical_columns": columns, "dimension": 2, **arguments})
