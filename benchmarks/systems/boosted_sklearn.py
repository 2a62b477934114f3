"""scikit-learn's histogram gradient boosting; its threads are those of OpenMP."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.boosted_rows import BoostedRows
from benchmarks.systems.boosted import Growth, serve_trees


class ScikitLearn:
    """Bins inside `fit`. It has no least second derivative of a node that can be set."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth

    def bin(self, rows: BoostedRows) -> bool:
        """Takes the rows."""
        self._rows = rows
        return False

    def train(self) -> None:
        """Bins and grows the trees."""
        growth = self._growth
        self._model = HistGradientBoostingClassifier(
            max_iter=growth.trees,
            max_depth=growth.depth,
            max_leaf_nodes=None,
            learning_rate=growth.learning_rate,
            max_bins=growth.bins - 1,  # the most that it takes
            l2_regularization=growth.l2,
            min_samples_leaf=1,
            early_stopping=False,
        ).fit(self._rows.features, self._rows.labels)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Returns probabilities."""
        return self._model.predict_proba(features)[:, 1]


if __name__ == "__main__":
    serve_trees(ScikitLearn, "scikit-learn")
