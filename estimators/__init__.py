"""The Estimator runtime: train, evaluate, predict and export a `model_fn`.

Synopsis::

    import keras, tensorflow as tf
    import estimators

    def model_fn(features, labels, mode):
        logits = keras.layers.Dense(1)(features["x"])
        if mode == estimators.ModeKeys.PREDICT:
            return estimators.EstimatorSpec(mode, predictions={"y": logits})
        loss = tf.reduce_mean((logits - labels) ** 2)
        return estimators.EstimatorSpec(
            mode, loss=loss, train_op=estimators.minimize(loss, keras.optimizers.Adam(1e-3)))

    estimator = estimators.Estimator(model_fn, model_dir="model")
    estimator.train(input_fn, max_steps=1000)
    estimator.evaluate(input_fn)

Start reading at `estimators.loops`.
"""

from estimators import export as export
from estimators import inputs as inputs
from estimators import optimizers as optimizers
from estimators.added_metrics import add_metrics as add_metrics
from estimators.cluster import Cluster as Cluster
from estimators.config import RunConfig as RunConfig
from estimators.errors import CheckpointError as CheckpointError
from estimators.errors import DamagedCheckpointError as DamagedCheckpointError
from estimators.errors import EstimatorError as EstimatorError
from estimators.errors import ExportError as ExportError
from estimators.errors import IncompatibleCheckpointError as IncompatibleCheckpointError
from estimators.errors import NanLossDuringTrainingError as NanLossDuringTrainingError
from estimators.estimator import Estimator as Estimator
from estimators.export import BestExporter as BestExporter
from estimators.export import Exporter as Exporter
from estimators.export import FinalExporter as FinalExporter
from estimators.export import LatestExporter as LatestExporter
from estimators.forwarded_features import forward_features as forward_features
from estimators.heads import BinaryClassHead as BinaryClassHead
from estimators.heads import Head as Head
from estimators.heads import LogisticRegressionHead as LogisticRegressionHead
from estimators.heads import MultiClassHead as MultiClassHead
from estimators.heads import MultiHead as MultiHead
from estimators.heads import MultiLabelHead as MultiLabelHead
from estimators.heads import PoissonRegressionHead as PoissonRegressionHead
from estimators.heads import RegressionHead as RegressionHead
from estimators.heads import SequentialHeadWrapper as SequentialHeadWrapper
from estimators.hooks import CheckpointSaverHook as CheckpointSaverHook
from estimators.hooks import CheckpointSaverListener as CheckpointSaverListener
from estimators.hooks import FeedFnHook as FeedFnHook
from estimators.hooks import FinalOpsHook as FinalOpsHook
from estimators.hooks import GlobalStepWaiterHook as GlobalStepWaiterHook
from estimators.hooks import Hook as Hook
from estimators.hooks import InMemoryEvaluatorHook as InMemoryEvaluatorHook
from estimators.hooks import LoggingTensorHook as LoggingTensorHook
from estimators.hooks import NanTensorHook as NanTensorHook
from estimators.hooks import ProfilerHook as ProfilerHook
from estimators.hooks import ProgressHook as ProgressHook
from estimators.hooks import SecondOrStepTimer as SecondOrStepTimer
from estimators.hooks import SessionRunArgs as SessionRunArgs
from estimators.hooks import SessionRunContext as SessionRunContext
from estimators.hooks import SessionRunHook as SessionRunHook
from estimators.hooks import SessionRunValues as SessionRunValues
from estimators.hooks import StepCounterHook as StepCounterHook
from estimators.hooks import StopAtStepHook as StopAtStepHook
from estimators.hooks import SummarySaverHook as SummarySaverHook
from estimators.hooks import make_early_stopping_hook as make_early_stopping_hook
from estimators.hooks import make_stop_at_checkpoint_step_hook as make_stop_at_checkpoint_step_hook
from estimators.hooks import read_eval_metrics as read_eval_metrics
from estimators.hooks import stop_if_higher_hook as stop_if_higher_hook
from estimators.hooks import stop_if_lower_hook as stop_if_lower_hook
from estimators.hooks import stop_if_no_decrease_hook as stop_if_no_decrease_hook
from estimators.hooks import stop_if_no_increase_hook as stop_if_no_increase_hook
from estimators.importance import FeatureImportance as FeatureImportance
from estimators.importance import permutation_importance as permutation_importance
from estimators.optimizers import group as group
from estimators.optimizers import minimize as minimize
from estimators.partial_dependence import PartialDependence as PartialDependence
from estimators.partial_dependence import partial_dependence as partial_dependence
from estimators.schedule import train_and_evaluate as train_and_evaluate
from estimators.spec import EstimatorSpec as EstimatorSpec
from estimators.spec import EvalSpec as EvalSpec
from estimators.spec import ModeKeys as ModeKeys
from estimators.spec import Part as Part
from estimators.spec import TrainSpec as TrainSpec
from estimators.vocab_info import VocabInfo as VocabInfo
from estimators.warm_start import WarmStartSettings as WarmStartSettings

__all__ = [
    "BestExporter",
    "BinaryClassHead",
    "CheckpointError",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "Cluster",
    "DamagedCheckpointError",
    "Estimator",
    "EstimatorError",
    "EstimatorSpec",
    "EvalSpec",
    "ExportError",
    "Exporter",
    "FeatureImportance",
    "FeedFnHook",
    "FinalExporter",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "Head",
    "Hook",
    "InMemoryEvaluatorHook",
    "IncompatibleCheckpointError",
    "LatestExporter",
    "LoggingTensorHook",
    "LogisticRegressionHead",
    "ModeKeys",
    "MultiClassHead",
    "MultiHead",
    "MultiLabelHead",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "Part",
    "PartialDependence",
    "PoissonRegressionHead",
    "ProfilerHook",
    "ProgressHook",
    "RegressionHead",
    "RunConfig",
    "SecondOrStepTimer",
    "SequentialHeadWrapper",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "TrainSpec",
    "VocabInfo",
    "WarmStartSettings",
    "add_metrics",
    "export",
    "forward_features",
    "group",
    "inputs",
    "make_early_stopping_hook",
    "make_stop_at_checkpoint_step_hook",
    "minimize",
    "optimizers",
    "partial_dependence",
    "permutation_importance",
    "read_eval_metrics",
    "stop_if_higher_hook",
    "stop_if_lower_hook",
    "stop_if_no_decrease_hook",
    "stop_if_no_increase_hook",
    "train_and_evaluate",
]
