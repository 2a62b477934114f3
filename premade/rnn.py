"""Recurrent networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from estimators import Head, RunConfig, SequentialHeadWrapper
from estimators.heads.losses import SUM_OVER_BATCH_SIZE
from premade import optimizers
from premade.columns import checked_columns
from premade.linear import class_head
from premade.model_fn import Tower, preprocess
from premade.network_estimator import NetworkEstimator
from premade.recurrent import RNNModel, checked_maker


class RNNEstimator(NetworkEstimator):
    """A recurrent network under any head, which gets the last output of each sequence, or all.

    Args:
        head: says what the logits mean.
        sequence_feature_columns: `sequence_numeric_column`, and
            `sequence_categorical_column_with_*` in `embedding_column` or `indicator_column`. All
            features have the same number of steps.
        context_feature_columns: dense columns of what an example has once; every step sees them.
        units: size of the recurrent layer, or a list of sizes for several on top of each other.
        cell_type: 'simple_rnn', 'lstm', 'gru' or a class of Keras cells; None is 'simple_rnn'.
        rnn_cell_fn: returns a Keras cell, instead of `units` and `cell_type`.
        return_sequences: answer for each step of a sequence, instead of once at its end; `head`
            must then be a `SequentialHeadWrapper`.
        model_dir: see `Estimator`.
        optimizer: what `estimators.optimizers.get` takes; a name means a learning rate of 0.05,
            and that the gradient of each variable is clipped to the norm 5.
        config: see `Estimator`.

    Raises:
        ValueError: there are no sequence columns, `units`, `cell_type` and `rnn_cell_fn` do not
            go together, or the head and `return_sequences` do not.

    Example:
        >>> import feature_columns as fc
        >>> from estimators import RegressionHead
        >>> price = fc.sequence_numeric_column("price")
        >>> estimator = RNNEstimator(RegressionHead(), [price], units=8, cell_type="gru")
        >>> estimator.model_fn is not None
        True
    """

    def __init__(
        self,
        head: Head,
        sequence_feature_columns: Iterable[Any],
        context_feature_columns: Iterable[Any] | None = None,
        units: int | Sequence[int] | None = None,
        cell_type: Any = None,
        rnn_cell_fn: Callable[[], Any] | None = None,
        return_sequences: bool = False,
        model_dir: str | None = None,
        optimizer: Any = "Adagrad",
        config: RunConfig | None = None,
    ) -> None:
        _check_head(head, return_sequences)
        sequence = checked_columns(sequence_feature_columns, "sequence_feature_columns")
        context = (
            checked_columns(context_feature_columns, "context_feature_columns")
            if context_feature_columns
            else []
        )
        make_layer = checked_maker(units, cell_type, rnn_cell_fn, return_sequences)
        tower = Tower(
            lambda outputs: RNNModel(make_layer(), sequence, context, outputs),
            optimizers.for_recurrent(optimizer),
        )
        super().__init__(
            head,
            [tower],
            model_dir,
            config,
            preprocess_fn=preprocess(head, dense=[*sequence, *context]),
        )


def _check_head(head: Head, return_sequences: bool) -> None:
    if isinstance(head, SequentialHeadWrapper) == bool(return_sequences):
        return
    if return_sequences:
        raise ValueError(
            "Provided head must be a SequentialHeadWrapper when `return_sequences` is set to True. "
            f"Wrap it: SequentialHeadWrapper(head). Given: {head!r}."
        )
    raise ValueError(
        "A SequentialHeadWrapper answers for each step of a sequence: set `return_sequences` to "
        "True, or give the head that it wraps."
    )


class RNNClassifier(RNNEstimator):
    """A classifier of sequences, or of each of their steps.

    Args:
        sequence_feature_columns: see `RNNEstimator`.
        context_feature_columns: see `RNNEstimator`.
        units: see `RNNEstimator`.
        cell_type: see `RNNEstimator`.
        rnn_cell_fn: see `RNNEstimator`.
        return_sequences: classify each step of a sequence. Labels are then `[batch, time]`, dense,
            or sparse or ragged with one for each step; weights too.
        model_dir: see `Estimator`.
        n_classes: number of classes.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the classes, when labels are strings.
        optimizer: see `RNNEstimator`.
        loss_reduction: `sum_over_batch_size` or `sum`.
        sequence_mask: with `return_sequences`, the key of the prediction that says which steps
            are there: see `SequentialHeadWrapper`.
        config: see `Estimator`.

    Example:
        >>> import feature_columns as fc
        >>> words = fc.sequence_categorical_column_with_hash_bucket("words", 1000)
        >>> RNNClassifier([fc.embedding_column(words, 8)], units=[16, 8], cell_type="lstm").params
        {}
    """

    def __init__(
        self,
        sequence_feature_columns: Iterable[Any],
        context_feature_columns: Iterable[Any] | None = None,
        units: int | Sequence[int] | None = None,
        cell_type: Any = None,
        rnn_cell_fn: Callable[[], Any] | None = None,
        return_sequences: bool = False,
        model_dir: str | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Adagrad",
        loss_reduction: str = SUM_OVER_BATCH_SIZE,
        sequence_mask: str = "sequence_mask",
        config: RunConfig | None = None,
    ) -> None:
        head = class_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(
            SequentialHeadWrapper(head, sequence_mask) if return_sequences else head,
            sequence_feature_columns,
            context_feature_columns,
            units,
            cell_type,
            rnn_cell_fn,
            return_sequences,
            model_dir,
            optimizer,
            config,
        )
