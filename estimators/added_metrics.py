"""`add_metrics`: an Estimator with more evaluation metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from estimators.estimator import Estimator
from estimators.spec import EstimatorSpec, ModeKeys

_ARGUMENTS = ("features", "labels", "predictions", "config")


def add_metrics(estimator: Estimator, metric_fn: Callable[..., Mapping[str, Any]]) -> Estimator:
    """Returns an Estimator like `estimator` that also evaluates the metrics of `metric_fn`.

    Args:
        estimator: shares its model_dir, config, params and warm start with the new one.
        metric_fn: takes any of `features`, `labels`, `predictions`, `config` and returns metrics by
            name, already updated: Keras metrics or `tf.compat.v1.metrics` pairs. A metric of a
            known name replaces the one that was there.

    Raises:
        ValueError: `metric_fn` has another argument.

    Example:
        >>> import keras, tensorflow as tf
        >>> def model_fn(features, mode):
        ...     return EstimatorSpec(mode, predictions={"y": features["x"]}, loss=tf.constant(0.0))
        >>> def metric_fn(predictions):
        ...     mean = keras.metrics.Mean()
        ...     mean.update_state(predictions["y"])
        ...     return {"mean": mean}
        >>> data = lambda: {"x": tf.constant([[1.0], [3.0]])}
        >>> estimator = add_metrics(Estimator(model_fn), metric_fn)
        >>> float(estimator.evaluate(data, steps=1)["mean"])
        2.0
    """
    names = list(inspect.signature(metric_fn).parameters)
    unknown = [name for name in names if name not in _ARGUMENTS]
    if unknown:
        raise ValueError(
            f"metric_fn ({metric_fn}) has following not expected args: {unknown}. It may take any "
            f"of {_ARGUMENTS}."
        )

    def model_fn(features: Any, labels: Any, mode: str, params: Any, config: Any) -> EstimatorSpec:
        # The Estimator hands `params` to its own model_fn.
        spec = estimator.model_fn(features, labels, mode, config)
        if mode != ModeKeys.EVAL:
            return spec
        given = {
            "features": features,
            "labels": labels,
            "predictions": spec.predictions,
            "config": config,
        }
        added = metric_fn(**{name: given[name] for name in names})
        return spec._replace(eval_metric_ops={**spec.eval_metric_ops, **added})

    return estimator.with_model_fn(model_fn, raw_in_evaluation="features" in names)
