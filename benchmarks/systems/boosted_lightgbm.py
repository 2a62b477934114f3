"""LightGBM, under its own interpreter."""

from __future__ import annotations

import lightgbm
import numpy as np

from benchmarks.boosted_rows import BoostedRows
from benchmarks.systems.boosted import Growth, serve_trees


class LightGBM:
    """Grows leaf by leaf, here not below the depth of the others, so to the same size."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth

    def bin(self, rows: BoostedRows) -> bool:
        """Makes a dataset of bins."""
        growth = self._growth
        self._parameters = {
            "objective": "binary",
            "max_depth": growth.depth,
            "num_leaves": 2**growth.depth,
            "learning_rate": growth.learning_rate,
            "max_bin": growth.bins - 1,  # one more takes two bytes for each value
            "lambda_l2": growth.l2,
            "min_sum_hessian_in_leaf": growth.min_weight,
            "min_data_in_leaf": 1,
            "num_threads": growth.threads,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(rows.features, rows.labels, params=self._parameters)
        self._data = data.construct()
        return True

    def train(self) -> None:
        """Grows the trees."""
        self._model = lightgbm.train(self._parameters, self._data, self._growth.trees)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Returns probabilities."""
        return self._model.predict(features, num_threads=self._growth.threads)


if __name__ == "__main__":
    serve_trees(LightGBM, "lightgbm")
