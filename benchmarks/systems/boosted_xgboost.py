"""XGBoost, under its own interpreter."""

from __future__ import annotations

import numpy as np
import xgboost

from benchmarks.boosted_rows import BoostedRows
from benchmarks.systems.boosted import Growth, serve_trees


class XGBoost:
    """Histograms, grown level by level; `inplace_predict`, which makes no matrix first."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth

    def bin(self, rows: BoostedRows) -> bool:
        """Makes a matrix of bins."""
        growth = self._growth
        self._matrix = xgboost.QuantileDMatrix(
            rows.features, rows.labels, max_bin=growth.bins, nthread=growth.threads
        )
        return True

    def train(self) -> None:
        """Grows the trees."""
        growth = self._growth
        parameters = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "max_depth": growth.depth,
            "eta": growth.learning_rate,
            "max_bin": growth.bins,
            "lambda": growth.l2,
            "min_child_weight": growth.min_weight,
            "nthread": growth.threads,
        }
        self._model = xgboost.train(parameters, self._matrix, growth.trees)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Returns probabilities."""
        return self._model.inplace_predict(features)


if __name__ == "__main__":
    serve_trees(XGBoost, "xgboost-cpu")
