from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc

EDUCATION = fc.categorical_column_with_vocabulary_list("education", ["low", "high"])
AGE = fc.bucketized_column(fc.numeric_column("age"), [30, 50])
CROSS = fc.crossed_column([AGE, "education", "job"], 100)
COLUMNS = [
    EDUCATION,
    AGE,
    CROSS,
    fc.crossed_column(["education", "job"], 100),
    fc.embedding_column(EDUCATION, 2),
    fc.indicator_column(EDUCATION),
    fc.numeric_column("age"),
    fc.categorical_column_with_hash_bucket("job", 10),
]
FEATURES = {
    "age": np.array([20.0, 40.0], np.float32),
    "education": np.array(["low", "none"]),
    "job": np.array(["cook", "nurse"]),
    "unused": np.array([1, 2]),
}


def _lists(transformed):
    return {key: value.numpy().tolist() for key, value in transformed.items()}


def test_gives_each_needed_tensor_once_and_nothing_else():
    transformed = fc.Transform(COLUMNS)(FEATURES)
    names = sorted(key.rsplit("/", 1)[0] for key in transformed)
    assert names == [
        "age:values",
        "age_bucketized:ids",
        "age_bucketized_X_education_X_job:ids",
        "education:ids",
        "education_X_job:ids",
        "job:ids",
    ]


def test_shared_work_is_done_once():
    spec = {key: tf.TensorSpec([2], tf.as_dtype(value.dtype)) for key, value in FEATURES.items()}
    graph = tf.function(fc.Transform(COLUMNS)).get_concrete_function(spec).graph
    types = [operation.type for operation in graph.get_operations()]
    assert types.count("LookupTableFindV2") == 1
    assert types.count("Fingerprint") == 2
    assert types.count("Bucketize") == 1


def test_transformed_features_are_taken_as_they_are():
    transform = fc.Transform(COLUMNS)
    once = transform(FEATURES)
    assert _lists(transform(once)) == _lists(once)
    given = {**FEATURES, EDUCATION.transformed_key: tf.constant([[1], [1]], tf.int64)}
    assert _lists(transform(given))[EDUCATION.transformed_key] == [[1], [1]]


def test_columns_of_one_name_keep_apart():
    small = fc.categorical_column_with_hash_bucket("job", 10)
    large = fc.categorical_column_with_hash_bucket("job", 1000)
    ids = _lists(fc.Transform([small, fc.embedding_column(large, 2)])(FEATURES))
    assert len(ids) == 2
    assert ids[small.transformed_key] == [[each % 10] for [each] in ids[large.transformed_key]]


class _Scaler:
    def __init__(self, scale):
        self.scale = scale

    def apply(self, x):
        return x * self.scale


def _scaled(scale):
    return fc.numeric_column("x", normalizer_fn=lambda x: x * scale)


def test_normalizers_of_one_feature_keep_apart():
    ones, tens, again = _scaled(1.0), _scaled(10.0), _scaled(10.0)
    transformed = _lists(fc.Transform([ones, tens, again])({"x": [2.0]}))
    assert transformed == {ones.transformed_key: [[2.0]], again.transformed_key: [[20.0]]}


def test_methods_that_cannot_be_told_apart_are_refused():
    first, second = (fc.numeric_column("x", normalizer_fn=_Scaler(i).apply) for i in (1, 2))
    with pytest.raises(ValueError, match="cannot be told apart"):
        fc.Transform([first, second])
    fc.Transform([first, first])


def test_keys_are_equal_in_every_process():
    program = (
        "import feature_columns as fc\n"
        "age = fc.bucketized_column(fc.numeric_column('age'), [30, 50])\n"
        "print(fc.crossed_column([age, 'education', 'job'], 100).transformed_key)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == CROSS.transformed_key


def test_same_answers_eagerly_in_a_function_in_a_dataset_and_under_a_strategy():
    transform = fc.Transform(COLUMNS)
    expected = _lists(transform(FEATURES))
    assert _lists(tf.function(transform)(FEATURES)) == expected
    dataset = tf.data.Dataset.from_tensors(FEATURES)
    assert _lists(next(iter(dataset.map(transform)))) == expected
    # Tables made first inside a graph serve others, too.
    inside = fc.Transform(COLUMNS)
    assert _lists(next(iter(dataset.map(inside)))) == expected
    assert _lists(inside(FEATURES)) == expected
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        scoped = fc.Transform(COLUMNS)
        assert _lists(next(iter(dataset.map(scoped)))) == expected


def test_iterator_is_saved_and_restored_in_the_middle(tmp_path):
    def stream(transform):
        dataset = tf.data.Dataset.range(60).shuffle(20, seed=1).batch(4)
        raw = dataset.map(
            lambda n: {
                "age": tf.cast(n, tf.float32),
                "education": tf.where(n % 2 == 0, "low", "none"),
                "job": tf.strings.as_string(n),
            }
        )
        return iter(raw.map(transform, num_parallel_calls=2).prefetch(2))

    iterator = stream(fc.Transform(COLUMNS))
    for _ in range(5):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "middle"))
    expected = [_lists(batch) for batch in iterator]
    again = stream(fc.Transform(COLUMNS))
    tf.train.Checkpoint(iterator=again).restore(path).assert_consumed()
    assert [_lists(batch) for batch in again] == expected
    assert len(expected) == 10


