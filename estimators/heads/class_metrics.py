"""Precision, recall and F1 of some classes, each seen as a question of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import final

import numpy as np

from estimators.aliases import Tensor
from estimators.heads.classes import ClassNames
from estimators.heads.keys import MetricKeys
from estimators.heads.metrics import F1, precision, recall
from estimators.heads.single import MetricMakers, Observations


@final
@dataclasses.dataclass(frozen=True)
class ClassMetrics:
    """The classes that a head measures one by one.

    Attributes:
        ids: the id of each class by what its keys end with: `class<id>`, or its name.

    >>> chosen = ClassMetrics.of("head", ClassNames("head", 3, ["a", "b", "c"]), [0, "c"])
    >>> chosen.ids
    {'class0': 0, 'c': 2}
    >>> list(chosen.metric_makers())
    ['precision/class0', 'recall/class0', 'f1/class0', 'precision/c', 'recall/c', 'f1/c']
    """

    ids: Mapping[str, int]

    @classmethod
    def of(
        cls, owner: str, classes: ClassNames, chosen: Iterable[int | str] | None
    ) -> ClassMetrics:
        """Returns the classes that `classes_for_class_based_metrics` names, None being none.

        Args:
            owner: the head, for messages.
            classes: those that there are.
            chosen: ids, or names where there is a vocabulary.

        Raises:
            ValueError: there is no such class.
        """
        return cls(
            {
                choice if isinstance(choice, str) else f"class{choice}": _class_id(
                    owner, classes, choice
                )
                for choice in (() if chosen is None else chosen)
            }
        )

    def metric_makers(self) -> MetricMakers:
        """Returns how to make the three metrics of each class."""
        makers: MetricMakers = {}
        for end in self.ids:
            makers |= {
                MetricKeys.PRECISION_AT_NAME % end: precision,
                MetricKeys.RECALL_AT_NAME % end: recall,
                MetricKeys.F1_AT_NAME % end: F1,
            }
        return makers

    def observations(
        self, is_label: Callable[[int], Tensor], is_predicted: Callable[[int], Tensor]
    ) -> Observations:
        """Returns what the metrics are to be given.

        Args:
            is_label: of a class id, where the class is right: float32 `[batch, ..., 1]`.
            is_predicted: of a class id, where the class is answered, as `is_label`.
        """
        observations: Observations = {}
        for end, index in self.ids.items():
            pair = is_label(index), is_predicted(index)
            observations |= {
                MetricKeys.PRECISION_AT_NAME % end: pair,
                MetricKeys.RECALL_AT_NAME % end: pair,
                MetricKeys.F1_AT_NAME % end: pair,
            }
        return observations


def _class_id(owner: str, classes: ClassNames, choice: int | str) -> int:
    if isinstance(choice, str):
        if classes.vocabulary is None:
            raise ValueError(
                f"{owner}: label_vocabulary must be provided when "
                f"classes_for_class_based_metrics are strings. Given: {choice!r}"
            )
        names = classes.output_names()
        if choice not in names:
            raise ValueError(
                f"{owner}: classes_for_class_based_metrics must be in label_vocabulary "
                f"{list(names[:5])}. Given: {choice!r}"
            )
        return names.index(choice)
    if not isinstance(choice, int | np.integer) or not 0 <= choice < classes.n_classes:
        raise ValueError(
            f"{owner}: All classes_for_class_based_metrics must be in range "
            f"[0, {classes.n_classes - 1}]. Given: {choice}"
        )
    return int(choice)
