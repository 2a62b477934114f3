"""`Estimator`: train, evaluate, predict and export a `model_fn`."""

from __future__ import annotations

import copy
import functools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from estimators import evaluation, prediction, training
from estimators.aliases import InputFn, Metrics, ModelFn, Params, PreprocessFn
from estimators.checkpoints import Checkpoint
from estimators.clock import Clock, SystemClock
from estimators.config import RunConfig
from estimators.export import saved_model
from estimators.hooks import checked_listeners
from estimators.model import Model
from estimators.pipeline import Pipeline
from estimators.program import ModelFnCaller
from estimators.spec import ModeKeys
from estimators.warm_start import WarmStartSettings, as_settings
from estimators.workers import with_strategy


class Estimator:
    """Trains, evaluates, predicts with and exports a model described by a `model_fn`.

    Args:
        model_fn: `model_fn(features, labels, mode, params, config) -> EstimatorSpec`; it may leave
            out any of the last four.
        model_dir: where checkpoints and events go; a new temporary folder when neither this nor
            `config` names one. A run that finds checkpoints there goes on from the newest.
        config: the run; `RunConfig()` when None.
        params: handed to `model_fn` and `input_fn`.
        warm_start_from: a checkpoint, its folder, a SavedModel's folder or `WarmStartSettings`:
            where initial values come from as long as model_dir holds no checkpoint.
        preprocess_fn: maps the features of a batch inside the input pipeline, in parallel with
            training, and again inside the exported model. It must have no trainable state.
        gather_fn: makes of the dataset of a training run, preprocessed batches, the dataset that
            is trained on. For models that need all rows at once: it may read them all and return
            one element that repeats for ever.
        clock: the time; for tests.

    Raises:
        ValueError: an argument of `model_fn` is unknown, or model_dir is given twice, differently.

    Example:
        >>> import keras, tensorflow as tf
        >>> def model_fn(features, labels, mode):
        ...     y = keras.layers.Dense(1)(features["x"])
        ...     if mode == ModeKeys.PREDICT:
        ...         return EstimatorSpec(mode, predictions={"y": y})
        ...     loss = tf.reduce_mean((y - labels) ** 2)
        ...     return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, "SGD"))
        >>> data = lambda: tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[2.0]])).repeat()
        >>> estimator = Estimator(model_fn).train(data, steps=200)
        >>> round(float(estimator.evaluate(data, steps=1)["loss"]), 3)
        0.0
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuses members that would change what other members rely on, as tf.estimator did."""
        super().__init_subclass__(**kwargs)
        allowed = ("model_fn", "latest_checkpoint")
        overridden = [n for n in vars(cls) if n in vars(Estimator) and n not in allowed]
        overridden = [name for name in overridden if not name.startswith("__")]
        if overridden:
            raise ValueError(
                "Subclasses of Estimator cannot override members of Estimator. "
                f"{cls.__name__} does override {overridden}. Give another model_fn, or hooks."
            )

    def __init__(
        self,
        model_fn: ModelFn,
        model_dir: str | os.PathLike[str] | None = None,
        config: RunConfig | None = None,
        params: Params | None = None,
        warm_start_from: str | WarmStartSettings | None = None,
        *,
        preprocess_fn: PreprocessFn | None = None,
        gather_fn: Callable[[Any], Any] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if model_fn is None:
            raise ValueError("model_fn must be provided to Estimator.")
        self._config = with_strategy(_with_model_dir(config, model_dir))
        self._params = copy.deepcopy(dict(params or {}))
        self._caller = ModelFnCaller(model_fn, self._params, self._config)
        self._warm_start = as_settings(warm_start_from)
        self._preprocess_fn = preprocess_fn
        self._gather_fn = gather_fn
        self._prediction_preprocess_fn: PreprocessFn | None = None
        self._evaluates_raw_features = False
        self._clock = clock or SystemClock()

    @functools.cached_property
    def _model(self) -> Model:
        """What lives in memory; made on first use, so that constructing is free."""
        return Model(
            self._caller,
            self._config,
            Pipeline(
                self._params,
                self._config,
                self._preprocess_fn,
                raw_in_evaluation=self._evaluates_raw_features,
                prediction_preprocess_fn=self._prediction_preprocess_fn,
                gather_fn=self._gather_fn,
            ),
            warm_start_settings=self._warm_start,
            clock=self._clock,
        )

    @property
    def model_dir(self) -> str:
        """Where checkpoints and events go."""
        return str(self._config.model_dir)

    @property
    def config(self) -> RunConfig:
        """The run."""
        return self._config

    @property
    def params(self) -> dict[str, Any]:
        """A copy of the hyper-parameters."""
        return copy.deepcopy(self._params)

    @property
    def model_fn(self) -> ModelFn:
        """The `model_fn`, callable with any of `features, labels, mode, config`."""

        def public_model_fn(features: Any, labels: Any, mode: str, config: Any = None) -> Any:
            return self._caller(features, labels, mode)

        return public_model_fn

    @property
    def preprocess_fn(self) -> PreprocessFn | None:
        """What maps the features of a batch before `model_fn`, if anything."""
        return self._preprocess_fn

    def with_model_fn(
        self,
        model_fn: ModelFn,
        *,
        raw_in_evaluation: bool = False,
        around_prediction: Callable[[PreprocessFn | None], PreprocessFn] | None = None,
    ) -> Estimator:
        """Returns an Estimator with another `model_fn` and everything else as here.

        Args:
            model_fn: takes `params`, if this Estimator has any.
            raw_in_evaluation: evaluation sees the features of `input_fn` beside what
                `preprocess_fn` made of them.
            around_prediction: takes the `preprocess_fn`, or None, and returns another one that is
                used in its place in PREDICT, also in exports.
        """
        made = Estimator(
            model_fn,
            config=self._config,
            params=self._params,  # for an input_fn that asks for them
            warm_start_from=self._warm_start,
            preprocess_fn=self._preprocess_fn,
            gather_fn=self._gather_fn,
            clock=self._clock,
        )
        made._evaluates_raw_features = raw_in_evaluation or self._evaluates_raw_features
        inner = self._prediction_preprocess_fn or self._preprocess_fn
        made._prediction_preprocess_fn = around_prediction(inner) if around_prediction else inner
        return made

    def train(
        self,
        input_fn: InputFn,
        hooks: Iterable[Any] | None = None,
        steps: int | None = None,
        max_steps: int | None = None,
        saving_listeners: Iterable[Any] | None = None,
    ) -> Estimator:
        """Trains the model, from the newest checkpoint of model_dir if there is one.

        Args:
            input_fn: returns a `tf.data.Dataset` of (features, labels). It may take any of `mode`,
                `params`, `config`, `input_context`.
            hooks: `estimators.Hook`s or `SessionRunHook`s.
            steps: number of steps to train in this call.
            max_steps: global step to train up to; training that has reached it does nothing. With
                neither, training goes on until the data ends.
            saving_listeners: told of every checkpoint.

        Returns:
            This Estimator.

        Raises:
            ValueError: both or no positive `steps` and `max_steps`; the data does not fit the
                model.
            CheckpointError: model_dir cannot be written, or its checkpoints cannot be read or do
                not fit.
            NanLossDuringTrainingError: the loss became NaN.
        """
        if steps is not None and max_steps is not None:
            raise ValueError("Can not provide both steps and max_steps.")
        _check_positive("steps", steps)
        _check_positive("max_steps", max_steps)
        if self._config.task_type in ("evaluator", "ps"):
            raise ValueError(
                f"Train has been called wrong configuration: this process is a "
                f"{self._config.task_type!r} task of TF_CONFIG. Call train_and_evaluate, which "
                "gives each task its part."
            )
        plan = training.Plan(
            input_fn,
            hooks=training.checked_hooks(hooks),
            steps=steps,
            max_steps=max_steps,
            listeners=checked_listeners(saving_listeners),
        )
        training.train(self._model, plan, self._evaluate_in_memory)
        return self

    def evaluate(
        self,
        input_fn: InputFn,
        steps: int | None = None,
        hooks: Iterable[Any] | None = None,
        checkpoint_path: str | None = None,
        name: str | None = None,
    ) -> Metrics:
        """Evaluates the model.

        Args:
            input_fn: as for `train`.
            steps: number of batches; None means one whole pass over the data.
            hooks: hooks of the evaluation.
            checkpoint_path: the checkpoint to evaluate; the newest of model_dir when None. Without
                any, the initial (or warm started) values are evaluated.
            name: events go to `eval_<name>`.

        Returns:
            Metrics by name as NumPy scalars, with `loss`, the mean of the losses of the batches,
            and `global_step`.

        Raises:
            ValueError: the data is empty, or has no end and `steps` is None.
        """
        _check_positive("steps", steps)
        asked = self._evaluation(input_fn, steps, hooks, name)
        return evaluation.evaluate(self._model, asked, self._checkpoint(checkpoint_path))

    def _evaluation(
        self, input_fn: InputFn, steps: int | None, hooks: Any, name: str | None
    ) -> evaluation.Evaluation:
        hooks = training.checked_hooks(hooks)
        return evaluation.Evaluation(input_fn, steps, hooks, self.eval_dir(name))

    def _evaluate_in_memory(
        self,
        input_fn: InputFn,
        steps: int | None = None,
        hooks: Iterable[Any] | None = None,
        name: str | None = None,
    ) -> Metrics:
        asked = self._evaluation(input_fn, steps, hooks, name)
        return evaluation.evaluate(self._model, asked, None, in_memory=True)

    def predict(
        self,
        input_fn: InputFn,
        predict_keys: Sequence[str] | str | None = None,
        hooks: Iterable[Any] | None = None,
        checkpoint_path: str | None = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:
        """Yields predictions; nothing happens before the first is asked for.

        Args:
            input_fn: as for `train`; labels in its data are dropped.
            predict_keys: which predictions to yield; unknown ones are ignored if one is known.
            hooks: hooks of the prediction.
            checkpoint_path: the checkpoint to predict with; the newest of model_dir when None.
            yield_single_examples: False yields whole batches.

        Yields:
            Dicts of NumPy arrays, one row (or batch) each.

        Raises:
            ValueError: no key is known; predictions differ in their number of rows.
        """
        keys = [predict_keys] if isinstance(predict_keys, str) else predict_keys
        yield from prediction.predict(
            self._model,
            input_fn,
            self._checkpoint(checkpoint_path),
            hooks=training.checked_hooks(hooks),
            keys=keys,
            single_examples=yield_single_examples,
        )

    def export_saved_model(
        self,
        export_dir_base: str | os.PathLike[str],
        serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | None = None,
        experimental_mode: str = ModeKeys.PREDICT,
    ) -> bytes:
        """Writes `<export_dir_base>/<seconds>/`, a SavedModel that answers as `predict` does.

        Args:
            export_dir_base: a local folder.
            serving_input_receiver_fn: makes the inputs: see
                `export.build_parsing_serving_input_receiver_fn`.
            assets_extra: files to copy, by destination inside `assets.extra/`.
            as_text: write `saved_model.pbtxt`.
            checkpoint_path: the checkpoint to export; the newest of model_dir when None.
            experimental_mode: must be PREDICT.

        Returns:
            The path of the export.

        Raises:
            ValueError: there is no trained model, or an argument is wrong.
            ExportError: the export could not be written, or does not answer as the model does.
        """
        return saved_model.export(
            self._model,
            export_dir_base,
            serving_input_receiver_fn,
            self._checkpoint(checkpoint_path),
            assets_extra=assets_extra,
            as_text=as_text,
            mode=experimental_mode,
        )

    def _checkpoint(self, path: str | None = None) -> Checkpoint | None:
        newest = self._model.checkpoints.latest()
        if path is None or (newest is not None and newest.prefix == path):
            return newest
        return Checkpoint.open(path)

    def latest_checkpoint(self) -> str | None:
        """Returns the prefix of the newest good checkpoint of model_dir, or None."""
        checkpoint = self._checkpoint()
        return checkpoint.prefix if checkpoint else None

    def get_variable_names(self) -> list[str]:
        """Returns the names in the newest checkpoint, optimizer slots included.

        Raises:
            ValueError: there is no checkpoint.
        """
        return sorted(self._trained().names_to_shapes())

    def get_variable_value(self, name: str) -> np.ndarray[Any, Any]:
        """Returns a value of the newest checkpoint.

        Args:
            name: with or without `:0`.

        Raises:
            ValueError: there is no checkpoint.
            KeyError: it holds no such variable.
        """
        return self._trained().read(name.removesuffix(":0"))

    def _trained(self) -> Checkpoint:
        checkpoint = self._checkpoint()
        if checkpoint is None:
            raise ValueError(f"Could not find trained model in model_dir: {self.model_dir}.")
        return checkpoint

    def eval_dir(self, name: str | None = None) -> str:
        """Returns the folder of evaluation events, `model_dir/eval` or `model_dir/eval_<name>`."""
        return os.path.join(self.model_dir, f"eval_{name}" if name else "eval")


def _check_positive(name: str, value: int | None) -> None:
    if value is not None and value <= 0:
        raise ValueError(f"Must specify {name} > 0, given: {value}")


def _with_model_dir(
    config: RunConfig | None, model_dir: str | os.PathLike[str] | None
) -> RunConfig:
    """Returns the run with its model_dir settled."""
    config = RunConfig() if config is None else config
    if not isinstance(config, RunConfig):
        raise ValueError(f"config must be an instance of `RunConfig`, but provided {config!r}.")
    given = os.fspath(model_dir) if model_dir else None
    if given and config.model_dir and given != str(config.model_dir):
        raise ValueError(
            "`model_dir` are set both in constructor and `RunConfig`, but with different values: "
            f"{given!r} and {config.model_dir!r}. Give it once."
        )
    chosen = given or config.model_dir
    if not chosen:
        chosen = tempfile.mkdtemp()
        logging.warning("Using temporary folder as model directory: %s", chosen)
    return config.replace(model_dir=str(chosen))
