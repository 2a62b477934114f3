import numpy as np
import pytest
import tensorflow as tf

from estimators.checkpoints import Checkpoint, CheckpointStore, compare
from estimators.errors import IncompatibleCheckpointError

SAVED = {"a": np.zeros((3, 2), np.float32), "b": np.zeros(2, np.float64), "step": np.int64(1)}
FITS = {"a": ((3, 2), tf.float32), "b": ([2], "float64"), "step": (tf.TensorShape([]), np.int64)}


@pytest.fixture
def checkpoint(tmp_path) -> Checkpoint:
    return Checkpoint.open(CheckpointStore(tmp_path).commit(1, SAVED))


def test_what_fits_fits(checkpoint):
    compare(FITS, checkpoint)


def test_a_size_that_may_change_fits_any(checkpoint):
    compare(FITS | {"a": ((None, 2), tf.float32)}, checkpoint)
    with pytest.raises(IncompatibleCheckpointError, match=r"a: the model has \[None, 3\]"):
        compare(FITS | {"a": ((None, 3), tf.float32)}, checkpoint)
    with pytest.raises(IncompatibleCheckpointError, match=r"a: the model has \[None\]"):
        compare(FITS | {"a": ((None,), tf.float32)}, checkpoint)


def test_everything_that_does_not_fit_is_listed(checkpoint):
    wanted = {"a": ((4, 2), tf.float32), "b": ((2,), tf.float32), "c/kernel": ((1,), tf.float32)}
    with pytest.raises(IncompatibleCheckpointError) as caught:
        compare(wanted, checkpoint)
    assert str(caught.value) == (
        f"{checkpoint.prefix} is not a checkpoint of this model; no variable was changed.\n"
        "Variables that the model has and the checkpoint has not (1):\n"
        "  c/kernel [1]\n"
        "Variables that the checkpoint has and the model has not (1):\n"
        "  step []\n"
        "Variables that have another shape (1):\n"
        "  a: the model has [4, 2], the checkpoint [3, 2]\n"
        "Variables that have another type (1):\n"
        "  b: the model has float32, the checkpoint float64\n"
        "Either give the model another model_dir; or start a new model_dir from these weights with "
        f"`warm_start_from={checkpoint.prefix!r}`, choosing the variables to take; or, if "
        f"{checkpoint.prefix.removesuffix('/model.ckpt-1')} is no longer needed, delete it and "
        "start afresh."
    )


def test_long_lists_are_cut(checkpoint):
    wanted = FITS | {f"layer_{i}": ((1,), tf.float32) for i in range(20)}
    with pytest.raises(
        IncompatibleCheckpointError, match=r"\(20\):(\n  layer.*){8}\n  \.\.\. and 12"
    ):
        compare(wanted, checkpoint)


def test_ignored_names_are_no_difference(checkpoint):
    wanted = {name: FITS[name] for name in ("a", "b")} | {"new/x": ((1,), tf.float32)}
    compare(wanted, checkpoint, ignore=["step", "new/.*"])
    with pytest.raises(IncompatibleCheckpointError, match="new/x"):
        compare(wanted, checkpoint, ignore=["step", "new"])  # in full, not a part
