"""Weights between premade Estimators and Keras: every bit, both ways, over every kind of column."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import bridge
import estimators
import feature_columns as fc
import premade
from estimators import RunConfig

ROWS = 32


def features():
    random = np.random.default_rng(3)
    return {
        "age": random.normal(40.0, 10.0, ROWS).astype(np.float32),
        "hours": random.normal(size=(ROWS, 2)).astype(np.float32),
        "job": random.choice(["cook", "nurse", "pilot"], ROWS),
        "town": random.choice(["Ghent", "Lagos", "Quito", ""], (ROWS, 2)),
        "level": random.integers(0, 5, ROWS),
    }


def labels(classes):
    score = (features()["age"] - 40.0) / 10.0 + (features()["job"] == "nurse")
    if not classes:
        return score[:, np.newaxis].astype(np.float32)
    return np.digitize(score, np.linspace(-1.0, 1.0, classes + 1)[1:-1])[:, np.newaxis]


def data(classes):
    rows = tf.data.Dataset.from_tensor_slices((features(), labels(classes)))
    return lambda: rows.batch(8)


def job():
    return fc.categorical_column_with_vocabulary_list("job", ["cook", "nurse"], num_oov_buckets=1)


def ages():
    return fc.bucketized_column(fc.numeric_column("age"), [30.0, 40.0, 50.0])


def wide():
    town = fc.categorical_column_with_hash_bucket("town", 20)
    level = fc.categorical_column_with_identity("level", 5)
    numbers = [fc.numeric_column("hours", shape=(2,)), fc.numeric_column("age")]
    return [*numbers, ages(), job(), town, level, fc.crossed_column([ages(), "job"], 30)]


def dense():
    town = fc.categorical_column_with_hash_bucket("town", 20)
    numbers = [fc.numeric_column("hours", shape=(2,)), ages()]
    return [*numbers, fc.embedding_column(town, 3), fc.indicator_column(job())]


def combined(kind, **options):
    options = {"dnn_dropout": 0.2, "batch_norm": True, **options}
    return kind(
        linear_feature_columns=wide(),
        dnn_feature_columns=dense(),
        dnn_hidden_units=[6, 4],
        **options,
    )


ESTIMATORS = {
    "linear, 2 classes": (lambda **o: premade.LinearClassifier(wide(), **o), 2),
    "linear, 3 classes": (lambda **o: premade.LinearClassifier(wide(), n_classes=3, **o), 3),
    "linear regression": (lambda **o: premade.LinearRegressor(wide(), **o), 0),
    "deep, 3 classes": (
        lambda **o: premade.DNNClassifier([6], dense(), n_classes=3, batch_norm=True, **o),
        3,
    ),
    "deep regression, sum": (
        lambda **o: premade.DNNRegressor([6], dense(), loss_reduction="sum", **o),
        0,
    ),
    "wide and deep, 2 classes": (lambda **o: combined(premade.DNNLinearCombinedClassifier, **o), 2),
    "wide and deep regression": (lambda **o: combined(premade.DNNLinearCombinedRegressor, **o), 0),
}
each_estimator = pytest.mark.parametrize(("make", "classes"), ESTIMATORS.values(), ids=ESTIMATORS)


@pytest.fixture
def config(tmp_path):
    return RunConfig(model_dir=str(tmp_path / "model"), tf_random_seed=3, progress=False)


def logits(estimator, classes):
    key = "logits" if classes else "predictions"
    return np.stack([row[key] for row in estimator.predict(data(classes))])


def weights_on_disk(estimator):
    return {
        name: estimator.get_variable_value(name)
        for name in estimator.get_variable_names()
        if not name.startswith("training/") and "seed" not in name and name != "global_step"
    }


@each_estimator
def test_the_network_is_the_trained_one(make, classes, config):
    estimator = make(config=config).train(data(classes), steps=4)
    model = bridge.to_keras(estimator)
    raw = {key: tf.constant(value) for key, value in features().items()}
    np.testing.assert_allclose(model(raw), logits(estimator, classes), rtol=1e-5, atol=1e-6)
    results = estimator.evaluate(data(classes))
    found = model.evaluate(data(classes)(), verbose=0, return_dict=True)
    # Keras weighs batches by their sizes, which are the same here, also for a sum.
    np.testing.assert_allclose(found["loss"], results["loss"], rtol=1e-5)
    if classes:
        np.testing.assert_allclose(found["accuracy"], results["accuracy"], rtol=1e-6)
    if classes == 2:
        np.testing.assert_allclose(found["auc"], results["auc"], rtol=1e-5)


@each_estimator
def test_every_bit_goes_to_keras_and_back(make, classes, config, tmp_path):
    estimator = make(config=config).train(data(classes), steps=4)
    expected = weights_on_disk(estimator)
    model = bridge.to_keras(estimator)
    model.save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")

    start = bridge.from_keras(model, tmp_path / "weights")

    reader = tf.train.load_checkpoint(str(tmp_path / "weights"))
    assert reader.get_variable_to_shape_map().keys() - {"global_step"} == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(reader.get_tensor(name), value)
        assert reader.get_tensor(name).dtype == value.dtype
    begun = make(config=config.replace(model_dir=str(tmp_path / "next")), warm_start_from=start)
    np.testing.assert_array_equal(logits(begun, classes), logits(estimator, classes))


def test_an_estimator_goes_on_from_what_fit_learned(config, tmp_path):
    model = premade.WideDeepModel(
        premade.LinearModel(wide(), name="my_wide"),
        premade.DNNModel([6, 4], dense(), batch_norm=True, name="my_deep"),
        name="mine",
    )
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(data(2)(), epochs=2, verbose=0, shuffle=False)
    start = bridge.from_keras(model, tmp_path / "weights")

    estimator = combined(
        premade.DNNLinearCombinedClassifier, config=config, warm_start_from=start, dnn_dropout=None
    )

    raw = {key: tf.constant(value) for key, value in features().items()}
    np.testing.assert_allclose(logits(estimator, 2), model(raw), rtol=1e-5, atol=1e-6)
    before = estimator.evaluate(data(2))["loss"]
    estimator.train(lambda: data(2)().repeat(), steps=40)
    assert estimator.evaluate(data(2))["loss"] < before
    other = premade.WideDeepModel(
        premade.LinearModel(wide()), premade.DNNModel([6, 4], dense(), batch_norm=True)
    )
    other.build()
    bridge.load_weights(other, estimator)
    np.testing.assert_allclose(other(raw), logits(estimator, 2), rtol=1e-5, atol=1e-6)


OPTIMIZERS = {
    "SGD": lambda: estimators.optimizers.SGD(0.1, momentum=0.9),
    "Adam": lambda: estimators.optimizers.Adam(0.01, beta_1=0.8),
    "Ftrl": lambda: estimators.optimizers.Ftrl(0.1, l1_regularization_strength=0.01),
    "RMSprop": lambda: estimators.optimizers.RMSProp(0.01, momentum=0.5),
    "Adagrad": lambda: estimators.optimizers.Adagrad(0.1),
    "of Keras": lambda: keras.optimizers.AdamW(0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_compiled_with_the_optimizer_of_the_estimator(name, config):
    # Numbers only: Keras takes the squares of the gradients of repeated ids one by one.
    def columns():
        age = fc.numeric_column("age", normalizer_fn=scaled)
        return [age, fc.numeric_column("hours", shape=(2,))]

    estimator = premade.LinearRegressor(columns(), optimizer=OPTIMIZERS[name](), config=config)
    estimator.train(data(0), steps=4)
    compiled = bridge.to_keras(estimator)

    model = premade.LinearModel(columns())  # Linear models start at zero, there and here.
    model.compile(type(compiled.optimizer).from_config(compiled.optimizer.get_config()), "mse")
    model.fit(data(0)(), verbose=0, shuffle=False)

    for found, expected in zip(model.weights, compiled.weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def scaled(values):
    return (values - 40.0) / 10.0


def test_other_heads_and_losses_come_without_loss(config):
    x = [fc.numeric_column("age")]
    for i, head in enumerate(
        [
            estimators.PoissonRegressionHead(),
            estimators.BinaryClassHead(loss_fn=lambda labels, logits: (labels - logits) ** 2),
        ]
    ):
        here = config.replace(model_dir=f"{config.model_dir}_{i}")
        estimator = premade.LinearEstimator(head, x, config=here).train(data(2), steps=2)
        model = bridge.to_keras(estimator)
        assert not model.compiled
        assert model.count_params() == 2


def test_baselines_and_recurrent_networks_go_out(config, tmp_path):
    baseline = premade.BaselineClassifier(n_classes=3, config=config).train(data(3), steps=2)
    np.testing.assert_array_equal(
        bridge.to_keras(baseline).bias, baseline.get_variable_value("baseline/bias")
    )
    towns = fc.sequence_categorical_column_with_hash_bucket("town", 10)
    estimator = premade.RNNClassifier(
        [fc.embedding_column(towns, 2)],
        [fc.numeric_column("age", normalizer_fn=scaled)],
        units=[4, 3],
        cell_type="gru",
        model_dir=str(tmp_path / "recurrent"),
        config=RunConfig(progress=False),
    ).train(data(2), steps=2)
    model = bridge.to_keras(estimator)
    raw = {key: tf.constant(features()[key]) for key in ("town", "age")}
    np.testing.assert_allclose(model(raw), logits(estimator, 2), rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "recurrent.keras")
    loaded = keras.saving.load_model(
        tmp_path / "recurrent.keras", custom_objects={"scaled": scaled}
    )
    np.testing.assert_array_equal(loaded(raw), model(raw))


def test_what_does_not_fit_is_refused(config, tmp_path):
    estimator = premade.LinearRegressor(wide(), config=config)
    with pytest.raises(ValueError, match="Could not find trained model"):
        bridge.to_keras(estimator)
    estimator.train(data(0), steps=1)
    other = premade.LinearModel([ages(), fc.categorical_column_with_identity("level", 9)])
    other.build()
    before = [weight.numpy() for weight in other.weights]
    with pytest.raises(ValueError, match=r"level/weights \[9, 1\]"):
        bridge.load_weights(other, estimator)
    for weight, value in zip(other.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    with pytest.raises(TypeError, match="Sequential is no network"):
        bridge.from_keras(keras.Sequential([keras.layers.Dense(1)]), tmp_path)
    with pytest.raises(ValueError, match="no weights yet"):
        bridge.from_keras(premade.LinearModel(wide()), tmp_path)
    own = estimators.Estimator(lambda features, labels, mode: None)
    with pytest.raises(TypeError, match="get_variable_value"):
        bridge.to_keras(own)
