"""The metric that Keras lacks.

All other metrics of heads are Keras's own. Compiled, the nine metrics of a binary head take
0.08 ms for a batch of 512 rows; metrics with one fused histogram for both areas under the curve
took 0.06, which is not worth owning them.
"""

from __future__ import annotations

from typing import Any, final

import keras
import tensorflow as tf

from estimators.aliases import Tensor


@final
class AccuracyBaseline(keras.metrics.Metric):
    """The accuracy of always answering the more frequent of two classes.

    `max(m, 1 - m)`, m being the weighted mean of all labels seen, not a mean over batches.

    >>> metric = AccuracyBaseline()
    >>> metric.update_state([1.0, 0.0, 0.0, 0.0])
    >>> float(metric.result())
    0.75
    """

    def __init__(self, name: str = "accuracy_baseline", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self._label_mean = keras.metrics.Mean(name=name, dtype=dtype)

    def update_state(self, labels: Tensor, sample_weight: Tensor | None = None) -> None:
        """Adds labels `[batch]`, each in 0 to 1, with weights `[batch]`."""
        self._label_mean.update_state(labels, sample_weight=sample_weight)

    def result(self) -> Tensor:
        """Returns the larger share of the two classes, a scalar."""
        mean = self._label_mean.result()
        return tf.maximum(mean, 1.0 - mean)

    def reset_state(self) -> None:
        """Forgets all labels."""
        self._label_mean.reset_state()
