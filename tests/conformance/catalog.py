"""Everything that a user builds a run from, in one table; each test of this folder is one property.

A public model, head, feature column, hook or exporter that is missing here fails
`test_catalog_is_complete.py`. To add one: an entry in the right table below, and no other change.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import bridge
import estimators
import feature_columns as fc
import premade

ROWS, BATCH_SIZE, STEPS = 48, 8, 6
JOBS = ("cook", "smith", "baker", "nurse")


def features() -> dict[str, np.ndarray[Any, Any]]:
    """By row a number, two numbers, a name, two strings, an integer, and up to two strings at once.

    And two sequences: three numbers, and up to three strings, of which the first are there. The
    last one is the weight of the town.
    """
    random = np.random.default_rng(12)
    return {
        "age": random.normal(40.0, 10.0, ROWS).astype(np.float32),
        "hours": random.normal(size=(ROWS, 2)).astype(np.float32),
        "name": np.arange(ROWS).astype(str),
        "job": random.choice([*JOBS, "unknown"], ROWS),
        "level": random.integers(0, 5, ROWS),
        "skills": random.choice([*JOBS, ""], (ROWS, 2)),
        "town": random.choice(["Ghent", "Lagos", "Quito"], ROWS),
        "speeds": random.normal(size=(ROWS, 3)).astype(np.float32),
        "visits": np.where(
            np.arange(3) < random.integers(0, 4, (ROWS, 1)),
            random.choice(["Ghent", "Lagos", "Quito"], (ROWS, 3)),
            "",
        ),
        "stay": random.uniform(0.5, 3.0, ROWS).astype(np.float32),
    }


def labels(kind: str) -> Any:
    """Labels `[rows, 1]` that depend on the features.

    Args:
        kind: "binary", "three" classes, "count" or "real"; "several" of three, `[rows, 3]`;
            "steps", a real one for each step of "speeds", `[rows, 3]`; or "named", a dict of the
            kinds "real" and "binary" by their names.
    """
    if kind == "named":
        return {name: labels(name) for name in ("real", "binary")}
    rows = features()
    if kind == "steps":
        return np.cumsum(rows["speeds"], axis=1)
    score = (rows["age"] - 40.0) / 10.0 + (rows["job"] == "smith") - rows["hours"][:, 0]
    if kind == "real":
        return score[:, np.newaxis].astype(np.float32)
    if kind == "count":
        return np.maximum(np.round(score + 1.0), 0.0)[:, np.newaxis].astype(np.int64)
    if kind == "several":
        return (score[:, np.newaxis] > np.array([-0.5, 0.0, 1.0])).astype(np.int64)
    edges = [0.0] if kind == "binary" else [-1.0, 1.0]
    return np.digitize(score, edges)[:, np.newaxis].astype(np.int64)


def batches(kind: str, batch_size: int = BATCH_SIZE) -> tf.data.Dataset:
    """One pass over the rows in order."""
    return tf.data.Dataset.from_tensor_slices((features(), labels(kind))).batch(batch_size)


def shuffled(kind: str) -> tf.data.Dataset:
    """Batches without end, in an order that depends on the seed of the run."""
    rows = tf.data.Dataset.from_tensor_slices((features(), labels(kind)))
    return rows.shuffle(ROWS).repeat().batch(BATCH_SIZE)


# Feature columns


@dataclasses.dataclass(frozen=True)
class Column:
    """A feature column; categorical ones are wrapped where a dense one is needed.

    Attributes:
        name: the public function that makes it.
        make: makes it, or a list of columns; takes a folder for files.
    """

    name: str
    make: Callable[[pathlib.Path], Any]

    def columns(self, folder: pathlib.Path) -> list[Any]:
        """Makes the column, or several that belong together."""
        made = self.make(folder)
        return made if isinstance(made, list) else [made]


def _job_file(folder: pathlib.Path) -> str:
    path = folder / "jobs.txt"
    path.write_text("\n".join(JOBS) + "\n")
    return str(path)


def _jobs() -> Any:
    return fc.categorical_column_with_vocabulary_list("job", JOBS)


def _ages() -> Any:
    return fc.bucketized_column(fc.numeric_column("age"), [30.0, 40.0, 50.0])


COLUMNS = (
    Column("numeric_column", lambda _: fc.numeric_column("hours", shape=(2,))),
    Column("bucketized_column", lambda _: _ages()),
    Column(
        "categorical_column_with_vocabulary_list",
        lambda _: fc.categorical_column_with_vocabulary_list("skills", JOBS, num_oov_buckets=2),
    ),
    Column(
        "categorical_column_with_vocabulary_file",
        lambda folder: fc.categorical_column_with_vocabulary_file("job", _job_file(folder)),
    ),
    Column(
        "categorical_column_with_hash_bucket",
        lambda _: fc.categorical_column_with_hash_bucket("town", 10),
    ),
    Column(
        "categorical_column_with_identity",
        lambda _: fc.categorical_column_with_identity("level", 5),
    ),
    Column("crossed_column", lambda _: fc.crossed_column([_ages(), "job"], 20)),
    Column(
        "weighted_categorical_column",
        lambda _: fc.weighted_categorical_column(
            fc.categorical_column_with_hash_bucket("town", 10), "stay"
        ),
    ),
    Column("indicator_column", lambda _: fc.indicator_column(_jobs())),
    Column("embedding_column", lambda _: fc.embedding_column(_jobs(), 3)),
    Column(
        "shared_embeddings",
        lambda _: fc.shared_embeddings(
            [_jobs(), fc.categorical_column_with_vocabulary_list("skills", JOBS)], 3
        ),
    ),
    Column(
        "shared_embedding_columns",
        lambda _: fc.shared_embedding_columns(
            [fc.categorical_column_with_hash_bucket(key, 10) for key in ("town", "visits")],
            dimension=2,
        ),
    ),
)


def _town_file(folder: pathlib.Path) -> str:
    path = folder / "towns.txt"
    path.write_text("Quito\nGhent\n")
    return str(path)


SEQUENCE_COLUMNS = (
    Column("sequence_numeric_column", lambda _: fc.sequence_numeric_column("speeds")),
    Column(
        "sequence_categorical_column_with_hash_bucket",
        lambda _: fc.sequence_categorical_column_with_hash_bucket("visits", 10),
    ),
    Column(
        "sequence_categorical_column_with_identity",
        lambda _: fc.sequence_categorical_column_with_identity("level", 5),
    ),
    Column(
        "sequence_categorical_column_with_vocabulary_list",
        lambda _: fc.sequence_categorical_column_with_vocabulary_list("visits", ["Ghent"]),
    ),
    Column(
        "sequence_categorical_column_with_vocabulary_file",
        lambda folder: fc.sequence_categorical_column_with_vocabulary_file(
            "visits", _town_file(folder)
        ),
    ),
)


def summed_sequences(columns: Iterable[Any]) -> estimators.Estimator:
    """A linear regression by the sums of the steps of each column."""
    layers = [
        functools.partial(
            fc.SequenceFeatures,
            each if isinstance(each, fc.SequenceDenseColumn) else fc.indicator_column(each),
            name=f"sequence_{i}",
        )
        for i, each in enumerate(columns)
    ]

    def model_fn(features: Any, labels: Any, mode: str) -> estimators.EstimatorSpec:
        sums = [tf.reduce_sum(layer()(features)[0], axis=1) for layer in layers]
        output = keras.layers.Dense(1)(tf.concat(sums, axis=1))
        if mode == estimators.ModeKeys.PREDICT:
            return estimators.EstimatorSpec(mode, predictions={"output": output})
        loss = tf.reduce_mean((output - labels) ** 2)
        train_op = estimators.minimize(loss, keras.optimizers.Adam(0.01))
        return estimators.EstimatorSpec(mode, loss=loss, train_op=train_op)

    return estimators.Estimator(model_fn, config=estimators.RunConfig(tf_random_seed=7))


# Models


@dataclasses.dataclass(frozen=True)
class Model:
    """A model and its data.

    Attributes:
        name: of the public class; after a hyphen, what is special if the class is here again.
        labels: kind of its labels.
        make: makes the Estimator of a run.
        covers: names of the heads in it.
        is_random: whether its steps draw random numbers, so that two replicas cannot equal one.
        needs_an_end: whether it takes one pass of data, and no data without an end.
        needs_to_be_alone: whether it trains in one replica only.
    """

    name: str
    labels: str
    make: Callable[[estimators.RunConfig], estimators.Estimator]
    covers: tuple[str, ...] = ()
    is_random: bool = False
    needs_an_end: bool = False
    needs_to_be_alone: bool = False

    @property
    def class_name(self) -> str:
        """Name of the public class."""
        return self.name.partition("-")[0]

    def shuffled(self) -> tf.data.Dataset:
        """See the function of this name; one pass where the model needs an end."""
        found = shuffled(self.labels)
        return found.take(ROWS // BATCH_SIZE) if self.needs_an_end else found

    def batches(self, batch_size: int = BATCH_SIZE) -> tf.data.Dataset:
        """See the function of this name."""
        return batches(self.labels, batch_size)


def wide() -> list[Any]:
    """Columns of a linear model."""
    return [
        fc.numeric_column("age", normalizer_fn=fc.Standardize(40.0, 10.0)),
        _jobs(),
        # The column before the key, so that rows and serialized examples get the same ids.
        fc.crossed_column([_ages(), "job"], 20),
        fc.categorical_column_with_hash_bucket("skills", 10),
        fc.weighted_categorical_column(fc.categorical_column_with_hash_bucket("town", 10), "stay"),
    ]


def forest() -> list[Any]:
    """Columns of boosted trees."""
    return [
        fc.numeric_column("hours", shape=(2,)),
        _ages(),
        _jobs(),
        fc.indicator_column(fc.categorical_column_with_hash_bucket("skills", 3)),
    ]


def deep() -> list[Any]:
    """Columns of a network."""
    skills = fc.categorical_column_with_hash_bucket("skills", 10)
    return [
        fc.numeric_column("hours", shape=(2,)),
        fc.indicator_column(_jobs()),
        fc.embedding_column(skills, 3),
        *fc.shared_embeddings(
            [fc.categorical_column_with_hash_bucket(key, 10) for key in ("job", "town")], 2
        ),
    ]


def visits() -> list[Any]:
    """Columns of a recurrent network."""
    hashed = fc.sequence_categorical_column_with_hash_bucket("visits", 10)
    listed = fc.sequence_categorical_column_with_vocabulary_list("visits", ["Ghent", "Quito"])
    return [fc.embedding_column(hashed, 3), fc.indicator_column(listed)]


def speeds() -> list[Any]:
    """Columns of a recurrent network, of which every row has as many steps."""
    return [fc.sequence_numeric_column("speeds")]


def points() -> list[Any]:
    """Columns of a clustering."""
    return [fc.numeric_column("hours", shape=(2,)), fc.indicator_column(_jobs())]


def both() -> dict[str, Any]:
    """Arguments of a wide & deep model."""
    return {
        "linear_feature_columns": wide(),
        "dnn_feature_columns": deep(),
        "dnn_hidden_units": [4],
    }


def custom_model_fn(features: Any, labels: Any, mode: str) -> estimators.EstimatorSpec:
    """A Keras network with everything that has state of its own."""
    training = mode == estimators.ModeKeys.TRAIN
    age = tf.reshape(features["age"], [-1, 1]) / 50.0
    net = keras.layers.Dense(8, activation="relu")(tf.concat([age, features["hours"]], axis=1))
    net = keras.layers.BatchNormalization()(net, training=training)
    net = keras.layers.Dropout(0.3)(net, training=training)
    net = tf.nn.dropout(net, 0.1) if training else net
    output = keras.layers.Dense(1)(net)
    if mode == estimators.ModeKeys.PREDICT:
        return estimators.EstimatorSpec(mode, predictions={"output": output})
    loss = tf.reduce_mean((output - labels) ** 2)
    error = keras.metrics.MeanAbsoluteError()
    error.update_state(labels, output)
    train_op = estimators.minimize(loss, keras.optimizers.Adam(0.01))
    return estimators.EstimatorSpec(
        mode, loss=loss, train_op=train_op, eval_metric_ops={"error": error}
    )


def keras_model(optimizer: keras.optimizers.Optimizer, *, is_random: bool) -> keras.Model:
    """A compiled Keras network; the same first weights each time.

    Args:
        optimizer: of Keras.
        is_random: with noise and moving statistics.
    """
    inputs = {"age": keras.Input([1], name="age"), "hours": keras.Input([2], name="hours")}
    first, last = (keras.initializers.GlorotUniform(seed) for seed in (1, 2))
    net = keras.layers.concatenate([keras.layers.Rescaling(0.02)(inputs["age"]), inputs["hours"]])
    net = keras.layers.Dense(8, "relu", kernel_initializer=first)(net)
    if is_random:
        net = keras.layers.BatchNormalization()(net)
        net = keras.layers.Dropout(0.3, seed=3)(net)
    output = keras.layers.Dense(1, kernel_initializer=last, name="output")(net)
    model = keras.Model(inputs, output)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def multi_head() -> estimators.MultiHead:
    """Returns a head for the labels "named"."""
    heads = [estimators.RegressionHead(name="real"), estimators.BinaryClassHead(name="binary")]
    return estimators.MultiHead(heads, head_weights=[0.5, 2.0])


def multi_head_model_fn(features: Any, labels: Any, mode: str) -> estimators.EstimatorSpec:
    """A linear model for each of two labels."""
    age = tf.reshape(features["age"], [-1, 1]) / 50.0
    inputs = tf.concat([age, features["hours"]], axis=1)
    layers = {name: keras.layers.Dense(1) for name in ("real", "binary")}
    logits = {name: layer(inputs) for name, layer in layers.items()}
    variables = [v for layer in layers.values() for v in layer.trainable_variables]
    training = {"optimizer": keras.optimizers.Adam(0.01), "trainable_variables": variables}
    return multi_head().create_estimator_spec(
        features, mode, logits, labels, **training if mode == estimators.ModeKeys.TRAIN else {}
    )


MODELS = (
    Model("BaselineClassifier", "binary", lambda c: premade.BaselineClassifier(config=c)),
    Model("BaselineRegressor", "real", lambda c: premade.BaselineRegressor(config=c)),
    Model(
        "BaselineEstimator",
        "three",
        lambda c: premade.BaselineEstimator(estimators.MultiClassHead(3), config=c),
    ),
    Model("LinearClassifier", "binary", lambda c: premade.LinearClassifier(wide(), config=c)),
    Model("LinearRegressor", "real", lambda c: premade.LinearRegressor(wide(), config=c)),
    Model(
        "LinearClassifier-sdca",
        "binary",
        lambda c: premade.LinearClassifier(wide(), optimizer=premade.LinearSDCA("name"), config=c),
    ),
    Model(
        "LinearRegressor-sdca",
        "real",
        lambda c: premade.LinearRegressor(
            wide(),
            optimizer=premade.LinearSDCA("name", symmetric_l1_regularization=0.1),
            config=c,
        ),
    ),
    Model(
        "LinearEstimator",
        "binary",
        lambda c: premade.LinearEstimator(estimators.BinaryClassHead(), wide(), config=c),
        covers=("BinaryClassHead",),
    ),
    Model(
        "LinearEstimator-logistic",
        "binary",
        lambda c: premade.LinearEstimator(estimators.LogisticRegressionHead(), wide(), config=c),
        covers=("LogisticRegressionHead",),
    ),
    Model(
        "DNNClassifier",
        "three",
        lambda c: premade.DNNClassifier([6, 4], deep(), n_classes=3, dropout=0.2, config=c),
        is_random=True,
    ),
    Model("DNNRegressor", "real", lambda c: premade.DNNRegressor([6, 4], deep(), config=c)),
    Model(
        "DNNEstimator",
        "three",
        lambda c: premade.DNNEstimator(
            estimators.MultiClassHead(3, classes_for_class_based_metrics=[0, 2]),
            [4],
            deep(),
            config=c,
        ),
        covers=("MultiClassHead",),
    ),
    Model(
        "DNNEstimator-poisson",
        "count",
        lambda c: premade.DNNEstimator(estimators.PoissonRegressionHead(), [4], deep(), config=c),
        covers=("PoissonRegressionHead",),
    ),
    Model(
        "DNNEstimator-multi_label",
        "several",
        lambda c: premade.DNNEstimator(
            estimators.MultiLabelHead(3, classes_for_class_based_metrics=[0, 2]),
            [4],
            deep(),
            config=c,
        ),
        covers=("MultiLabelHead",),
    ),
    Model(
        "DNNEstimator-multi_head",
        "named",
        lambda c: premade.DNNEstimator(multi_head(), [4], deep(), config=c),
        covers=("MultiHead",),
    ),
    Model(
        "DNNLinearCombinedClassifier",
        "binary",
        lambda c: premade.DNNLinearCombinedClassifier(config=c, **both()),
    ),
    Model(
        "DNNLinearCombinedRegressor",
        "real",
        lambda c: premade.DNNLinearCombinedRegressor(config=c, **both()),
    ),
    Model(
        "DNNLinearCombinedEstimator",
        "real",
        lambda c: premade.DNNLinearCombinedEstimator(
            estimators.RegressionHead(), config=c, **both()
        ),
        covers=("RegressionHead",),
    ),
    Model(
        "RNNClassifier",
        "three",
        lambda c: premade.RNNClassifier(visits(), wide()[:1], [4, 3], "gru", n_classes=3, config=c),
    ),
    Model(
        "RNNClassifier-forwarded_features",
        "three",
        lambda c: estimators.forward_features(
            premade.RNNClassifier(visits(), units=4, cell_type="lstm", n_classes=3, config=c),
            ["visits", "hours"],
            {"visits": ""},
        ),
    ),
    Model(
        "RNNEstimator",
        "real",
        lambda c: premade.RNNEstimator(
            estimators.RegressionHead(), visits(), units=4, cell_type="lstm", config=c
        ),
    ),
    Model(
        "RNNEstimator-each_step",
        "steps",
        lambda c: premade.RNNEstimator(
            estimators.SequentialHeadWrapper(estimators.RegressionHead()),
            speeds(),
            units=4,
            cell_type="gru",
            return_sequences=True,
            config=c,
        ),
        covers=("SequentialHeadWrapper",),
    ),
    Model(
        "KMeansClustering",
        "real",
        lambda c: premade.KMeansClustering(10, config=c, feature_columns=points()),
    ),
    Model(
        "KMeansClustering-full_batch",
        "real",
        lambda c: premade.KMeansClustering(
            3, initial_clusters="random", use_mini_batch=False, config=c, feature_columns=points()
        ),
    ),
    Model(
        "KMeansClustering-cosine",
        "real",
        lambda c: premade.KMeansClustering(
            3,
            distance_metric="cosine",
            mini_batch_steps_per_iteration=2,
            relative_tolerance=0.0,
            config=c,
            feature_columns=points(),
        ),
    ),
    Model(
        "BoostedTreesClassifier",
        "binary",
        lambda c: premade.BoostedTreesClassifier(forest(), max_depth=2, config=c),
        needs_an_end=True,
    ),
    Model(
        "BoostedTreesClassifier-by_layers",
        "binary",
        lambda c: premade.BoostedTreesClassifier(
            forest(), n_batches_per_layer=1, max_depth=2, config=c
        ),
        needs_to_be_alone=True,
    ),
    Model(
        "BoostedTreesRegressor",
        "real",
        lambda c: premade.BoostedTreesRegressor(forest(), max_depth=2, config=c),
        needs_an_end=True,
    ),
    Model(
        "BoostedTreesEstimator",
        "three",
        lambda c: premade.BoostedTreesEstimator(
            forest(), head=estimators.MultiClassHead(3), max_depth=2, config=c
        ),
        needs_an_end=True,
    ),
    Model(
        "Estimator",
        "real",
        lambda c: estimators.Estimator(custom_model_fn, config=c),
        is_random=True,
    ),
    Model(
        "Estimator-multi_head",
        "named",
        lambda c: estimators.Estimator(multi_head_model_fn, config=c),
        covers=("MultiHead",),
    ),
    Model(
        "KerasEstimator",
        "real",
        lambda c: bridge.model_to_estimator(
            keras_model(keras.optimizers.Adam(0.01), is_random=False), config=c
        ),
    ),
    Model(
        "KerasEstimator-random",
        "real",
        lambda c: bridge.model_to_estimator(
            keras_model(keras.optimizers.AdamW(0.01), is_random=True), config=c
        ),
        is_random=True,
    ),
)


# Layers, networks and values


def _each_once(columns: Iterable[Column], folder: pathlib.Path) -> list[Any]:
    """Returns columns of different names; two of the table may read one feature alike."""
    made = (column for each in columns for column in each.columns(folder))
    return list({column.name: column for column in made}.values())


def _dense(columns: Iterable[Any], kind: type) -> list[Any]:
    return [each if isinstance(each, kind) else fc.indicator_column(each) for each in columns]


def dense_columns(folder: pathlib.Path) -> list[Any]:
    """All columns as a network takes them."""
    dense = _dense(_each_once(COLUMNS, folder), fc.DenseColumn)
    return list({each.name: each for each in dense}.values())


def sequence_columns(folder: pathlib.Path) -> list[Any]:
    """Sequence columns of one feature, which have the same steps."""
    listed = [each for each in SEQUENCE_COLUMNS if each.name.endswith(("list", "bucket"))]
    embedded = fc.embedding_column(listed[0].make(folder), 3)
    return [embedded, *_dense([listed[1].make(folder)], fc.SequenceDenseColumn)]


LAYERS: dict[str, Callable[[pathlib.Path], Any]] = {
    "DenseFeatures": lambda folder: fc.DenseFeatures(dense_columns(folder)),
    "LinearModel": lambda folder: fc.LinearModel(
        _each_once(COLUMNS, folder), units=2, sparse_combiner="mean"
    ),
    "SequenceFeatures": lambda folder: fc.SequenceFeatures(sequence_columns(folder)),
}


def _dnn(folder: pathlib.Path) -> Any:
    return premade.DNNModel(
        [4, 3], dense_columns(folder), units=2, activation="tanh", dropout=0.5, batch_norm=True
    )


NETWORKS: dict[str, Callable[[pathlib.Path], Any]] = {
    "BaselineModel": lambda folder: premade.BaselineModel(units=2),
    "DNNModel": _dnn,
    "LinearModel": lambda folder: premade.LinearModel(
        _each_once(COLUMNS, folder), units=2, sparse_combiner="sqrtn"
    ),
    "RNNModel": lambda folder: premade.RNNModel(
        keras.layers.GRU(3), sequence_columns(folder), dense_columns(folder)[:3], units=2
    ),
    "WideDeepModel": lambda folder: premade.WideDeepModel(
        premade.LinearModel(_each_once(COLUMNS, folder), units=2), _dnn(folder)
    ),
}

HEADS: dict[str, tuple[Callable[[], Any], str]] = {  # and the kind of the labels
    "BinaryClassHead": (lambda: estimators.BinaryClassHead(thresholds=[0.2]), "binary"),
    "LogisticRegressionHead": (estimators.LogisticRegressionHead, "binary"),
    "MultiClassHead": (lambda: estimators.MultiClassHead(3, weight_column="age"), "three"),
    "MultiHead": (lambda: multi_head(), "named"),
    "MultiLabelHead": (lambda: estimators.MultiLabelHead(3), "several"),
    "PoissonRegressionHead": (estimators.PoissonRegressionHead, "count"),
    "RegressionHead": (lambda: estimators.RegressionHead(weight_column="age"), "real"),
    "SequentialHeadWrapper": (
        lambda: estimators.SequentialHeadWrapper(estimators.RegressionHead()),
        "real",
    ),
}

# Arguments of a run, which a scheduler may send to another process.
VALUES: dict[str, Callable[[], Any]] = {
    "Cluster": lambda: estimators.Cluster(),
    "EvalSpec": lambda: estimators.EvalSpec(features, steps=3, name="again", every_steps=2),
    "LogScale": lambda: fc.LogScale(2.0),
    "RunConfig": lambda: estimators.RunConfig("runs", tf_random_seed=3, save_checkpoints_steps=5),
    "Standardize": lambda: fc.Standardize(40.0, 10.0),
    "TrainSpec": lambda: estimators.TrainSpec(features, max_steps=5),
    "VocabInfo": lambda: estimators.VocabInfo("new.txt", 3, 1, "old.txt", axis=1),
    "WarmStartSettings": lambda: estimators.WarmStartSettings(
        "runs", None, {"w": estimators.VocabInfo("new.txt", 3, 1, "old.txt")}
    ),
}


# Hooks and exporters


class Recorded(estimators.SessionRunHook):
    """An old hook that asks for the loss and the global step."""

    def before_run(self, run_context: Any) -> Any:
        return estimators.SessionRunArgs({"step": "global_step"})


def _stop_if(make: Callable[..., Any], limit: float) -> Callable[[estimators.Estimator], Any]:
    return lambda e: make(e, "loss", limit, run_every_secs=None, run_every_steps=2)


HOOKS: dict[str, Callable[[estimators.Estimator], Any]] = {
    "CheckpointSaverHook": lambda e: estimators.CheckpointSaverHook(e.model_dir, save_steps=2),
    "FinalOpsHook": lambda e: estimators.FinalOpsHook("global_step"),
    "GlobalStepWaiterHook": lambda e: estimators.GlobalStepWaiterHook(0),
    "Hook": lambda e: estimators.Hook(),
    "InMemoryEvaluatorHook": lambda e: estimators.InMemoryEvaluatorHook(
        e, lambda: batches("real"), every_n_iter=3
    ),
    "LoggingTensorHook": lambda e: estimators.LoggingTensorHook(["global_step"], every_n_iter=2),
    "NanTensorHook": lambda e: estimators.NanTensorHook(),
    "ProfilerHook": lambda e: estimators.ProfilerHook(save_steps=4, output_dir=e.model_dir),
    "ProgressHook": lambda e: estimators.ProgressHook(2, bar=False),
    "SessionRunHook": lambda e: Recorded(),
    "StepCounterHook": lambda e: estimators.StepCounterHook(2),
    "StopAtStepHook": lambda e: estimators.StopAtStepHook(last_step=STEPS),
    "SummarySaverHook": lambda e: estimators.SummarySaverHook(2),
    "make_early_stopping_hook": lambda e: estimators.make_early_stopping_hook(
        e, lambda: False, run_every_secs=None, run_every_steps=2
    ),
    "make_stop_at_checkpoint_step_hook": lambda e: estimators.make_stop_at_checkpoint_step_hook(
        e, last_step=STEPS, wait_after_file_check_secs=0
    ),
    "stop_if_higher_hook": _stop_if(estimators.stop_if_higher_hook, 1e9),
    "stop_if_lower_hook": _stop_if(estimators.stop_if_lower_hook, -1.0),
    "stop_if_no_decrease_hook": _stop_if(estimators.stop_if_no_decrease_hook, 1000),
    "stop_if_no_increase_hook": _stop_if(estimators.stop_if_no_increase_hook, 1000),
}

# With the model "KerasEstimator".
KERAS_HOOKS: dict[str, Callable[[bridge.KerasEstimator], Any]] = {
    "CallbackHook": lambda e: bridge.CallbackHook(
        e, [keras.callbacks.ReduceLROnPlateau()], 2, lambda: batches("real")
    ),
}

EXPORTERS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "BestExporter": lambda receiver: estimators.BestExporter("best", receiver),
    "FinalExporter": lambda receiver: estimators.FinalExporter("final", receiver),
    "LatestExporter": lambda receiver: estimators.LatestExporter("latest", receiver),
}


def named(entries: Iterable[Any]) -> dict[str, Any]:
    """Returns arguments of `pytest.mark.parametrize`: the entries, by their names."""
    entries = list(entries)
    return {"argvalues": entries, "ids": [entry.name for entry in entries]}
