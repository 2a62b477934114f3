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

from estimators import inputs as inputs
from estimators.config import RunConfig as RunConfig
from estimators.errors import CheckpointError as CheckpointError
from estimators.errors import EstimatorError as EstimatorError
from estimators.errors import NanLossDuringTrainingError as NanLossDuringTrainingError
from estimators.estimator import Estimator as Estimator
from estimators.heads import BinaryClassHead as BinaryClassHead
from estimators.heads import Head as Head
from estimators.heads import MultiClassHead as MultiClassHead
from estimators.heads import RegressionHead as RegressionHead
from estimators.hooks import Hook as Hook
from estimators.optimizers import group as group
from estimators.optimizers import minimize as minimize
from estimators.spec import EstimatorSpec as EstimatorSpec
from estimators.spec import EvalSpec as EvalSpec
from estimators.spec import ModeKeys as ModeKeys
from estimators.spec import Part as Part
from estimators.spec import TrainSpec as TrainSpec
from estimators.warm_start import VocabInfo as VocabInfo
from estimators.warm_start import WarmStartSettings as WarmStartSettings
