"""A run of boosted trees to be killed: missing values, weights, rows on disk, shuffled.

    python trees_train_script.py <model_dir> <steps>

Run again with the same arguments it goes on. No two runs read the rows in one order.
"""

from __future__ import annotations

import os
import pathlib
import sys

import numpy as np
import tensorflow as tf

import estimators
import feature_columns as fc
from premade.boosted_trees import BoostedTreesClassifier, TreeOptions, table

ROWS, SAMPLE = 1000, 600


def rows():
    random = np.random.default_rng(4)
    x = random.normal(size=(ROWS, 3)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    y = (np.nansum(x, axis=1) + random.normal(size=ROWS) > 0).astype(np.int64)
    weight = random.uniform(0.5, 2.0, ROWS).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices(({"x": x, "weight": weight}, y))
    return data.shuffle(ROWS, seed=os.getpid()).batch(100)


def main(model_dir, steps):
    config = estimators.RunConfig(
        model_dir=model_dir, tf_random_seed=11, save_checkpoints_steps=7, log_step_count_steps=5
    )
    table._SAMPLE = SAMPLE  # so that bins are found in a part of the rows
    trees = BoostedTreesClassifier(
        [fc.numeric_column("x", shape=3)],
        max_depth=3,
        learning_rate=0.01,
        weight_column="weight",
        config=config,
        options=TreeOptions(cache_dir=str(pathlib.Path(model_dir).parent)),
    )
    trees.train(rows, max_steps=steps)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
