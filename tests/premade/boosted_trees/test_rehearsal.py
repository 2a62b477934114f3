"""What is compiled ahead of its use, and what a second process finds compiled."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from premade.boosted_trees.rehearsal import Rehearsal

TRAINING = """
import sys

import numpy as np

import feature_columns as fc
from estimators import RunConfig, inputs
from premade import BoostedTreesClassifier

x = np.random.default_rng(0).normal(size=(9000, 3)).astype(np.float32)
BoostedTreesClassifier(
    [fc.numeric_column("x", shape=3)],
    model_dir=sys.argv[1],
    n_trees=2,
    config=RunConfig(progress=False),
).train(inputs.numpy_input_fn({"x": x}, (x[:, 0] > 0).astype(np.int32), 1000, shuffle=False))
"""


def test_all_is_traced_before_any_of_it_runs():
    seen = []

    def note(value):
        seen.append("run")
        return value

    def run(nothing):
        seen.append("traced")
        return tf.numpy_function(note, [nothing(tf.int64)], tf.int64)

    with Rehearsal(threads=1) as rehearsal:
        runs = rehearsal(run, run)
    for each in runs:
        each.result()
    assert seen == ["traced", "traced", "run", "run"]


@pytest.mark.processes
def test_a_second_process_compiles_nothing_anew(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    flags = f"--tf_xla_persistent_cache_directory={cache}"
    environment = {**os.environ, "TF_XLA_FLAGS": flags, "TF_CPP_MIN_LOG_LEVEL": "3"}
    found = []
    for run in range(3):
        command = [sys.executable, "-c", TRAINING, str(tmp_path / f"model{run}")]
        subprocess.run(command, env=environment, check=True)
        found.append({path.name for path in cache.iterdir()})
    assert len(found[0]) > 10
    assert found[1] == found[2] == found[0]
