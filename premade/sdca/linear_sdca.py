"""`LinearSDCA`: linear models solved by dual coordinate ascent, without a learning rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, final

import tensorflow as tf

from estimators import (
    BinaryClassHead,
    EstimatorSpec,
    Head,
    ModeKeys,
    MultiClassHead,
    RegressionHead,
)
from premade.columns import has_weights
from premade.model_fn import saved_parts
from premade.networks import LinearModel
from premade.sdca.batch import Batch
from premade.sdca.losses import HalfSquaredLoss, LogisticLoss, Problem
from premade.sdca.step import step
from premade.sdca.weights import LinearWeights

Tensor = Any


@final
@dataclasses.dataclass(frozen=True)
class LinearSDCA:
    """The `optimizer` of a linear model that is solved rather than descended.

    It minimises, over all examples that it has seen, each counted once::

        sum_i  weight_i * loss_i  +  l2 / 2 * (|w|^2 + bias^2)  +  l1 * |(w, bias)|_1

    The loss is half the squared error or the logistic loss; nothing is divided by a batch size or
    a sum of weights, and the bias is a feature that is always 1. Examples must have names, by
    which it knows them again in the next pass: it keeps a few numbers for each, and a name must
    always come with the same features.

    A model of up to 1024 weights without l1 is solved by sums over all examples (`sums`): one
    pass for a regression, three to five for a classifier. Others are solved by dual coordinate
    ascent (`blocks`), which touches only the weights of the batch and needs more passes the
    smaller l2 is.

    For `LinearClassifier` (two classes), `LinearRegressor` (one label) and `LinearEstimator`
    (`BinaryClassHead` or `RegressionHead`), over numeric, categorical and indicator columns.
    Evaluation reports the loss of the head. Several replicas solve for their batches together.
    A model begins at zero.

    Attributes:
        example_id_column: name of the string feature `[batch]` that holds the examples' names.
        num_loss_partitions: not looked at: the solution does not depend on how data are spread.
        num_table_shards: not looked at.
        symmetric_l1_regularization: l1, which makes weights exactly 0.
        symmetric_l2_regularization: l2.
        adaptive: not looked at: all examples of a batch are solved for.

    Raises:
        ValueError: l2 is not above 0, or l1 is below 0.

    Example:
        >>> import feature_columns as fc
        >>> from premade import LinearRegressor
        >>> rows = {"id": ["a", "b", "c"], "x": [0.0, 1.0, 2.0]}
        >>> data = lambda: tf.data.Dataset.from_tensors((rows, [1.0, 3.0, 5.0])).repeat()
        >>> solver = LinearSDCA("id", symmetric_l2_regularization=0.01)
        >>> regressor = LinearRegressor([fc.numeric_column("x")], optimizer=solver)
        >>> float(regressor.train(data, steps=1).evaluate(data, steps=1)["loss"].round(3))
        0.0
    """

    example_id_column: str
    num_loss_partitions: int = 1
    num_table_shards: int | None = None
    symmetric_l1_regularization: float = 0.0
    symmetric_l2_regularization: float = 1.0
    adaptive: bool = False

    def __post_init__(self) -> None:
        l1, l2 = self.symmetric_l1_regularization, self.symmetric_l2_regularization
        if not isinstance(self.example_id_column, str) or not self.example_id_column:
            raise ValueError(
                f"example_id_column must be the name of a feature, got {self.example_id_column!r}."
            )
        if not l2 > 0:
            raise ValueError(f"symmetric_l2_regularization should be positive, got {l2!r}.")
        if not l1 >= 0:
            raise ValueError(f"symmetric_l1_regularization should be non-negative, got {l1!r}.")


SolvableHead: TypeAlias = BinaryClassHead | RegressionHead


def solvable(head: Head, columns: Sequence[Any], combiner: str, warm_start: Any) -> SolvableHead:
    """Returns the head of a model that `LinearSDCA` can solve.

    Raises:
        ValueError: it cannot; says why.
    """
    if combiner != "sum":
        raise ValueError(
            'sparse_combiner must be "sum" when optimizer is a LinearSDCA object, got '
            f"{combiner!r}."
        )
    if warm_start is not None:
        raise ValueError(
            "LinearSDCA begins at zero: weights without the dual variables of the examples that "
            "they were learned from are no state of it. Leave warm_start_from out."
        )
    for column in columns:
        if has_weights(column):
            raise ValueError(
                f"LinearSDCA does not support column type {type(column).__name__}: "
                f"{column.name!r} has weights of its own, and the model is not linear in them."
            )
    if isinstance(head, BinaryClassHead | RegressionHead):
        if head.logits_dimension != 1:
            raise ValueError(
                "LinearSDCA can only be used with one-dimensional labels, got label_dimension="
                f"{head.logits_dimension}. Train one model for each, or take another optimizer."
            )
        return head
    if isinstance(head, MultiClassHead):
        raise ValueError(
            "LinearSDCA cannot be used in a multi-class setting, got "
            f"{head.logits_dimension} classes. Train one model for each, or take another optimizer."
        )
    raise ValueError(
        f"Unsupported head type: {type(head).__name__}. LinearSDCA knows the losses of "
        "RegressionHead and BinaryClassHead."
    )


def build(
    solver: LinearSDCA, head: SolvableHead, network: Callable[[int], LinearModel]
) -> Callable[..., EstimatorSpec]:
    """Returns the `model_fn` of a linear model that `solver` solves.

    Args:
        solver: what trains it.
        head: see `solvable`.
        network: makes the linear model, given the number of outputs.
    """
    problem = Problem(
        LogisticLoss() if isinstance(head, BinaryClassHead) else HalfSquaredLoss(),
        l1=float(solver.symmetric_l1_regularization),
        l2=float(solver.symmetric_l2_regularization),
    )

    def model_fn(features: Mapping[str, Tensor], labels: Any, mode: str) -> EstimatorSpec:
        linear = network(head.logits_dimension)
        logits = linear(features)

        def train_op() -> None:
            names = _names(features, solver.example_id_column)
            targets = head.targets(labels, logits, features)
            batch = Batch.of(names, linear.columns.design(features), targets)
            step(problem, LinearWeights.of(linear), batch.of_all_replicas())

        is_training = mode == ModeKeys.TRAIN
        spec = head.create_estimator_spec(
            features,
            mode,
            logits,
            labels,
            train_op_fn=(lambda loss: train_op) if is_training else None,
        )
        return dataclasses.replace(spec, saved_parts=saved_parts([linear]))

    return model_fn


def _names(features: Mapping[str, Tensor], key: str) -> Tensor:
    """Returns the names of the examples, string `[batch]` or `[batch, 1]`.

    Raises:
        ValueError: the feature is missing, or is of another type.
    """
    if key not in features:
        raise ValueError(
            f"LinearSDCA needs the feature {key!r} (example_id_column) with the names of the "
            f"examples. The input_fn returns {sorted(features)}."
        )
    names = features[key]
    if isinstance(names, tf.SparseTensor | tf.RaggedTensor) or names.dtype != tf.string:
        raise ValueError(
            f"The names of the examples, feature {key!r}, must be a dense tensor of strings, "
            f"[batch], got {names!r}. Make numbers to strings with tf.strings.as_string."
        )
    return names
