"""`forward_features`: predictions that hold features of their rows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
import premade
from estimators import Estimator, EstimatorSpec, ModeKeys, add_metrics, export, forward_features
from estimators.inputs import numpy_input_fn

WORDS = [["a", "b"], [], ["c"]]
RAGGED = tf.ragged.constant(WORDS, dtype=tf.string)
ROWS = {
    "x": np.array([[1.0], [2.0], [3.0]], np.float32),
    "id": np.array(["one", "two", "three"]),
    "more": np.arange(6, dtype=np.int64).reshape(3, 2),
}


def data(**features):
    return lambda: tf.data.Dataset.from_tensor_slices({**ROWS, **features}).batch(2)


def strings(rows, key):
    return [np.char.decode(row[key].astype(bytes)).tolist() for row in rows]


@pytest.fixture
def double():
    """Returns an Estimator that answers 2x, or what other function of the features is given."""

    def double(predict=lambda features: {"y": 2.0 * features["x"]}, **options):
        def model_fn(features, labels, mode):
            loss = tf.reduce_sum(features["x"])
            return EstimatorSpec(mode, predictions=predict(features), loss=loss, train_op=tf.no_op)

        return Estimator(model_fn, **options)

    return double


def test_named_features_as_they_are(double):
    rows = list(forward_features(double(), ["id", "more"]).predict(data()))
    assert [row.keys() for row in rows] == [{"y", "id", "more"}] * 3
    assert [row["y"].tolist() for row in rows] == [[2.0], [4.0], [6.0]]
    assert [row["id"] for row in rows] == [b"one", b"two", b"three"]
    assert [row["more"].tolist() for row in rows] == ROWS["more"].tolist()
    assert rows[0]["more"].dtype == np.int64


def test_one_feature_and_all_features(double):
    (first, *_) = forward_features(double(), "id").predict(data())
    assert first.keys() == {"y", "id"}
    (first, *_) = forward_features(double()).predict(data())
    assert first.keys() == {"y", *ROWS}


@pytest.mark.parametrize("words", [RAGGED, RAGGED.to_sparse()], ids=["ragged", "sparse"])
def test_a_sparse_feature_with_a_default_value(double, words):
    estimator = forward_features(double(), "words", {"words": "-"})
    rows = list(estimator.predict(data(words=words)))
    # The second batch is as wide as its longest row, or as the tensor that it was cut from.
    assert strings(rows[:2], "words") == [["a", "b"], ["-", "-"]]
    assert strings(rows[2:], "words")[0][0] == "c"


def test_a_default_value_does_nothing_to_a_dense_feature(double):
    rows = forward_features(double(), "more", {"more": -1}).predict(data())
    assert [row["more"].tolist() for row in rows] == ROWS["more"].tolist()


def test_a_default_value_takes_the_dtype_of_its_feature(double):
    numbers = tf.sparse.from_dense(np.array([[1.5, 0.0], [0.0, 0.0], [0.0, 2.5]], np.float32))
    estimator = forward_features(double(), "numbers", {"numbers": -1})
    rows = estimator.predict(data(numbers=numbers))
    assert [row["numbers"].tolist() for row in rows] == [[1.5, -1.0], [-1.0, -1.0], [-1.0, 2.5]]


def in_place(features):
    """Gives what it makes the name of what it took."""
    return {"x": features["x"] * 10.0}


def test_the_raw_feature_is_forwarded_not_what_is_made_of_it(double):
    plain = double(lambda features: {"y": features["x"]}, preprocess_fn=in_place)
    rows = forward_features(plain, ["x", "id"]).predict(data())
    assert [(row["x"].item(), row["y"].item()) for row in rows] == [(1, 10), (2, 20), (3, 30)]


def test_the_model_reads_what_it_did_before(double):
    seen = []

    def predict(features):
        seen.append(sorted(features))
        return {"y": features["x"]}

    plain = double(predict, preprocess_fn=in_place)
    list(forward_features(forward_features(plain, "id"), "more").predict(data()))
    assert seen
    assert all(names == ["x"] for names in seen)
    list(forward_features(double(predict)).predict(data()))
    assert seen[-1] == ["id", "more", "x"]


def test_forwarded_twice_and_with_more_metrics(double):
    def metric_fn(predictions, features):
        mean = keras.metrics.Mean()
        mean.update_state(predictions["y"] + features["x"])
        return {"mean": mean}

    inner = add_metrics(forward_features(double(), "id"), metric_fn)
    outer = forward_features(inner, "more")
    row = next(outer.predict(data()))
    assert row.keys() == {"y", "id", "more"}
    assert outer.evaluate(data())["mean"] == 6.0


def test_training_and_evaluation_stay_as_they_are(line):
    estimator = line.estimator().train(line.data)
    forwarded = forward_features(estimator, "x")
    assert forwarded.evaluate(line.data) == estimator.evaluate(line.data)
    assert forwarded.model_dir == estimator.model_dir
    steps = estimator.get_variable_value("global_step")
    forwarded.train(line.data)
    assert estimator.get_variable_value("global_step") == 2 * steps
    spec = forwarded.model_fn({"x": tf.ones([1, 1])}, None, ModeKeys.PREDICT)
    assert spec.predictions.keys() == {"y", "x"}


# Premade models, whose columns are read in the input pipeline.

JOB = fc.categorical_column_with_vocabulary_list("job", ["cook", "smith"])
AGE = fc.numeric_column("age", normalizer_fn=fc.Standardize(40.0, 10.0))
PEOPLE = {
    "age": np.array([[20.0], [40.0], [60.0]], np.float32),
    "job": np.array([["cook"], ["smith"], ["nurse"]]),
    "id": np.array([[7], [8], [9]]),
}


def people(**options):
    return numpy_input_fn(PEOPLE, np.array([0, 1, 1]), batch_size=2, shuffle=False, **options)


@pytest.fixture
def classifier(tmp_path):
    classifier = premade.DNNLinearCombinedClassifier(
        str(tmp_path / "model"),
        linear_feature_columns=[JOB],
        dnn_feature_columns=[AGE, fc.indicator_column(JOB)],
        dnn_hidden_units=[4],
    )
    return classifier.train(people(num_epochs=4))


def test_premade_models_forward_raw_features(classifier):
    forwarded = forward_features(classifier, ["age", "job", "id"])
    rows, plain = list(forwarded.predict(people())), list(classifier.predict(people()))
    assert [row["age"].item() for row in rows] == [20.0, 40.0, 60.0]
    assert strings(rows, "job") == [["cook"], ["smith"], ["nurse"]]
    assert [row["id"].item() for row in rows] == [7, 8, 9]
    for row, own in zip(rows, plain, strict=True):
        assert row.keys() == {*own, "age", "job", "id"}
        np.testing.assert_array_equal(row["probabilities"], own["probabilities"])


def serialized():
    def example(row):
        return tf.train.Example(
            features=tf.train.Features(
                feature={
                    "age": tf.train.Feature(float_list=tf.train.FloatList(value=row[0])),
                    "job": tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[text.encode() for text in row[1]])
                    ),
                    "id": tf.train.Feature(int64_list=tf.train.Int64List(value=row[2])),
                }
            )
        ).SerializeToString()

    return tf.constant([example(row) for row in zip(*PEOPLE.values(), strict=True)])


def receiver(**more):
    spec = fc.make_parse_example_spec([AGE, JOB]) | more
    return export.build_parsing_serving_input_receiver_fn(spec)


def test_exports_forward_what_the_receiver_gives(classifier, tmp_path):
    # `job` is dense in the data, and sparse in parsed examples.
    forwarded = forward_features(classifier, ["age", "job", "id"], {"job": ""})
    receiver_fn = receiver(id=tf.io.FixedLenFeature([1], tf.int64))

    path = forwarded.export_saved_model(tmp_path / "export", receiver_fn)

    signatures = tf.saved_model.load(path.decode()).signatures
    served = signatures["predict"](serialized())
    rows = list(forwarded.predict(people()))
    assert served.keys() == rows[0].keys()
    for key in ("age", "job", "id", "logits"):
        expected = np.stack([row[key] for row in rows])
        found = served[key].numpy()
        if expected.dtype == object:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-5)
    # Of a classification the format is fixed.
    assert signatures["serving_default"](serialized()).keys() == {"classes", "scores"}


def test_exports_without_outputs_of_their_own(double, tmp_path, checkpoint):
    plain = double(warm_start_from=checkpoint({"unused": 1.0}))
    receiver_fn = export.build_raw_serving_input_receiver_fn(
        {"x": tf.TensorSpec([None, 1]), "id": tf.TensorSpec([None], tf.string)}
    )
    path = forward_features(plain, "id").export_saved_model(tmp_path / "export", receiver_fn)
    serve = tf.saved_model.load(path.decode()).signatures["serving_default"]
    served = serve(x=tf.constant([[1.0]]), id=tf.constant(["one"]))
    assert served["id"].numpy().tolist() == [b"one"]
    assert served["y"].numpy().tolist() == [[2.0]]


def test_a_key_that_the_receiver_does_not_give(classifier, tmp_path):
    with pytest.raises(ValueError, match=r"keys \['id'\] are not among .* receiver of an export"):
        forward_features(classifier, "id").export_saved_model(tmp_path / "export", receiver())


# What is refused.


@pytest.mark.parametrize(
    ("keys", "more", "message"),
    [
        (["id", "ID"], {}, r"the keys \['ID'\] are not among the features: \['id', 'more', 'x'\]"),
        ("y", {"y": [1, 2, 3]}, r"\['y'\] are keys of predictions already: \['y'\]"),
        (None, {"y": [1, 2, 3]}, r"\['y'\] are keys of predictions already"),
        ("words", {"words": RAGGED}, r"the feature 'words' is a RaggedTensor.* \{'words': ''\}"),
        (None, {"n": tf.sparse.eye(3)}, r"the feature 'n' is a SparseTensor.* \{'n': 0\}"),
    ],
)
def test_features_that_cannot_be_forwarded(double, keys, more, message):
    with pytest.raises(ValueError, match=message):
        next(forward_features(double(), keys).predict(data(**more)))


def test_predictions_without_names(double):
    estimator = forward_features(double(lambda features: features["x"]), "id")
    with pytest.raises(ValueError, match="forward_features needs predictions by name"):
        next(estimator.predict(data()))


def test_features_without_names(double):
    estimator = forward_features(double(lambda features: {"y": features}), "id")
    with pytest.raises(ValueError, match="forward_features needs features by name"):
        next(estimator.predict(lambda: tf.data.Dataset.from_tensors(tf.ones([2, 1]))))


def test_wrong_arguments(double):
    with pytest.raises(TypeError, match="keys must be names of features, strings. Given: 3"):
        forward_features(double(), ["id", 3])
    with pytest.raises(ValueError, match=r"sparse_default_values names \['words'\], which"):
        forward_features(double(), ["id"], {"words": ""})
