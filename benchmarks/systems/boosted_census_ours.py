"""This project, on census rows: words as they are, through vocabulary columns."""

from __future__ import annotations

import tempfile

import numpy as np
import tensorflow as tf

import feature_columns as fc
from benchmarks.census_columns import CensusColumns
from benchmarks.systems.boosted import Growth
from benchmarks.systems.boosted_census import Predict, serve_census
from estimators import RunConfig, inputs
from premade.boosted_trees import BoostedTreesClassifier

_BATCH = 10_000


def train(rows: CensusColumns, growth: Growth) -> Predict:
    """Grows trees."""
    tf.config.threading.set_intra_op_parallelism_threads(growth.threads)
    tf.config.threading.set_inter_op_parallelism_threads(growth.threads)
    listed = fc.categorical_column_with_vocabulary_list
    words = [listed(name, entries) for name, entries in rows.vocabularies().items()]
    model = BoostedTreesClassifier(
        [*(fc.numeric_column(name) for name in rows.numbers), *words],
        model_dir=tempfile.mkdtemp(),
        n_trees=growth.trees,
        max_depth=growth.depth,
        learning_rate=growth.learning_rate,
        l2_regularization=growth.l2,
        min_node_weight=growth.min_weight,
        config=RunConfig(progress=False),
    )
    features = {**rows.numbers, **rows.words}
    model.train(inputs.numpy_input_fn(features, rows.labels, _BATCH, shuffle=False))

    def predict(rows: CensusColumns) -> np.ndarray:
        features = {**rows.numbers, **rows.words}
        batches = model.predict(
            inputs.numpy_input_fn(features, batch_size=_BATCH, shuffle=False),
            predict_keys=["logistic"],
            yield_single_examples=False,
        )
        return np.concatenate([batch["logistic"][:, 0] for batch in batches])

    return predict


if __name__ == "__main__":
    serve_census(train, "tensorflow")
