"""A run of trees that grow layer by layer, to be killed; some values are missing.

    python layers_train_script.py <model_dir> <steps>

Run again with the same arguments it goes on, with the batch at which it stopped.
"""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

import estimators
import feature_columns as fc
from premade.boosted_trees import BoostedTreesClassifier

ROWS = 1000


def rows():
    random = np.random.default_rng(4)
    x = random.normal(size=(ROWS, 3)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    y = (np.nansum(x, axis=1) + random.normal(size=ROWS) > 0).astype(np.int64)
    color = random.integers(0, 4, ROWS)
    data = tf.data.Dataset.from_tensor_slices(({"x": x, "color": color}, y))
    return data.shuffle(ROWS, seed=7).repeat().batch(32)


def main(model_dir, steps):
    config = estimators.RunConfig(
        model_dir=model_dir, tf_random_seed=11, save_checkpoints_steps=7, log_step_count_steps=5
    )
    trees = BoostedTreesClassifier(
        [
            fc.numeric_column("x", shape=3),
            fc.categorical_column_with_identity("color", 4),
        ],
        n_batches_per_layer=3,
        n_trees=steps,
        max_depth=3,
        learning_rate=0.01,
        center_bias=True,
        config=config,
    )
    trees.train(rows, max_steps=steps)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
