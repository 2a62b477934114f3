"""What the trees of a head learn: its loss, and what must be kept of each row for it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Self, final

import tensorflow as tf

from estimators import (
    BinaryClassHead,
    Head,
    LogisticRegressionHead,
    MultiClassHead,
    MultiLabelHead,
    PoissonRegressionHead,
    RegressionHead,
)
from estimators.heads import losses
from estimators.heads.single import SingleHead
from premade.boosted_trees.derivatives import (
    KnownLoss,
    Logistic,
    Looked,
    Loss,
    Poisson,
    Softmax,
    Squared,
)
from premade.boosted_trees.residual_losses import AbsoluteError
from premade.boosted_trees.taped_loss import FEATURES, LABELS, TapedLoss

Tensor = Any


@final
@dataclasses.dataclass(frozen=True)
class Objective:
    """A head and its loss.

    Attributes:
        head: says what the logits mean.
        loss: a formula for the heads of this project, as long as they have no `loss_fn` other
            than one of these formulas; the derivatives of all others are found by TensorFlow.

    Example:
        >>> Objective.of(RegressionHead()).loss
        Squared()
    """

    head: Head
    loss: Loss

    @classmethod
    def of(cls, head: Head) -> Self:
        """Returns the objective of a head."""
        return cls(head, _loss_of(head))

    @property
    def outputs(self) -> int:
        """Number of logits, and of trees in a step."""
        return self.head.logits_dimension

    @property
    def quantile(self) -> float | None:
        """Where leaves are a quantile of what is left to explain, which one; else None."""
        return self.loss.quantile if isinstance(self.loss, KnownLoss) else None

    def look(self, labels: Any, logits: tuple[Tensor, ...], weights: Tensor) -> Looked:
        """Returns what trees learn of the rows of a shard, compiled if it can be; see `Loss`."""
        return Looked(*self._look_at(labels, logits, weights))

    @functools.cached_property
    def _look_at(self) -> Any:
        return tf.function(self.loss.look, jit_compile=self.loss.is_compiled, autograph=False)

    def targets(self, features: Any, labels: Any) -> tuple[Any, Tensor]:
        """Returns labels and weights of a batch, as `Loss.look` takes them.

        Raises:
            ValueError: labels or features are not dense, where the loss is not a known formula.
        """
        if not (isinstance(self.loss, KnownLoss) and isinstance(self.head, SingleHead)):
            return self._raw_targets(features, labels)
        (first, *_) = tf.nest.flatten(labels)
        logits = tf.zeros(tf.stack([_rows_of(first), self.outputs]))
        labels, weights = self.head.targets(labels, logits, features, knows_loss_fn=True)
        labels, weights = (tf.cast(x, tf.float32) for x in (labels, weights))
        labels = tf.debugging.assert_all_finite(labels, "labels must be finite numbers.")
        return _squeezed(labels), _squeezed(weights)

    def needed(self, features: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the features that `targets` looks at, as far as they are there."""
        keys = self.head.feature_keys
        if keys is None:
            keys = tuple(key for key, x in features.items() if isinstance(x, tf.Tensor))
        return {key: features[key] for key in keys if key in features}

    def _raw_targets(self, features: Any, labels: Any) -> tuple[Any, Tensor]:
        kept = {LABELS: labels, FEATURES: self.needed(features)}
        for each in tf.nest.flatten(kept):
            if not isinstance(each, tf.Tensor):
                raise ValueError(
                    f"Boosted trees under {type(self.head).__name__} keep labels and weights as "
                    f"dense tensors, got a {type(each).__name__}. Convert it in the input_fn, for "
                    "instance with tf.sparse.to_dense."
                )
        (first, *_) = tf.nest.flatten(labels)
        return kept, tf.ones(tf.shape(first)[:1])


def regression_head(loss: Any, label_dimension: int, weight_column: Any) -> Head:
    """Returns the head of a regressor.

    Args:
        loss: see `BoostedTreesRegressor`.
        label_dimension: numbers per example.
        weight_column: see `RegressionHead`.

    Raises:
        ValueError: there is no loss of this name.

    >>> Objective.of(regression_head("absolute", 1, None)).loss
    AbsoluteError()
    """
    if loss == "poisson":
        return PoissonRegressionHead(label_dimension, weight_column)
    names: dict[str, Any] = {"squared": None, "absolute": AbsoluteError()}
    if isinstance(loss, str) and loss not in names:
        raise ValueError(
            f"loss must be one of {[*names, 'poisson']}, HuberError(delta=...), "
            f"QuantileError(quantile=...) or a loss_fn as RegressionHead takes it, got {loss!r}."
        )
    loss_fn = names[loss] if isinstance(loss, str) else loss
    return RegressionHead(label_dimension, weight_column, loss_fn=loss_fn)


def _loss_of(head: Head) -> Loss:
    if isinstance(head, RegressionHead) and isinstance(head.loss_fn, KnownLoss):
        return head.loss_fn
    if not isinstance(head, SingleHead) or head.loss_fn is not None:
        return TapedLoss(head)
    if isinstance(head, PoissonRegressionHead):
        return Poisson(is_full=head.usual_loss is losses.full_poisson_loss)
    kinds: dict[type[Head], Loss] = {
        BinaryClassHead: Logistic(),
        LogisticRegressionHead: Logistic(),
        MultiLabelHead: Logistic(),
        MultiClassHead: Softmax(),
        RegressionHead: Squared(),
    }
    return kinds.get(type(head)) or TapedLoss(head)


def _rows_of(x: Any) -> Tensor:
    """Returns the number of rows of a dense, sparse or ragged tensor."""
    if isinstance(x, tf.SparseTensor):
        return tf.cast(x.dense_shape[0], tf.int32)
    return tf.cast(x.nrows(), tf.int32) if isinstance(x, tf.RaggedTensor) else tf.shape(x)[0]


def _squeezed(x: Tensor) -> Tensor:
    """Returns `[batch, 1]` as `[batch]`."""
    return tf.squeeze(x, axis=-1) if x.shape[-1] == 1 else x
