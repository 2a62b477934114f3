"""`model_to_estimator`: a compiled Keras model on the Estimator's trainer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from bridge import checks, internals, keras_2, updates
from bridge.batches import Batches
from bridge.keras_model_fn import KerasModelFn, reads_a_single_label
from bridge.lending import Weights
from bridge.live_model import LiveModel
from estimators import Estimator, RunConfig, export


class KerasEstimator(Estimator):
    """An `estimators.Estimator` of a Keras model; made by `model_to_estimator`.

    Args:
        keras_model_fn: runs the model.
        **options: those of `estimators.Estimator`.

    Example:
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> isinstance(model_to_estimator(model), KerasEstimator)
        True
    """

    def __init__(self, keras_model_fn: KerasModelFn, **options: Any) -> None:
        super().__init__(keras_model_fn, **options)
        self._keras_model_fn = keras_model_fn
        self._live = LiveModel(keras_model_fn)

    @property
    def keras_model(self) -> keras.Model:
        """The model as it was given; training does not change it, see `to_keras`."""
        return self._keras_model_fn.model

    @property
    def keras_weights(self) -> Weights:
        """The model's variables, and their names on disk."""
        return self._keras_model_fn.weights

    @contextlib.contextmanager
    def lent(self) -> Iterator[keras.Model]:
        """Lets the Keras model stand for what is being trained, inside the block: for hooks.

        Yields:
            `keras_model` with the trained values: what is read, saved and assigned are those.

        Raises:
            ValueError: nothing is being trained.
        """
        store = self._model.store
        with store.strategy.scope(), self._live.lent(store.__getitem__) as model:
            yield model


def model_to_estimator(
    keras_model: keras.Model | None = None,
    keras_model_path: str | os.PathLike[str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    model_dir: str | os.PathLike[str] | None = None,
    config: RunConfig | None = None,
    checkpoint_format: str | None = None,
    metric_names_map: Mapping[str, str] | None = None,
    export_outputs: Mapping[str, Callable[[Any], export.ExportOutput]] | None = None,
    *,
    weight_column: str | None = None,
    class_weight: Mapping[int, float] | None = None,
    row_wise: bool = False,
) -> KerasEstimator | keras_2.Keras2Estimator:
    """Makes an Estimator of a compiled Keras model.

    It trains with the numbers of `fit`: the same losses from the same batches, with all that the
    model was compiled with (losses and their weights, metrics, the optimizer with its schedule,
    clipping, averages and accumulation) and all that its layers do (random states, moving
    statistics, regularization), a custom `train_step` included. And it runs as every Estimator
    runs: on several replicas and workers, resumed bit by bit after it was killed, exported.

    The weights that the model has now are those of step 0. The model itself is not changed.

    Args:
        keras_model: Sequential, Functional or a subclass; compiled and built. Or such a model of
            Keras 2 (`tf_keras`), without methods of its own for training: it is cloned, its
            optimizer starts afresh as the equal one of Keras 3 or, if it is a legacy one, of
            `estimators.optimizers`. Give its layers names: automatic ones, which checkpoints
            have, count the layers that the process made before.
        keras_model_path: a `.keras` file of such a model, instead; it is loaded in safe mode.
        custom_objects: classes and functions by name, for the file.
        model_dir: where checkpoints and events go.
        config: the run.
        checkpoint_format: accepted for old code, and without effect: checkpoints are those of every
            Estimator, with names such as `dense/kernel`.
        metric_names_map: new names of metrics by name.
        export_outputs: class of `estimators.export` by name of an output: each becomes a signature
            of exported models, beside the one of all predictions.
        weight_column: name of the feature that holds the weight of each example. The third part of
            the elements of a dataset is taken for weights too.
        class_weight: weight of each class by its number, as in `fit`.
        row_wise: update of a looked-up table (an Embedding) only the rows that a batch reads, and
            rightly where an id repeats in it: for tables that are large. The optimizer is then the
            equal one of `estimators.optimizers`: SGD, Adam, Adagrad, RMSprop and Ftrl have one. By
            default the very optimizer runs, which updates whole tables, with the numbers of `fit`.

    Returns:
        The Estimator. Features may be a tensor or a dict by input name, labels a tensor or a dict
        by output name; predictions are a dict by output name; metrics have their Keras names.

    Raises:
        ValueError: not exactly one of the model and its path is given; the model is not compiled
            or not built; an output has no loss; the file cannot be loaded safely; a name is of no
            output.
        TypeError: the model is none of Keras.
        ImportError: the model is one of Keras 2, and `tf_keras` is not installed.

    Example:
        >>> import numpy as np
        >>> from estimators import inputs
        >>> model = keras.Sequential([keras.Input([2], name="x"), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
        >>> x = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
        >>> data = inputs.numpy_input_fn({"x": x}, x[:, :1], num_epochs=None, shuffle=False)
        >>> estimator = model_to_estimator(model).train(data, steps=300)
        >>> sorted(estimator.evaluate(data, steps=1))
        ['global_step', 'loss', 'mae']
    """
    model = checks.one_model(keras_model, keras_model_path, custom_objects)
    checks.check_format(checkpoint_format)
    if keras_2.is_model(model):
        if row_wise:
            raise ValueError(
                "`row_wise` is for models of Keras 3, got one of Keras 2: leave it out."
            )
        return keras_2.estimator_of(
            model,
            metric_names_map,
            export_outputs,
            weight_column,
            class_weight,
            model_dir=model_dir,
            config=config,
        )
    checks.check_model(model)
    if row_wise:
        checks.check_row_wise(model)
    outputs = internals.outputs_of(model)
    checks.check_outputs(export_outputs, outputs)
    batches = Batches(
        internals.inputs_of(model),
        outputs,
        weight_column,
        class_weight,
        is_single=reads_a_single_label(model),
    )
    weights = Weights.of(model)
    update = updates.of(model.optimizer, weights, row_wise=row_wise)
    model_fn = KerasModelFn(model, batches, weights, update, metric_names_map, export_outputs)
    return KerasEstimator(model_fn, model_dir=model_dir, config=config)
