"""Predictions with what each column adds to them."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, final

import numpy as np
import tensorflow as tf

from estimators import BinaryClassHead, Head
from estimators.heads.linked import LinkedHead
from premade.boosted_trees.contributions import contributions
from premade.boosted_trees.forest import Forest

Tensor = Any

BIAS, CONTRIBUTIONS, DFC = "bias", "contributions", "dfc"


@final
@dataclasses.dataclass(frozen=True)
class Explainer:
    """What is said of each prediction.

    Attributes:
        link: from the logit to the prediction.
        columns: the column of each feature.
    """

    link: Callable[[Tensor], Tensor]
    columns: Sequence[str]

    @classmethod
    def of(cls, head: Head, columns: Sequence[str]) -> Self:
        """Returns the explainer of a head's predictions.

        Raises:
            ValueError: the head has several logits, or it is not known what they mean.
        """
        if head.logits_dimension == 1 and isinstance(head, BinaryClassHead):
            return cls(tf.sigmoid, columns)
        if head.logits_dimension == 1 and isinstance(head, LinkedHead):
            return cls(head.predicted, columns)
        raise ValueError(
            "Predictions are explained of a BinaryClassHead, or of a regression of one number; got "
            f"{type(head).__name__} with {head.logits_dimension} logits. Train one model for each "
            "class, or for each label."
        )

    def predictions(self, forest: Forest, bins: Tensor) -> dict[str, Tensor]:
        """Returns where predictions start, `[batch]`, and what columns add, `[batch, columns]`.

        Args:
            forest: of tensors.
            bins: int32 `[features, batch]`.
        """
        bias, found = contributions(forest, bins, len(self.columns), self.link)
        names = list(dict.fromkeys(self.columns))
        place = [names.index(column) for column in self.columns]
        by_column = tf.transpose(
            tf.math.unsorted_segment_sum(tf.transpose(found), place, len(names))
        )
        return {BIAS: tf.fill(tf.shape(bins)[1:], bias), CONTRIBUTIONS: by_column}

    def named(self, predictions: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yields predictions with `dfc`, column by column, in place of the plain numbers."""
        names = list(dict.fromkeys(self.columns))
        for each in predictions:
            numbers = each.pop(CONTRIBUTIONS)
            order = np.argsort(-np.abs(numbers), kind="stable")
            dfc = collections.OrderedDict((names[i], float(numbers[i])) for i in order)
            yield {**each, BIAS: float(each[BIAS]), DFC: dfc}
