"""XGBoost on census rows, with `enable_categorical`."""

from __future__ import annotations

import numpy as np
import xgboost

from benchmarks.census_columns import CensusColumns
from benchmarks.systems.boosted import Growth
from benchmarks.systems.boosted_census import Predict, serve_census


def train(rows: CensusColumns, growth: Growth) -> Predict:
    """Grows trees."""
    vocabularies = rows.vocabularies()
    kinds = ["q"] * len(rows.numbers) + ["c"] * len(rows.words)

    def matrix(rows: CensusColumns) -> xgboost.DMatrix:
        table = rows.table(vocabularies)
        return xgboost.DMatrix(table, rows.labels, feature_types=kinds, enable_categorical=True)

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
    model = xgboost.train(parameters, matrix(rows), growth.trees)

    def predict(rows: CensusColumns) -> np.ndarray:
        return model.predict(matrix(rows))

    return predict


if __name__ == "__main__":
    serve_census(train, "xgboost-cpu")
