"""The table of linear weights: each weight stands beside what it multiplies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import MultiClassHead, add_metrics
from estimators.checkpoints import CheckpointStore
from premade import (
    DNNClassifier,
    DNNLinearCombinedClassifier,
    DNNLinearCombinedRegressor,
    LinearClassifier,
    LinearEstimator,
    LinearRegressor,
    LinearWeight,
    linear_weights,
)

X = fc.numeric_column("x")
WORDS = fc.categorical_column_with_vocabulary_list("words", ["a", "b"], num_oov_buckets=1)
SCOPE = "linear/linear_model"
WEIGHTS = {"x": [[3.0]], "words": [[1.0], [-4.0], [0.5]]}


@pytest.fixture
def holding(small):
    """Makes an estimator whose newest checkpoint holds given weights by column name."""

    def holding(kind, *args, weights, bias, **options):
        estimator = small(kind, *args, **options)
        named = {f"{SCOPE}/{column}/weights": value for column, value in weights.items()}
        named = {**named, f"{SCOPE}/bias_weights": bias}
        arrays = {name: np.array(value, np.float32) for name, value in named.items()}
        CheckpointStore(estimator.model_dir).commit(7, {**arrays, "global_step": np.int64(7)})
        return estimator

    return holding


def cells(rows):
    return [(row.column, row.category, row.output, row.weight) for row in rows]


def test_rows_of_a_regressor(holding):
    estimator = holding(
        LinearRegressor,
        [X, WORDS],
        weights={"x": [[3.0]], "words": [[1.0], [-4.0], [0.5]]},
        bias=[2.0],
    )
    assert cells(linear_weights(estimator)) == [
        ("words", "a", 0, 1.0),
        ("words", "b", 0, -4.0),
        ("words", "(other 0)", 0, 0.5),
        ("x", None, 0, 3.0),
        ("(bias)", None, 0, 2.0),
    ]


def test_largest_first(holding):
    estimator = holding(
        LinearRegressor,
        [X, WORDS],
        weights={"x": [[3.0]], "words": [[1.0], [-4.0], [0.5]]},
        bias=[2.0],
    )
    found = [row.weight for row in linear_weights(estimator, by_magnitude=True)]
    assert found == [-4.0, 3.0, 2.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("column", "categories"),
    [
        (
            fc.bucketized_column(X, [-1.5, 30, 40]),
            ["(-inf, -1.5)", "[-1.5, 30)", "[30, 40)", "[40, inf)"],
        ),
        (
            fc.bucketized_column(fc.numeric_column("x", shape=2), [0.1]),
            ["0: (-inf, 0.1)", "0: [0.1, inf)", "1: (-inf, 0.1)", "1: [0.1, inf)"],
        ),
        (fc.categorical_column_with_vocabulary_list("v", [30, 10]), [30, 10]),
        (fc.categorical_column_with_hash_bucket("h", 3), [0, 1, 2]),
        (fc.categorical_column_with_identity("i", 2), [0, 1]),
        (fc.crossed_column(["h", "i"], 4), [0, 1, 2, 3]),
        (fc.indicator_column(WORDS), ["a", "b", "(other 0)"]),
        (fc.embedding_column(WORDS, 2), [0, 1]),
        (fc.numeric_column("m", shape=(2, 2)), [0, 1, 2, 3]),
        (fc.numeric_column("m", shape=(1,)), [None]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_categories(holding, column, categories):
    weights = [[float(i)] for i in range(len(categories))]
    estimator = holding(LinearRegressor, [column], weights={column.name: weights}, bias=[9.0])
    *rows, bias = linear_weights(estimator)
    assert [(row.category, row.weight) for row in rows] == list(
        zip(categories, np.ravel(weights), strict=True)
    )
    assert {row.column for row in rows} == {column.name}
    assert bias == LinearWeight("(bias)", None, 0, 9.0)


@pytest.mark.parametrize("file_format", [None, "tfrecord_gzip"])
def test_vocabulary_in_a_file(holding, tmp_path, file_format):
    path = str(tmp_path / "words")
    if file_format is None:
        (tmp_path / "words").write_bytes("naïve\r\nb\nc\n".encode())
    else:
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for word in ("naïve", "b", "c"):
                writer.write(word.encode())
    column = fc.categorical_column_with_vocabulary_file("v", path, 2, file_format=file_format)
    weights = {"v": [[1.0], [2.0]]}
    estimator = holding(LinearRegressor, [column], weights=weights, bias=[0.0])
    rows = linear_weights(estimator)
    assert [row.category for row in rows] == ["naïve", "b", None]
    data = lambda: tf.data.Dataset.from_tensors({"v": [["naïve"]]})  # noqa: E731
    assert next(estimator.predict(data))["predictions"] == [rows[0].weight]


@pytest.mark.parametrize(
    ("options", "outputs"),
    [
        ({}, [1]),
        ({"label_vocabulary": ["no", "yes"]}, ["yes"]),
        ({"n_classes": 3}, [0, 1, 2]),
        ({"n_classes": 3, "label_vocabulary": ["p", "q", "r"]}, ["p", "q", "r"]),
    ],
)
def test_classes(holding, options, outputs):
    values = [float(i) for i in range(len(outputs))]
    estimator = holding(LinearClassifier, [X], weights={"x": [values]}, bias=values, **options)
    expected = [("x", None, output, v) for output, v in zip(outputs, values, strict=True)]
    expected += [("(bias)", None, output, v) for output, v in zip(outputs, values, strict=True)]
    assert cells(linear_weights(estimator)) == expected


def test_any_head(holding):
    head = MultiClassHead(3, label_vocabulary=["p", "q", "r"])
    weights = {"words": np.arange(9.0).reshape(3, 3)}
    estimator = holding(LinearEstimator, head, [WORDS], weights=weights, bias=[0.0] * 3)
    rows = linear_weights(estimator)
    assert cells(rows)[3:6] == [
        ("words", "b", "p", 3.0),
        ("words", "b", "q", 4.0),
        ("words", "b", "r", 5.0),
    ]


def test_the_table_says_what_the_model_computes(small, batch, logits):
    age = fc.bucketized_column(fc.numeric_column("age"), [30.0, 40.0])
    estimator = small(LinearRegressor, [age, WORDS])
    features = {"age": [[25.0], [35.0], [40.0]], "words": [["b"], ["a"], ["b"]]}
    estimator.train(batch(features, [[1.0], [2.0], [5.0]]), steps=3)
    table = {(row.column, row.category): row.weight for row in linear_weights(estimator)}
    rows = [("(-inf, 30)", "b"), ("[30, 40)", "a"), ("[40, inf)", "b")]
    expected = [
        table["age_bucketized", bucket] + table["words", word] + table["(bias)", None]
        for bucket, word in rows
    ]
    assert np.ravel(logits(estimator, batch(features))) == pytest.approx(expected)


def test_the_wide_part_of_wide_and_deep(small, batch):
    options = {"dnn_feature_columns": [X], "dnn_hidden_units": [2]}
    estimator = small(DNNLinearCombinedClassifier, linear_feature_columns=[WORDS], **options)
    estimator.train(batch({"x": [[1.0]], "words": [["b"]]}, [[1]]), steps=1)
    rows = linear_weights(estimator)
    assert [(row.column, row.category) for row in rows] == [
        ("words", "a"),
        ("words", "b"),
        ("words", "(other 0)"),
        ("(bias)", None),
    ]
    values = estimator.get_variable_value(f"{SCOPE}/words/weights")
    assert [row.weight for row in rows[:3]] == values.ravel().tolist()
    assert rows[1].weight > 0.0


def test_an_older_checkpoint(small, batch):
    estimator = small(LinearRegressor, [X])
    data = batch({"x": [[1.0]]}, [[1.0]])
    first = estimator.train(data, steps=1).latest_checkpoint()
    before = linear_weights(estimator)
    estimator.train(data, steps=1)
    assert linear_weights(estimator, checkpoint_path=first) == before
    assert linear_weights(estimator) != before


def test_pandas_takes_it(holding):
    estimator = holding(LinearRegressor, [X], weights={"x": [[3.0]]}, bias=[2.0])
    frame = pd.DataFrame(linear_weights(estimator))
    assert list(frame.columns) == ["column", "category", "output", "weight"]
    assert frame.set_index("column")["weight"].to_dict() == {"x": 3.0, "(bias)": 2.0}


def test_models_without_linear_weights(small):
    with pytest.raises(TypeError, match="Only Linear.* estimators have linear weights, got DNN"):
        linear_weights(small(DNNClassifier, [2], [X]))
    with pytest.raises(TypeError, match="got Estimator. To one that `add_metrics` returned"):
        linear_weights(add_metrics(small(LinearRegressor, [X]), lambda labels: {"label": labels}))
    options = {"dnn_feature_columns": [X], "dnn_hidden_units": [2]}
    with pytest.raises(ValueError, match="has no linear part"):
        linear_weights(small(DNNLinearCombinedRegressor, **options))


def test_before_any_training(small):
    with pytest.raises(ValueError, match="Could not find trained model"):
        linear_weights(small(LinearRegressor, [X]))
