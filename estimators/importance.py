"""`permutation_importance`: how much a model leans on each feature.

Shuffle one feature over the rows: whatever it told of the label is gone, and its values stay
plausible. How much worse an evaluation becomes is what the model, as it was trained, owes to the
feature. Breiman, "Random Forests", Machine Learning 45, 2001; for any model and metric Fisher,
Rudin and Dominici, "All Models are Wrong, but Many are Useful", JMLR 20, 2019.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from estimators.aliases import InputFn
from estimators.estimator import Estimator
from estimators.rows import Rows

_EVENTS = "permutation_importance"


@dataclasses.dataclass(frozen=True)
class FeatureImportance:
    """How much a metric worsens when one feature is shuffled over the rows.

    Attributes:
        feature: key of the feature.
        mean: of `drops`; near zero, or below, for a feature that does not matter.
        std: standard deviation of `drops` (divided by their number, as scikit-learn's).
        drops: by how much the metric worsened, for each repeat.

    Example:
        >>> FeatureImportance("age", mean=0.5, std=0.1, drops=(0.4, 0.6)).feature
        'age'
    """

    feature: str
    mean: float
    std: float
    drops: tuple[float, ...]


def permutation_importance(
    estimator: Estimator,
    input_fn: InputFn,
    metric: str = "loss",
    *,
    higher_is_better: bool = False,
    features: Sequence[str] | None = None,
    repeats: int = 5,
    seed: int = 0,
    steps: int | None = None,
    checkpoint_path: str | None = None,
) -> list[FeatureImportance]:
    """Returns how much a metric worsens when each feature is shuffled over the rows.

    All rows are read once and held in memory. A feature is shuffled over all of them, not within
    its batch, and whole: the numbers of a vector, the words of a sentence stay together. What two
    features know alike, shuffling one of them does not take away: both look unimportant.

    Evaluates `1 + repeats * features` times; the events are in `eval_permutation_importance`.

    Args:
        estimator: a trained model.
        input_fn: as for `Estimator.evaluate`; its features are a dictionary. Rows that the model
            was not trained on tell more than those that it was.
        metric: key of a number that `Estimator.evaluate` returns. With batches of different
            sizes `average_loss`, the mean over rows, is better than `loss`, that over batches.
        higher_is_better: whether the metric falls when it worsens, as `accuracy` does.
        features: keys to shuffle; None means all.
        repeats: shuffles for each feature.
        seed: of the shuffles. All features are shuffled alike, so that the result for one does
            not depend on which others are asked for.
        steps: number of batches; None means one whole pass over the data.
        checkpoint_path: see `Estimator.evaluate`.

    Returns:
        One for each feature, the most important one first.

    Raises:
        ValueError: `repeats` is below 1; the data is empty, has no end, or its features are no
            dictionary; a feature has no rows, or of different shapes in different batches.
        KeyError: the metric or a feature is unknown.

    Example:
        >>> from estimators import EstimatorSpec
        >>> def model_fn(features, labels, mode):
        ...     return EstimatorSpec(mode, loss=tf.reduce_mean((features["x"] - labels) ** 2))
        >>> def input_fn():
        ...     x = tf.constant([[0.0], [1.0], [2.0], [3.0]])
        ...     return tf.data.Dataset.from_tensor_slices(({"x": x, "noise": -x}, x)).batch(2)
        >>> for each in permutation_importance(Estimator(model_fn), input_fn):
        ...     print(each.feature, each.mean > 0)
        x True
        noise False
    """
    if repeats < 1:
        raise ValueError(f"`repeats` ({repeats}) must be at least 1.")
    rows = Rows.read("permutation_importance", estimator, input_fn, steps)
    keys = rows.checked_keys(features)
    permutations = [
        np.random.default_rng([seed, repeat]).permutation(rows.count) for repeat in range(repeats)
    ]

    def score(given: Rows) -> float:
        found = estimator.evaluate(given.dataset, checkpoint_path=checkpoint_path, name=_EVENTS)
        if metric not in found:
            raise KeyError(f"`metric` ({metric!r}) is not among {sorted(found)}.")
        return float(found[metric]) * (-1.0 if higher_is_better else 1.0)

    before = score(rows)
    made = []
    for key in keys:
        drops = [score(rows.shuffled(key, order)) - before for order in permutations]
        mean, std = float(np.mean(drops)), float(np.std(drops))
        made.append(FeatureImportance(key, mean, std, tuple(drops)))
    return sorted(made, key=lambda each: -each.mean)
