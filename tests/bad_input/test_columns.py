"""Columns that are misused: an error that names the column and says what to write instead."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import estimators
import feature_columns as fc
import premade

AGE = fc.numeric_column("age")
AGES = fc.bucketized_column(AGE, [30.0, 50.0])
JOB = fc.categorical_column_with_vocabulary_list("job", ["cook", "smith"])
TOWN = fc.categorical_column_with_hash_bucket("town", 10)
LEVEL = fc.categorical_column_with_identity("level", 3)
WEIGHED = fc.weighted_categorical_column(LEVEL, "weight")
VISITS = fc.sequence_categorical_column_with_hash_bucket("visits", 5)
SPEEDS = fc.sequence_numeric_column("speeds")
FILE = "/no/such/words.txt"

vocabulary = fc.categorical_column_with_vocabulary_list
file = fc.categorical_column_with_vocabulary_file
hashed = fc.categorical_column_with_hash_bucket
identity = fc.categorical_column_with_identity


# What is wrong with the arguments of a column, and the words that the error must have: what it is
# about first, then the mend.
MADE = {
    "key no string": (lambda: fc.numeric_column(3), ["3", "must be a string"]),
    "hash key no string": (lambda: hashed(None, 5), ["None", "must be a string"]),
    "shape zero": (lambda: fc.numeric_column("age", 0), ["age", "greater than 0"]),
    "shape no int": (lambda: fc.numeric_column("age", 2.5), ["age", "must be integer"]),
    "strings as numbers": (
        lambda: fc.numeric_column("age", dtype=tf.string),
        ["age", "categorical column"],
    ),
    "default of text": (
        lambda: fc.numeric_column("age", default_value="old"),
        ["age", "'old'", "compatible with dtype"],
    ),
    "default of another shape": (
        lambda: fc.numeric_column("age", 2, default_value=[1.0, 2.0, 3.0]),
        ["age", "(2,)", "equal to given shape"],
    ),
    "normalizer no function": (
        lambda: fc.numeric_column("age", normalizer_fn="log"),
        ["age", "'log'", "callable"],
    ),
    "buckets of text": (lambda: fc.bucketized_column("age", [1]), ["'age'", "numeric_column()"]),
    "buckets of categories": (lambda: fc.bucketized_column(JOB, [1]), ["job", "numeric_column()"]),
    "buckets of a matrix": (
        lambda: fc.bucketized_column(fc.numeric_column("age", (2, 2)), [1]),
        ["'age'", "one-dimensional", "Flatten"],
    ),
    "no boundaries": (lambda: fc.bucketized_column(AGE, []), ["'age'", "at least one number"]),
    "one boundary": (lambda: fc.bucketized_column(AGE, 30), ["'age'", "Give a list"]),
    "unsorted boundaries": (
        lambda: fc.bucketized_column(AGE, [50, 30]),
        ["'age'", "[50, 30]", "greater than the one before"],
    ),
    "equal boundaries": (
        lambda: fc.bucketized_column(AGE, [30, 30]),
        ["'age'", "greater than the one before"],
    ),
    "boundaries of text": (
        lambda: fc.bucketized_column(AGE, ["young", "old"]),
        ["'age'", "'young'", "must be numbers"],
    ),
    "boundary NaN": (lambda: fc.bucketized_column(AGE, [np.nan]), ["'age'", "must be numbers"]),
    "no hash size": (lambda: hashed("town", None), ["town", "twice the number"]),
    "hash size 0": (lambda: hashed("town", 0), ["town", "at least 1"]),
    "hash size a float": (lambda: hashed("town", 1e3), ["'town'", "1000.0", "must be an int"]),
    "hash of floats": (lambda: hashed("town", 5, tf.float32), ["town", "bucketize"]),
    "identity of 0": (lambda: identity("level", 0), ["level", "at least 1"]),
    "identity of text": (lambda: identity("level", "3"), ["'level'", "must be an int"]),
    "identity default too large": (lambda: identity("level", 3, 3), ["level", "[0, 3)", "None"]),
    "identity default negative": (lambda: identity("level", 3, -1), ["level", "[0, 3)", "None"]),
    "empty vocabulary": (lambda: vocabulary("job", []), ["job", "list of categories"]),
    "vocabulary one word": (lambda: vocabulary("job", "cook"), ["job", "list of categories"]),
    "repeated words": (
        lambda: vocabulary("job", ["cook", "smith", "cook"]),
        ["job", "'cook'", "must occur once"],
    ),
    "vocabulary of floats": (lambda: vocabulary("job", [0.5]), ["job", "bucketize"]),
    "vocabulary of another type": (
        lambda: vocabulary("job", ["cook"], tf.int64),
        ["job", "int64", "Leave dtype out"],
    ),
    "two answers to unknown words": (
        lambda: vocabulary("job", ["cook"], default_value=0, num_oov_buckets=2),
        ["job", "Leave one out"],
    ),
    "negative buckets of others": (
        lambda: vocabulary("job", ["cook"], num_oov_buckets=-1),
        ["job", "Give 0 or more"],
    ),
    "no file": (lambda: file("job", ""), ["job", "Give a path"]),
    "missing file": (lambda: file("job", FILE), ["job", FILE, "Write the file first"]),
    "file size 0": (lambda: file("job", FILE, 0), ["job", FILE, "a category into each line"]),
    "file format": (lambda: file("job", FILE, 3, file_format="csv"), ["job", "tfrecord_gzip"]),
    "cross of one": (lambda: fc.crossed_column(["job"], 9), ["job", "at least two"]),
    "cross of a word": (lambda: fc.crossed_column("job", 9), ["job", "at least two"]),
    "cross size 0": (lambda: fc.crossed_column(["job", "town"], 0), ["town", "combinations"]),
    "cross of numbers": (lambda: fc.crossed_column(["job", AGE], 9), ["age", "bucketized_column"]),
    "cross of hashes": (lambda: fc.crossed_column(["job", TOWN], 9), ["Use 'town'"]),
    "cross of weights": (
        lambda: fc.crossed_column(["job", WEIGHED], 9),
        ["weight", "Use its categorical column, 'level'"],
    ),
    "cross of an indicator": (
        lambda: fc.crossed_column(["job", fc.indicator_column(JOB)], 9),
        ["job", "either string, or categorical column"],
    ),
    "cross of a sequence": (
        lambda: fc.crossed_column(["job", VISITS], 9),
        ["visits", "either string, or categorical column"],
    ),
    "indicator of numbers": (
        lambda: fc.indicator_column(AGE),
        ["age", "CategoricalColumn", "bucketized_column"],
    ),
    "indicator of a key": (lambda: fc.indicator_column("job"), ["'job'", "CategoricalColumn"]),
    "embedding of numbers": (
        lambda: fc.embedding_column(AGE, 2),
        ["age", "CategoricalColumn", "bucketized_column"],
    ),
    "embedding of an embedding": (
        lambda: fc.embedding_column(fc.embedding_column(JOB, 2), 2),
        ["job", "wraps a CategoricalColumn"],
    ),
    "dimension 0": (lambda: fc.embedding_column(JOB, 0), ["job", "Give 1 or more"]),
    "dimension negative": (lambda: fc.embedding_column(JOB, -2), ["job", "Give 1 or more"]),
    "no dimension": (lambda: fc.embedding_column(JOB, None), ["job", "Give 1 or more"]),
    "dimension a float": (lambda: fc.embedding_column(JOB, 2.0), ["'job'", "must be an int"]),
    "combiner": (lambda: fc.embedding_column(JOB, 2, "max"), ["'job'", "'mean'", "'sqrtn'"]),
    "initializer": (
        lambda: fc.embedding_column(JOB, 2, initializer="zeros"),
        ["job", "keras.initializers"],
    ),
    "half a checkpoint": (
        lambda: fc.embedding_column(JOB, 2, ckpt_to_load_from="model"),
        ["job", "Must specify both"],
    ),
    "weights that are text": (
        lambda: fc.weighted_categorical_column(JOB, "weight", tf.string),
        ["'job'", "'weight'", "tf.float32"],
    ),
    "no type of weights": (
        lambda: fc.weighted_categorical_column(JOB, "weight", None),
        ["'job'", "tf.float32"],
    ),
    "weight key no string": (
        lambda: fc.weighted_categorical_column(JOB, AGE),
        ["'job'", "weight_feature_key must be a string"],
    ),
    "weights of numbers": (
        lambda: fc.weighted_categorical_column(AGE, "weight"),
        ["age", "CategoricalColumn", "bucketized_column"],
    ),
    "weights of weights": (
        lambda: fc.weighted_categorical_column(WEIGHED, "other"),
        ["'level_weighted_by_weight'", "Multiply the two features"],
    ),
    "a feature weighs itself": (
        lambda: fc.weighted_categorical_column(JOB, "job"),
        ["'job'", "Give the key of another feature"],
    ),
    "shared by none": (lambda: fc.shared_embeddings([], 2), ["Give the columns that share"]),
    "shared by two kinds": (
        lambda: fc.shared_embeddings([JOB, identity("level", 2)], 2),
        ["'job'", "'level'", "the same function"],
    ),
    "shared by two sizes": (
        lambda: fc.shared_embeddings([LEVEL, identity("rank", 5)], 2),
        ["'level' with 3", "'rank' with 5", "the same vocabulary or size"],
    ),
    "shared by numbers": (
        lambda: fc.shared_embeddings([AGE], 2),
        ["age", "CategoricalColumn", "bucketized_column"],
    ),
    "sequence shape": (lambda: fc.sequence_numeric_column("speeds", 0), ["speeds", "greater than"]),
    "sequence default": (
        lambda: fc.sequence_numeric_column("speeds", default_value=(0.0,)),
        ["speeds", "must be a number"],
    ),
    "sequence of a size 0": (
        lambda: fc.sequence_categorical_column_with_identity("visits", 0),
        ["visits", "at least 1"],
    ),
}


@pytest.mark.parametrize("case", MADE)
def test_arguments(case):
    make, words = MADE[case]
    _check(make, words)


def _check(make, words):
    with pytest.raises((ValueError, TypeError, tf.errors.InvalidArgumentError)) as error:
        make()
    message = str(error.value)
    assert all(word in message for word in words), message


# Columns that a layer cannot take.
TAKEN = {
    "no columns": (fc.DenseFeatures, [], ["Give at least one column"]),
    "dict of columns": (fc.DenseFeatures, {"age": AGE}, ["age", "list(columns.values())"]),
    "a key": (fc.LinearModel, ["age"], ["'age'", "the functions of feature_columns"]),
    "one name twice": (
        fc.LinearModel,
        [TOWN, hashed("town", 99)],
        ["town", "Duplicate feature column name", "leave one out"],
    ),
    "one dense name twice": (
        fc.DenseFeatures,
        [fc.indicator_column(JOB), fc.indicator_column(hashed("job", 5))],
        ["job", "Duplicate feature column name", "leave one out"],
    ),
    "one table name twice": (
        fc.DenseFeatures,
        [
            *fc.shared_embeddings([LEVEL], 2, shared_embedding_collection_name="levels"),
            *fc.shared_embeddings(
                [identity("rank", 3)], 2, shared_embedding_collection_name="levels"
            ),
        ],
        ["'levels'", "in one call"],
    ),
    "categories in a network": (
        fc.DenseFeatures,
        [JOB],
        ["job", "embedding_column or indicator_column"],
    ),
    "weighted categories in a network": (
        fc.DenseFeatures,
        [WEIGHED],
        ["level", "embedding_column or indicator_column"],
    ),
    "a cross in a network": (
        fc.DenseFeatures,
        [fc.crossed_column(["job", "town"], 9)],
        ["town", "embedding_column or indicator_column"],
    ),
    "a sequence in a network": (
        fc.DenseFeatures,
        [fc.indicator_column(VISITS)],
        ["visits_indicator", "Use SequenceFeatures"],
    ),
    "an embedded sequence in a network": (
        fc.DenseFeatures,
        [fc.embedding_column(VISITS, 2)],
        ["visits_embedding", "Use SequenceFeatures"],
    ),
    "a shared sequence in a network": (
        fc.DenseFeatures,
        fc.shared_embeddings([VISITS], 2),
        ["visits_shared_embedding", "Use SequenceFeatures"],
    ),
    "numbers of a sequence in a network": (
        fc.DenseFeatures,
        [SPEEDS],
        ["speeds", "for SequenceFeatures"],
    ),
    "a sequence in a linear model": (fc.LinearModel, [VISITS], ["visits", "for SequenceFeatures"]),
    "numbers of a sequence in a linear model": (
        fc.LinearModel,
        [SPEEDS],
        ["speeds", "for SequenceFeatures"],
    ),
    "numbers among sequences": (
        fc.SequenceFeatures,
        [AGE],
        ["age", "sequence_numeric_column"],
    ),
    "categories among sequences": (
        fc.SequenceFeatures,
        [fc.indicator_column(JOB)],
        ["job_indicator", "sequence_categorical_column_with_*"],
    ),
    "embeddings among sequences": (
        fc.SequenceFeatures,
        [fc.embedding_column(JOB, 2)],
        ["job_embedding", "sequence_categorical_column_with_*"],
    ),
    "shared embeddings among sequences": (
        fc.SequenceFeatures,
        fc.shared_embeddings([JOB], 2),
        ["job_shared_embedding", "sequence_categorical_column_with_*"],
    ),
    "a bare sequence": (fc.SequenceFeatures, [VISITS], ["visits", "embedding_column"]),
    "parsing of keys": (
        fc.make_parse_example_spec,
        ["age"],
        ["'age'", "Give a list of columns, not their names"],
    ),
    "parsing in two ways": (
        fc.make_parse_example_spec,
        [AGE, hashed("age", 5)],
        ["key age", "the same shape, dtype and default_value"],
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_columns_of_layers(case):
    take, columns, words = TAKEN[case]
    _check(lambda: take(columns), words)


TAGS = tf.constant([["a"], ["b"]])
# Features that a column cannot read.
READ = {
    "missing": (AGE, {"Age": tf.constant([1.0])}, ["'age'", "Did you mean 'Age'"]),
    "missing key of a cross": (
        fc.crossed_column(["job", "town"], 9),
        {"job": TAGS},
        ["'town'", "job_X_town", "Given: 'job'"],
    ),
    "missing weights": (
        WEIGHED,
        {"level": tf.constant([1])},
        ["'weight'", "'level_weighted_by_weight'", "Given: 'level'"],
    ),
    "no dictionary": (AGE, tf.constant([1.0]), ["dictionary", "{'my_key': tensor}"]),
    "number without rows": (AGE, {"age": tf.constant(1.0)}, ["age", "Batch the dataset"]),
    "word without rows": (JOB, {"job": tf.constant("cook")}, ["job", "Batch the dataset"]),
    "sequence without rows": (
        fc.indicator_column(VISITS),
        {"visits": tf.constant("Ghent")},
        ["visits", "Batch the dataset"],
    ),
    "weight without rows": (
        WEIGHED,
        {"level": tf.constant([1]), "weight": tf.constant(1.0)},
        ["weight", "Batch the dataset"],
    ),
    "text for numbers": (AGE, {"age": TAGS}, ["'age'", "tf.strings.to_number"]),
    "text for ranges": (AGES, {"age": TAGS}, ["'age'", "tf.strings.to_number"]),
    "sparse numbers": (AGE, {"age": tf.sparse.from_dense([[1.0]])}, ["age", "tf.sparse.to_dense"]),
    "numbers of another width": (AGE, {"age": tf.ones([2, 3])}, ["'age'", "(2, 3)", "shape=(3,)"]),
    "floats for words": (JOB, {"job": tf.ones([2])}, ["job", "bucketize"]),
    "integers for words": (JOB, {"job": tf.constant([1])}, ["'job'", "Feed the feature as string"]),
    "words for ids": (LEVEL, {"level": TAGS}, ["'level'", "Feed the feature as int64"]),
    "floats for ids": (LEVEL, {"level": tf.ones([2])}, ["level", "bucketize"]),
    "three dimensions": (JOB, {"job": tf.constant([[["cook"]]])}, ["'job'", "Flatten"]),
    "floats in a cross": (
        fc.crossed_column(["age", "job"], 9),
        {"age": tf.ones([2]), "job": TAGS},
        ["age_X_job", "bucketize"],
    ),
    "text for weights": (
        WEIGHED,
        {"level": tf.constant([1, 2]), "weight": TAGS},
        ["'level_weighted_by_weight'", "'weight'", "tf.strings.to_number"],
    ),
    "too few weights": (
        WEIGHED,
        {"level": tf.constant([[1, 2]]), "weight": tf.constant([[1.0]])},
        ["'level_weighted_by_weight'", "'weight'", "the shape of the values"],
    ),
    "an id too large for a linear model": (
        LEVEL,
        {"level": tf.constant([5])},
        ["level", "[0, 3)", "more buckets"],
    ),
    "an id too large for an embedding": (
        fc.embedding_column(LEVEL, 2),
        {"level": tf.constant([3])},
        ["level", "[0, 3)", "default_value"],
    ),
    "an id too large for a shared embedding": (
        fc.shared_embeddings([LEVEL], 2)[0],
        {"level": tf.constant([3])},
        ["level", "[0, 3)", "default_value"],
    ),
    "a weighted id too large": (
        WEIGHED,
        {"level": tf.constant([3]), "weight": tf.constant([1.0])},
        ["level_weighted_by_weight", "[0, 3)", "default_value"],
    ),
    "text for numbers of a sequence": (
        SPEEDS,
        {"speeds": TAGS},
        ["'speeds'", "tf.strings.to_number"],
    ),
    "a part of a step": (
        fc.sequence_numeric_column("speeds", 2),
        {"speeds": tf.ones([2, 3])},
        ["'speeds'", "Give each step 2 numbers"],
    ),
    "integers for words of a sequence": (
        fc.indicator_column(VISITS),
        {"visits": tf.constant([[1]])},
        ["'visits'", "Feed the feature as string"],
    ),
}


@pytest.mark.parametrize("case", READ)
def test_features_of_columns(case):
    column, features, words = READ[case]
    _check(lambda: fc.Transform(column)(features), words)


def test_an_id_too_large_is_nothing_to_an_indicator_and_a_negative_one_to_all():
    features = {"level": tf.constant([[5, -7]])}
    assert fc.DenseFeatures(fc.indicator_column(LEVEL))(features).numpy().tolist() == [[0, 0, 0]]
    negative = {"level": tf.constant([[-7]])}
    assert fc.DenseFeatures(fc.embedding_column(LEVEL, 2))(negative).numpy().tolist() == [[0, 0]]
    assert fc.LinearModel(LEVEL)(negative).numpy().tolist() == [[0]]


def _train(model):
    features = {"age": [1.0], "job": ["cook"], "level": [3], "visits": [["Ghent"]]}
    model.train(lambda: tf.data.Dataset.from_tensors((features, [[1.0]])), steps=1)


# What the models say, from their constructor or before they make a step.
MODELS = {
    "no columns": (lambda: premade.LinearRegressor([]), ["feature_columns", "empty"]),
    "a key": (lambda: premade.DNNRegressor([2], ["age"]), ["'age'", "functions of"]),
    "categories in a network": (
        lambda: premade.DNNRegressor([2], [JOB]),
        ["job", "embedding_column or indicator_column"],
    ),
    "a sequence in a network": (
        lambda: premade.DNNRegressor([2], [fc.indicator_column(VISITS)]),
        ["visits_indicator", "Use SequenceFeatures"],
    ),
    "a sequence in a linear model": (
        lambda: premade.LinearRegressor([VISITS]),
        ["visits", "for SequenceFeatures"],
    ),
    "one name twice": (lambda: premade.LinearRegressor([TOWN, TOWN]), ["town", "leave one out"]),
    "numbers among sequences": (
        lambda: premade.RNNEstimator(estimators.RegressionHead(), [AGE], units=2),
        ["age", "sequence_numeric_column"],
    ),
    "an id too large": (lambda: premade.LinearRegressor([LEVEL]), ["level", "more buckets"]),
    "missing weights": (lambda: premade.LinearRegressor([WEIGHED]), ["'weight'", "Given: 'age'"]),
}


@pytest.mark.parametrize("case", MODELS)
def test_models(case):
    make, words = MODELS[case]
    _check(lambda: _train(make()), words)
