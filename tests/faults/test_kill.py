"""kill -9 at random moments, the same command again: bit for bit the run that was never killed."""

from __future__ import annotations

import random

import numpy as np
import pytest

from estimators.checkpoints import Checkpoint, CheckpointStore

LONGEST_SECS = 0.8


def _step_in(model_dir):
    """Returns the step that the next start will find; None when it was killed before any save."""
    checkpoint = CheckpointStore(model_dir, read_only=True).latest()
    return None if checkpoint is None else checkpoint.step


# More steps for each kill than one makes before it; and the script with its arguments.
SCRIPTS = {
    "model_fn": (500, "train_script.py"),
    "keras_as_it_is": (500, "keras_train_script.py", "as_it_is"),
    "keras_row_wise": (500, "keras_train_script.py", "row_wise"),
    "boosted_trees": (200, "trees_train_script.py"),
    "boosted_trees_by_layers": (200, "layers_train_script.py"),
}


@pytest.mark.processes
@pytest.mark.parametrize("steps_and_script", SCRIPTS.values(), ids=SCRIPTS)
def test_killed_runs_end_bit_identical(train_script, tmp_path, pytestconfig, steps_and_script):
    steps_per_kill, *arguments = steps_and_script
    kills = pytestconfig.getoption("kills")
    steps, moments = steps_per_kill * (kills + 1), random.Random(kills)
    never_killed, killed = tmp_path / "never_killed", tmp_path / "killed"
    train_script(never_killed, steps, *arguments).finish()
    script = train_script(killed, steps, *arguments)

    reached = []
    for _ in range(kills):
        assert script.killed(moments.uniform(0.0, LONGEST_SECS)), f"done too soon: {reached}"
        reached.append(_step_in(killed))
    script.finish()

    expected, found = Checkpoint.open(never_killed), Checkpoint.open(killed)
    assert found.step == expected.step == steps
    assert reached[-1] is not None, reached
    values = found.read_all()
    assert values.keys() == expected.names_to_shapes().keys()
    for name, value in expected.read_all().items():
        np.testing.assert_array_equal(values[name], value, err_msg=f"{name} after {reached}")
