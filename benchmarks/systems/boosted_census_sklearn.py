"""scikit-learn on census rows, with `categorical_features`."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.census_columns import CensusColumns
from benchmarks.systems.boosted import Growth
from benchmarks.systems.boosted_census import Predict, serve_census


def train(rows: CensusColumns, growth: Growth) -> Predict:
    """Grows trees."""
    vocabularies = rows.vocabularies()
    model = HistGradientBoostingClassifier(
        max_iter=growth.trees,
        max_depth=growth.depth,
        max_leaf_nodes=None,
        learning_rate=growth.learning_rate,
        max_bins=growth.bins - 1,
        l2_regularization=growth.l2,
        categorical_features=[False] * len(rows.numbers) + [True] * len(rows.words),
        early_stopping=False,
    ).fit(rows.table(vocabularies), rows.labels)

    def predict(rows: CensusColumns) -> np.ndarray:
        return model.predict_proba(rows.table(vocabularies))[:, 1]

    return predict


if __name__ == "__main__":
    serve_census(train, "scikit-learn")
