"""This project: `premade.boosted_trees.BoostedTreesClassifier` fed by `numpy_input_fn`."""

from __future__ import annotations

import tempfile

import numpy as np
import tensorflow as tf

import feature_columns as fc
from benchmarks.boosted_rows import BoostedRows
from benchmarks.systems.boosted import Growth, serve_trees
from estimators import RunConfig, inputs
from premade.boosted_trees import BoostedTreesClassifier

_BATCH = 100_000


class Ours:
    """Bins and compiles inside `train`; `predict` gives whole batches."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        # A shard of the rows for each thread; more threads inside of operations get in their way.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(growth.threads)

    def bin(self, rows: BoostedRows) -> bool:
        """Takes the rows."""
        self._rows = rows
        return False

    def train(self) -> None:
        """Bins and grows the trees."""
        growth, rows = self._growth, self._rows
        columns = rows.features.shape[1]
        self._model = BoostedTreesClassifier(
            [fc.numeric_column("x", shape=columns)],
            model_dir=tempfile.mkdtemp(),
            n_trees=growth.trees,
            max_depth=growth.depth,
            learning_rate=growth.learning_rate,
            l2_regularization=growth.l2,
            min_node_weight=growth.min_weight,
            config=RunConfig(progress=False),
        )
        self._model.train(
            inputs.numpy_input_fn({"x": rows.features}, rows.labels, _BATCH, shuffle=False)
        )

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Returns probabilities."""
        batches = self._model.predict(
            inputs.numpy_input_fn({"x": features}, batch_size=_BATCH, shuffle=False),
            predict_keys=["logistic"],
            yield_single_examples=False,
        )
        return np.concatenate([batch["logistic"][:, 0] for batch in batches])


if __name__ == "__main__":
    serve_trees(Ours, "tensorflow")
