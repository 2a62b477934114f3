"""What MIGRATION.md says is so: each old name has one row, and what is here can be imported."""

from __future__ import annotations

import importlib
import inspect
import pathlib
import re

import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "MIGRATION.md").read_text("utf-8")
ROWS = [
    tuple(cell.strip() for cell in line[1:-1].split("|"))
    for line in TEXT.splitlines()
    if line.startswith("| `tf.")
]
PACKAGES = (
    "bridge",
    "estimators",
    "estimators.export",
    "estimators.inputs",
    "feature_columns",
    "bridge",
    "premade",
)

# The public names of tensorflow_estimator 2.15, and of boosted trees in 2.8.
IN_ESTIMATOR = """
    BaselineClassifier BaselineEstimator BaselineRegressor BestExporter BinaryClassHead
    BoostedTreesClassifier BoostedTreesEstimator BoostedTreesRegressor CheckpointSaverHook
    CheckpointSaverListener DNNClassifier DNNEstimator DNNLinearCombinedClassifier
    DNNLinearCombinedEstimator DNNLinearCombinedRegressor DNNRegressor Estimator EstimatorSpec
    EvalSpec Exporter FeedFnHook FinalExporter FinalOpsHook GlobalStepWaiterHook Head
    LatestExporter LinearClassifier LinearEstimator LinearRegressor LoggingTensorHook
    LogisticRegressionHead ModeKeys MultiClassHead MultiHead MultiLabelHead
    NanLossDuringTrainingError NanTensorHook PoissonRegressionHead ProfilerHook RegressionHead
    RunConfig SecondOrStepTimer SessionRunArgs SessionRunContext SessionRunHook SessionRunValues
    StepCounterHook StopAtStepHook SummarySaverHook TrainSpec VocabInfo WarmStartSettings
    add_metrics classifier_parse_example_spec regressor_parse_example_spec train_and_evaluate
    experimental.InMemoryEvaluatorHook experimental.LinearSDCA experimental.RNNClassifier
    experimental.RNNEstimator experimental.build_raw_supervised_input_receiver_fn
    experimental.call_logit_fn experimental.make_early_stopping_hook
    experimental.make_stop_at_checkpoint_step_hook experimental.stop_if_higher_hook
    experimental.stop_if_lower_hook experimental.stop_if_no_decrease_hook
    experimental.stop_if_no_increase_hook export.ClassificationOutput export.EvalOutput
    export.ExportOutput export.PredictOutput export.RegressionOutput export.ServingInputReceiver
    export.TensorServingInputReceiver export.build_parsing_serving_input_receiver_fn
    export.build_raw_serving_input_receiver_fn
"""
# Elsewhere: what only TensorFlow 1 offered, and what Keras did.
ELSEWHERE = {
    "tf.compat.v1.estimator.experimental.KMeans",
    "tf.compat.v1.estimator.experimental.dnn_logit_fn_builder",
    "tf.compat.v1.estimator.experimental.linear_logit_fn_builder",
    "tf.compat.v1.estimator.inputs.numpy_input_fn",
    "tf.compat.v1.estimator.inputs.pandas_input_fn",
    "tf.compat.v1.estimator.tpu",
    "tf.compat.v1.feature_column.input_layer",
    "tf.compat.v1.feature_column.linear_model",
    "tf.compat.v1.feature_column.shared_embedding_columns",
    "tf.contrib.estimator.forward_features",
    "tf.keras.estimator.model_to_estimator",
    "tf.keras.layers.DenseFeatures",
}
RENAMED = {"tf.compat.v1.estimator.experimental.KMeans"}
HERE = [row for row in ROWS if row[1].startswith("`")]
ABSENT = [row for row in ROWS if not row[1].startswith("`")]
COLUMNS = [row for row in HERE if row[0].startswith("`tf.feature_column.")]


def bare(cell):
    return cell.strip("`")


def public_names(package):
    return getattr(importlib.import_module(package), "__all__", ())


def test_rows_have_three_cells():
    assert {len(row) for row in ROWS} == {3}
    assert {row[1] for row in ABSENT} <= {"not yet", "no"}


def test_each_old_name_has_one_row():
    old = [bare(row[0]) for row in ROWS]
    expected = {f"tf.estimator.{name}" for name in IN_ESTIMATOR.split()} | ELSEWHERE
    expected |= {f"tf.feature_column.{n}" for n in dir(tf.feature_column) if n[0] != "_"}
    assert len(old) == len(set(old))
    assert set(old) == expected


@pytest.mark.parametrize("row", HERE, ids=lambda row: bare(row[0]))
def test_what_is_here_is_public(row):
    package, _, name = bare(row[1]).rpartition(".")
    assert package in PACKAGES
    assert name in public_names(package)
    is_same = bare(row[0]).endswith(f".{name}") or bare(row[0]) in RENAMED
    assert is_same, "another name is a change: say so, and amend this"


@pytest.mark.parametrize("row", ABSENT, ids=lambda row: bare(row[0]))
def test_what_is_absent_is_absent(row):
    name = bare(row[0]).rpartition(".")[2]
    found = [package for package in PACKAGES if name in public_names(package)]
    assert not found, f"{found} has {name} now: change its row in MIGRATION.md"


def test_what_to_use_instead_exists():
    advice = "\n".join(row[2] for row in ROWS)
    named = re.findall(r"`((?:estimators|premade|feature_columns)(?:\.\w+)+)", advice)
    assert named
    for dotted in named:
        package, _, name = dotted.rpartition(".")
        assert hasattr(importlib.import_module(package), name), dotted


@pytest.mark.parametrize("row", COLUMNS, ids=lambda row: bare(row[0]))
def test_columns_have_the_old_arguments(row):
    name = bare(row[0]).rpartition(".")[2]
    old = inspect.signature(getattr(tf.feature_column, name)).parameters
    package, _, here = bare(row[1]).rpartition(".")
    new = inspect.signature(getattr(importlib.import_module(package), here)).parameters
    assert list(new)[: len(old)] == list(old)


def test_the_readme_leads_here():
    assert "](MIGRATION.md)" in (ROOT / "README.md").read_text("utf-8")
