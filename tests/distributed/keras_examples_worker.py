"""One process of a cluster: trains the published examples by the bridge, one after the other.

    TF_CONFIG=... python keras_examples_worker.py <folder>

Without `TF_CONFIG` it trains alone those that can then be compared, on whole batches.
"""

from __future__ import annotations

import functools
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

import bridge
import estimators
from benchmarks.keras_examples import BATCH, EXAMPLES

STEPS = 3
# Workers drop other units, and normalize by the statistics of their own rows.
NOISE = (keras.layers.Dropout, keras.layers.BatchNormalization)


def input_fn(example, input_context):
    """Returns this worker's share of each batch."""
    workers = input_context.num_input_pipelines
    rows = example.dataset(STEPS * BATCH).unbatch()
    return rows.shard(workers, input_context.input_pipeline_id).batch(BATCH // workers)


class Losses(estimators.Hook):
    """Keeps the loss of every step."""

    def __init__(self):
        self.values = []

    def due(self, step):
        return step + 1

    def after(self, run, outputs):
        self.values.append(outputs.loss)


def trained(example, model, config):
    """Trains one example; returns its losses, and every value before and after by name."""
    estimator, losses = bridge.model_to_estimator(model, config=config), Losses()
    estimator.train(functools.partial(input_fn, example), hooks=[losses])
    store = estimator._model.store
    before = {f"before/{each.name}": each.initial for each in estimator.keras_weights.trainable}
    after = {f"after/{name}": value for name, value in store.read(store.names).items()}
    return {"losses": losses.values, **before, **after}


def main(folder):
    config = estimators.RunConfig(tf_random_seed=3)
    is_alone = config.cluster.num_worker_replicas == 1
    if not is_alone:
        # First of all: TensorFlow cannot be connected once it has made a variable.
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        config = config.replace(train_distribute=strategy)
    for i, example in enumerate(EXAMPLES):
        keras.utils.set_random_seed(7)
        model = example.make()
        if is_alone and any(isinstance(layer, NOISE) for layer in model._flatten_layers()):
            continue
        held = trained(example, model, config.replace(model_dir=str(folder / f"{i}")))
        arrays = {name: np.asarray(value) for name, value in held.items()}
        np.savez(folder / f"{i}-{config.cluster.worker_index}.npz", **arrays)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
