"""One process of a cluster: grows boosted trees on its rows and writes what it holds at the end.

    TF_CONFIG=... python trees_worker.py <folder>

Without `TF_CONFIG` it grows them alone, on the rows of all workers.
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import tensorflow as tf

import estimators
import feature_columns as fc
from premade.boosted_trees import BoostedTreesClassifier, table

ROWS, TREES = 9000, 6


def rows():
    random = np.random.default_rng(5)
    x = random.normal(size=(ROWS, 3)).astype(np.float32)
    x[random.random(x.shape) < 0.1] = np.nan
    return x, (x[:, 0] + np.sin(3 * x[:, 1]) > 0).astype(np.int64)


def input_fn(input_context):
    x, label = rows()
    # The second worker has a third of the rows, and those in another order.
    is_mine = np.ones(ROWS, bool)
    if input_context.num_input_pipelines == 2:
        is_mine = (np.arange(ROWS) % 3 == 0) == input_context.input_pipeline_id
    order = np.flatnonzero(is_mine)[:: -1 if input_context.input_pipeline_id else 1]
    return tf.data.Dataset.from_tensor_slices(({"x": x[order]}, label[order])).batch(500)


def few_rows(input_context):
    """Gives all rows to the chief, and none to the other."""
    x, label = rows()
    count = 0 if input_context.input_pipeline_id else 400
    data = tf.data.Dataset.from_tensor_slices(({"x": x[:400]}, label[:400])).batch(100)
    return data.filter(lambda *_: count > 0)


def no_rows(input_context):
    return few_rows(input_context).filter(lambda *_: False)


def made(config, name, **options):
    return BoostedTreesClassifier(
        [fc.numeric_column("x", shape=3)],
        n_trees=TREES,
        max_depth=3,
        config=config.replace(model_dir=str(pathlib.Path(config.model_dir) / name)),
        **options,
    )


def held(trees):
    """Returns what this process has in memory: of the second worker there is nothing on disk."""
    store = trees._model.store
    return {name: np.asarray(value) for name, value in store.read(store.names).items()}


def main(folder):
    config = estimators.RunConfig(model_dir=str(folder / "model"), tf_random_seed=3)
    table._SAMPLE = 2000  # so that bins are found in a part of the rows
    trees = made(config, "parts", center_bias=True)
    trees.train(input_fn, steps=TREES // 2)
    trees.train(input_fn)
    few = made(trees.config.replace(model_dir=config.model_dir), "few").train(few_rows)
    try:
        made(few.config.replace(model_dir=config.model_dir), "none").train(no_rows)
    except ValueError as error:
        print("refused:", error)
    found = {"parts": held(trees), "few": held(few)}
    np.savez(
        folder / f"worker-{config.cluster.worker_index}.npz",
        **{f"{name}/{key}": value for name, of in found.items() for key, value in of.items()},
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
