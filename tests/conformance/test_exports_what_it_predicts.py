"""A SavedModel answers, from serialized examples and in plain TensorFlow, as `predict` does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import estimators
import feature_columns as fc
import premade
from tests.conformance import catalog


def _examples():
    """The rows of the catalog as serialized `tf.Example`s; an empty string is no value."""
    columns = catalog.features()
    return [
        _example({key: np.ravel(values[row]) for key, values in columns.items()})
        for row in range(catalog.ROWS)
    ]


def _example(row):
    feature = {}
    for key, values in row.items():
        if values.dtype.kind in "US":
            strings = [str(value).encode() for value in values if str(value)]
            feature[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=strings))
        elif values.dtype.kind == "i":
            feature[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            feature[key] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _receiver(columns):
    return estimators.export.build_parsing_serving_input_receiver_fn(
        fc.make_parse_example_spec(columns)
    )


CUSTOM_SPEC = {
    "age": tf.io.FixedLenFeature([], tf.float32),
    "hours": tf.io.FixedLenFeature([2], tf.float32),
}


def _receiver_of(model):
    if model.class_name in ("Estimator", "KerasEstimator"):
        return estimators.export.build_parsing_serving_input_receiver_fn(CUSTOM_SPEC)
    sequences = [*catalog.visits(), *catalog.speeds()]
    return _receiver([*catalog.wide(), *catalog.deep(), *sequences])


def _check(path, estimator, data):
    signatures = tf.saved_model.load(path.decode()).signatures
    # A model_fn without export_outputs has the default one only.
    signature = signatures["predict" if "predict" in signatures else "serving_default"]
    served = signature(tf.constant(_examples()))
    predicted = {
        "/".join(key) if isinstance(key, tuple) else key: value
        for key, value in next(estimator.predict(data, yield_single_examples=False)).items()
    }
    assert served.keys() == predicted.keys()
    for key, value in predicted.items():
        if value.dtype == object:
            np.testing.assert_array_equal(served[key].numpy(), value, err_msg=key)
        else:
            np.testing.assert_allclose(served[key], value, rtol=1e-5, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("model", **catalog.named(catalog.MODELS))
def test_model(model, trained, tmp_path):
    estimator = trained(model)

    path = estimator.export_saved_model(tmp_path, _receiver_of(model))

    _check(path, estimator, lambda: model.batches(catalog.ROWS))


def test_all_columns_in_one_model(tmp_path):
    columns = [each for column in catalog.COLUMNS for each in column.columns(tmp_path)]
    estimator = premade.LinearRegressor(columns, str(tmp_path / "model"))
    estimator.train(lambda: catalog.batches("real"))

    path = estimator.export_saved_model(tmp_path / "export", _receiver(columns))

    _check(path, estimator, lambda: catalog.batches("real", catalog.ROWS))


def test_all_sequence_columns_in_one_model(tmp_path):
    columns = [column.make(tmp_path) for column in catalog.SEQUENCE_COLUMNS]
    estimator = catalog.summed_sequences(columns)
    estimator.train(lambda: catalog.batches("real"))

    path = estimator.export_saved_model(tmp_path / "export", _receiver(columns))

    _check(path, estimator, lambda: catalog.batches("real", catalog.ROWS))


@pytest.mark.parametrize("name", catalog.EXPORTERS)
def test_exporter(name, tmp_path):
    (model,) = (model for model in catalog.MODELS if model.name == "LinearRegressor")
    estimator = model.make(estimators.RunConfig(model_dir=str(tmp_path)))
    exporter = catalog.EXPORTERS[name](_receiver_of(model))

    _, (path,) = estimators.train_and_evaluate(
        estimator,
        estimators.TrainSpec(model.batches, max_steps=3),
        estimators.EvalSpec(model.batches, exporters=exporter),
    )

    assert str(tmp_path / "export" / exporter.name) in path.decode()
    _check(path, estimator, lambda: model.batches(catalog.ROWS))