def test_vocabulary_file_goes_with_a_saved_model(tmp_path):
    path = tmp_path / "jobs.txt"
    path.write_text("cook\nnurse\n")
    column = fc.categorical_column_with_vocabulary_file("job", str(path))
    transform = fc.Transform([column, EDUCATION])
    module = tf.Module()
    module.tables = transform.tables()
    specs = {"job": tf.TensorSpec([None], tf.string), "education": tf.TensorSpec([None], tf.string)}
    module.serve = tf.function(transform, input_signature=[specs])
    expected = _lists(module.serve({key: tf.constant(FEATURES[key]) for key in specs}))
    tf.saved_model.save(module, str(tmp_path / "model"))
    path.unlink()
    assert (tmp_path / "model" / "assets" / "jobs.txt").exists()
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    given = {key: tf.constant(FEATURES[key]) for key in specs}
    assert _lists(loaded.serve(given)) == expected


def test_empty_batches_and_unknown_ranks():
    transform = fc.Transform(COLUMNS)
    empty = {key: value[:0] for key, value in FEATURES.items()}
    assert all(value.shape[0] == 0 for value in transform(empty).values())
    specs = {key: tf.TensorSpec(None, tf.as_dtype(value.dtype)) for key, value in FEATURES.items()}
    unknown = tf.function(transform, input_signature=[specs])
    given = {key: tf.constant(value) for key, value in FEATURES.items()}
    assert _lists(unknown(given)) == _lists(transform(FEATURES))


def test_columns_are_values():
    copy = pickle.loads(pickle.dumps(CROSS))
    assert copy == CROSS
    assert hash(copy) == hash(CROSS)
    assert copy.transformed_key == CROSS.transformed_key


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"Education": ["low"]}, "'education'.*not in features dictionary. Did you mean 'Educat"),
        ({"x": ["low"], "y": [1]}, "Given: 'x', 'y'"),
        ({}, "None were given"),
        (tf.constant(["low"]), "features should be a dictionary"),
        ({"education": tf.constant("low")}, "cannot have rank 0"),
    ],
)
def test_wrong_features(features, message):
    with pytest.raises(ValueError, match=message):
        fc.Transform(EDUCATION)(features)


def test_a_linear_model_gets_the_rows_of_its_table_in_one_tensor():
    wide = [EDUCATION, AGE]
    layer = fc.LinearModel(wide)
    expected = layer(FEATURES)
    table, parts = layer.fused_parts()
    table.assign(np.arange(1.0, 1.0 + table.shape[0])[:, np.newaxis])
    transform = fc.Transform([fc.indicator_column(EDUCATION)], linear=wide)
    transformed = transform(FEATURES)
    (rows,) = (value for key, value in transformed.items() if ":rows/" in key)
    # Columns in the order of their names: three buckets of the age, then two educations; the
    # education of the second row is not in the vocabulary.
    assert [part.start for part in parts] == [0, 3]
    assert rows.numpy().tolist() == [[0, 3], [1, 5]]
    assert EDUCATION.transformed_key in transformed  # the indicator reads it
    assert AGE.transformed_key not in transformed
    assert _lists(transform(transformed)) == _lists(transformed)
    table.assign(table * (np.arange(table.shape[0]) < 5)[:, np.newaxis])
    np.testing.assert_array_equal(layer(transformed), [[1.0 + 4.0], [2.0]])
    np.testing.assert_array_equal(layer(FEATURES), [[1.0 + 4.0], [2.0]])
    assert expected.shape == [2, 1]


@pytest.mark.parametrize("jobs", [[["cook", "nurse"], ["cook", ""]], [["cook"], []]])
def test_several_categories_in_a_row_stay_ids(jobs):
    job = fc.categorical_column_with_hash_bucket("job", 10)
    ragged = tf.ragged.constant(jobs, dtype=tf.string, ragged_rank=1)
    for value in (ragged, ragged.to_sparse()):
        transformed = fc.Transform([], linear=[EDUCATION, job])({**FEATURES, "job": value})
        assert set(transformed) == {EDUCATION.transformed_key, job.transformed_key}
