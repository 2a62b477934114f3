from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc

WORD = fc.categorical_column_with_vocabulary_list("w", ["a", "b", "c"])
NUMBER = fc.numeric_column("x", shape=2)
BUCKETS = fc.bucketized_column(NUMBER, [0, 1])


def _set(layer, rows, bias=0.0):
    table, _ = layer.fused_parts()
    table.assign(np.array(rows, np.float32)[:, np.newaxis])
    layer.bias.assign([bias])


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [("sum", [12, 13]), ("mean", [8.5, 9]), ("sqrtn", [9.94974, 10.65685])],
)
@pytest.mark.parametrize("kind", ["dense", "padded", "sparse", "beside_a_dense_column"])
def test_reference_numbers(kind, combiner, expected):
    columns = [WORD]
    features = {"w": tf.constant([["a", "c"], ["b", "c"]])}
    if kind == "padded":
        features = {"w": tf.constant([["a", "", "c"], ["b", "c", "?"]])}
    elif kind != "dense":
        features = {"w": tf.sparse.from_dense(features["w"])}
    if kind == "beside_a_dense_column":
        columns.append(fc.categorical_column_with_identity("z", 2))
        features["z"] = tf.constant([[0, 1], [1, -1]])
    layer = fc.LinearModel(columns, sparse_combiner=combiner)
    layer.build()
    _set(layer, [2, 3, 5, 0] + [0, 0] * (len(columns) - 1), bias=5)
    np.testing.assert_allclose(layer(features).numpy()[:, 0], expected, rtol=1e-6)


def test_parts_lie_in_the_order_of_the_names():
    layer = fc.LinearModel([WORD, NUMBER, BUCKETS, fc.crossed_column(["w", "v"], 7)], units=2)
    layer.build()
    table, parts = layer.fused_parts()
    assert parts == (
        fc.FusedPart("v_X_w/weights", 0, 7),
        fc.FusedPart("w/weights", 7, 3),
        fc.FusedPart("x_bucketized/weights", 10, 6),
    )
    assert table.shape == (17, 2)
    assert [weight.path for weight in layer.weights] == [
        "linear_model/categorical_weights",
        "linear_model/x/weights",
        "linear_model/bias_weights",
    ]


def test_without_categories_there_is_no_table():
    layer = fc.LinearModel([NUMBER])
    layer.build()
    assert layer.fused_parts() == (None, ())
    assert layer({"x": tf.ones([3, 2])}).numpy().tolist() == [[0.0]] * 3


def test_embedding_in_a_linear_model():
    layer = fc.LinearModel([fc.embedding_column(WORD, 2)])
    layer.build()
    assert [weight.path for weight in layer.weights] == [
        "linear_model/w_embedding/embedding_weights",
        "linear_model/w_embedding/weights",
        "linear_model/bias_weights",
    ]
    layer.set_weights([np.array([[1, 2], [3, 4], [5, 6]]), np.array([[10], [1]]), np.array([7])])
    logits = layer({"w": tf.constant(["b", "?"])})
    assert logits.numpy().tolist() == [[30 + 4 + 7], [7]]


@pytest.mark.parametrize("sparse", [False, True])
def test_one_sparse_gradient_and_missing_ids_touch_the_sink_only(sparse):
    layer = fc.LinearModel([WORD, BUCKETS])
    layer.build()
    words = tf.constant([["a", "", "a"], ["", "?", ""]])
    features = {
        "w": tf.sparse.from_dense(words) if sparse else words,
        "x": tf.constant([[-1.0, 5.0], [0.5, 0.5]]),
    }

    @tf.function
    def gradients(features):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(features))
        return tape.gradient(loss, [weight.value for weight in layer.trainable_weights])

    table_gradient, bias_gradient = gradients(features)
    assert isinstance(table_gradient, tf.IndexedSlices)
    dense = tf.convert_to_tensor(table_gradient).numpy()[:, 0].tolist()
    assert dense == [2, 0, 0, 1, 1, 0, 0, 1, 1, 0]
    real = set(table_gradient.indices.numpy().tolist()) - {9}
    assert real == {0, 3, 4, 7, 8}
    assert bias_gradient.numpy().tolist() == [2]


def test_dense_categories_cost_one_gather():
    columns = [WORD, BUCKETS, fc.crossed_column(["w", "v"], 7)]
    layer = fc.LinearModel(columns)
    layer.build()
    raw = {"w": tf.constant(["a"]), "v": tf.constant(["x"]), "x": tf.constant([[0.0, 1.0]])}
    transformed = fc.Transform(columns)(raw)
    function = tf.function(lambda features: layer(features)).get_concrete_function(transformed)
    types = [operation.type for operation in function.graph.get_operations()]
    assert types.count("ResourceGather") == 1
    assert not {"LookupTableFindV2", "Fingerprint", "Bucketize"} & set(types)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sparse_combiner": "max"}, "sparse_combiner must be one of 'sum', 'mean', 'sqrtn'"),
        ({"columns": []}, "must not be empty"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        fc.LinearModel(**{"columns": [WORD], **arguments})


@pytest.mark.parametrize("word", [[["a", "c"], ["", "?"]], [["b", ""], ["c", "c"]]])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("is_transformed", [True, False])
def test_design_times_weights_is_the_call(word, kind, is_transformed):
    columns = [WORD, BUCKETS, NUMBER]
    words = tf.constant(word) if kind == "dense" else tf.sparse.from_dense(word)
    features = {"w": words, "x": tf.constant([[-1.0, 0.5], [2.0, 3.0]])}
    layer = fc.LinearModel(columns)
    layer.build()
    random = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    expected = layer(features).numpy()[:, 0]

    given = fc.Transform((), linear=columns)(features) if is_transformed else features
    design = layer.design(given)

    table = layer.fused_parts()[0].numpy()[:, 0]
    dense = np.concatenate([weight.numpy()[:, 0] for weight in layer.dense_weights])
    found = design.dense.numpy() @ dense + layer.bias.numpy()
    found += (table[design.rows.numpy()] * design.values.numpy()).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_design_without_one_kind_of_column():
    only_numbers = fc.LinearModel([NUMBER])
    only_numbers.build()
    design = only_numbers.design({"x": tf.constant([[1.0, 2.0]])})
    assert (design.dense.shape, design.rows.shape) == ((1, 2), (1, 0))
    only_words = fc.LinearModel([WORD])
    only_words.build()
    design = only_words.design({"w": tf.constant(["b", "?"])})
    assert design.dense.shape == (2, 0)
    assert (design.rows.numpy().tolist(), design.values.numpy().tolist()) == (
        [[1], [3]],
        [[1.0], [0.0]],
    )
