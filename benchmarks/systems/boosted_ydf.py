"""Yggdrasil Decision Forests, under its own interpreter."""

from __future__ import annotations

import numpy as np
import ydf

from benchmarks.boosted_rows import BoostedRows
from benchmarks.systems.boosted import Growth, serve_trees


class Ydf:
    """Bins where the rows are made a dataset. It has no least second derivative of a node."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth

    def bin(self, rows: BoostedRows) -> bool:
        """Makes a dataset of bins."""
        self._data = ydf.create_vertical_dataset(
            {"x": rows.features, "label": rows.labels},
            columns=[("label", ydf.Semantic.CATEGORICAL)],
            include_all_columns=True,
            discretize_numerical_columns=True,
            num_discretized_numerical_bins=self._growth.bins - 1,
        )
        return True

    def train(self) -> None:
        """Grows the trees."""
        growth = self._growth
        learner = ydf.GradientBoostedTreesLearner(
            label="label",
            num_trees=growth.trees,
            max_depth=growth.depth + 1,  # counts levels of nodes, the others those of splits
            shrinkage=growth.learning_rate,
            l2_regularization=growth.l2,
            use_hessian_gain=True,  # as all others
            min_examples=1,
            validation_ratio=0.0,
            early_stopping="NONE",
            num_threads=growth.threads,
        )
        self._model = learner.train(self._data, verbose=0)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Returns probabilities."""
        of_second = self._model.predict({"x": features}, num_threads=self._growth.threads)
        # Its classes are in the order of their frequency.
        return of_second if self._model.label_classes()[1] == "1" else 1 - of_second


if __name__ == "__main__":
    serve_trees(Ydf, "ydf")
