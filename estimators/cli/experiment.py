"""What a gin file describes: one experiment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimators.aliases import InputFn
from estimators.estimator import Estimator
from estimators.export import Exporter, build_parsing_serving_input_receiver_fn
from estimators.spec import EvalSpec, TrainSpec


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An estimator, its data, and how long.

    Attributes:
        estimator: makes the Estimator; called with `model_dir`.
        train_input_fn: makes the training data.
        max_steps: global step to train up to.
        eval_input_fn: makes the evaluation data; None for modes that do not evaluate.
        eval_steps: batches per evaluation; None means one whole pass.
        eval_every_steps: training steps between two evaluations, in mode train_and_eval.
        feature_spec: how a serialized tf.Example is parsed, by feature; it also says which columns
            of a csv file prediction reads, and as which type.
        one_value_each: whether every feature has one value in each row, as in csv files and arrays.
            A serialized tf.Example is then parsed to the same shape, a missing text to "". Without
            it a missing text is no value at all, which a cross tells from "": the exported model
            would answer otherwise than the one that was trained.
        exporters: run after each evaluation.
        best_possible: the best value that any model could reach, by metric, where it is known.

    Example:
        >>> from estimators import Estimator
        >>> experiment = Experiment(Estimator, train_input_fn=lambda: None, max_steps=10)
        >>> experiment.train_spec().max_steps
        10
    """

    estimator: Callable[..., Estimator]
    train_input_fn: InputFn
    max_steps: int
    eval_input_fn: InputFn | None = None
    eval_steps: int | None = None
    eval_every_steps: int = 1000
    feature_spec: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    one_value_each: bool = False
    exporters: Sequence[Exporter] = ()
    best_possible: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def train_spec(self, hooks: Sequence[Any] = ()) -> TrainSpec:
        """Returns what to train on."""
        return TrainSpec(self.train_input_fn, max_steps=self.max_steps, hooks=hooks)

    def eval_spec(self) -> EvalSpec:
        """Returns what to evaluate on.

        Raises:
            ValueError: there is no `eval_input_fn`.
        """
        return EvalSpec(
            self.evaluation_data(),
            steps=self.eval_steps,
            exporters=self.exporters,
            every_steps=self.eval_every_steps,
        )

    def evaluation_data(self) -> InputFn:
        """Returns `eval_input_fn`.

        Raises:
            ValueError: there is none.
        """
        if self.eval_input_fn is None:
            raise ValueError(
                "This mode evaluates, and the experiment has no evaluation data. Bind "
                "estimators.Experiment.eval_input_fn in the gin file."
            )
        return self.eval_input_fn

    def serving_input_receiver_fn(self) -> Callable[[], Any]:
        """Returns the inputs of an export: serialized tf.Examples.

        Raises:
            ValueError: there is no `feature_spec`.
        """
        return build_parsing_serving_input_receiver_fn(self.parsing())

    def parsing(self) -> Mapping[str, Any]:
        """Returns how a serialized tf.Example is parsed, by feature.

        Raises:
            ValueError: there is none.
        """
        if not self.feature_spec:
            raise ValueError(
                "This mode must know the features, and the experiment does not say them. Bind "
                "estimators.Experiment.feature_spec = @feature_columns.make_parse_example_spec()."
            )
        if not self.one_value_each:
            return self.feature_spec
        return {key: _one_value(parse) for key, parse in self.feature_spec.items()}


def _one_value(parse: Any) -> Any:
    """Returns a parser of one value where `parse` takes any number; no value is "" or -1."""
    if not isinstance(parse, tf.io.VarLenFeature):
        return parse
    missing = "" if parse.dtype == tf.string else -1
    return tf.io.FixedLenFeature((), parse.dtype, missing)
