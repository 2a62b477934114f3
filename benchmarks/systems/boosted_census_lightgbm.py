"""LightGBM on census rows, with `categorical_feature`."""

from __future__ import annotations

import lightgbm
import numpy as np

from benchmarks.census_columns import CensusColumns
from benchmarks.systems.boosted import Growth
from benchmarks.systems.boosted_census import Predict, serve_census


def train(rows: CensusColumns, growth: Growth) -> Predict:
    """Grows trees."""
    vocabularies = rows.vocabularies()
    first = len(rows.numbers)
    parameters = {
        "objective": "binary",
        "max_depth": growth.depth,
        "num_leaves": 2**growth.depth,
        "learning_rate": growth.learning_rate,
        "max_bin": growth.bins - 1,
        "lambda_l2": growth.l2,
        "min_sum_hessian_in_leaf": growth.min_weight,
        "min_data_in_leaf": 1,
        "num_threads": growth.threads,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(
        rows.table(vocabularies),
        rows.labels,
        categorical_feature=list(range(first, first + len(rows.words))),
        params=parameters,
    )
    model = lightgbm.train(parameters, data, growth.trees)

    def predict(rows: CensusColumns) -> np.ndarray:
        return model.predict(rows.table(vocabularies))

    return predict


if __name__ == "__main__":
    serve_census(train, "lightgbm")
