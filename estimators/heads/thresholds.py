"""Accuracy, precision and recall where a probability above a threshold counts as a yes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import final

import keras
import tensorflow as tf

from estimators.aliases import Tensor
from estimators.heads.keys import MetricKeys
from estimators.heads.metrics import hits, precision, recall
from estimators.heads.single import MetricMakers, Observations


@final
@dataclasses.dataclass(frozen=True)
class Thresholds:
    """The thresholds that a head measures at.

    Attributes:
        owner: the head, for messages.
        values: probabilities in (0, 1).

    Raises:
        ValueError: a threshold is out of its range.

    >>> list(Thresholds("head", (0.25,)).metric_makers())[0]
    'accuracy/positive_threshold_0.25'
    """

    owner: str
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for value in self.values:
            if not 0.0 < value < 1.0:
                raise ValueError(
                    f"{self.owner}: thresholds not in (0, 1): {self.values}. Wrong is {value}."
                )

    @classmethod
    def of(cls, owner: str, values: Iterable[float] | None) -> Thresholds:
        """Returns those that a head was given, as a list, as an array or as None for none."""
        return cls(owner, () if values is None else tuple(values))

    def metric_makers(self) -> MetricMakers:
        """Returns how to make the metrics of all thresholds."""
        makers: MetricMakers = {}
        for value in self.values:
            makers |= {
                MetricKeys.ACCURACY_AT_THRESHOLD % value: keras.metrics.Mean,
                MetricKeys.PRECISION_AT_THRESHOLD % value: precision,
                MetricKeys.RECALL_AT_THRESHOLD % value: recall,
            }
        return makers

    def observations(self, labels: Tensor, probabilities: Tensor) -> Observations:
        """Returns what they are to be given: labels and probabilities are float32, one shape."""
        observations: Observations = {}
        for value in self.values:
            above = tf.cast(probabilities > value, tf.float32)
            observations |= {
                MetricKeys.ACCURACY_AT_THRESHOLD % value: (hits(labels, above),),
                MetricKeys.PRECISION_AT_THRESHOLD % value: (labels, above),
                MetricKeys.RECALL_AT_THRESHOLD % value: (labels, above),
            }
        return observations
