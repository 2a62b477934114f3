import math

import numpy as np
import pytest

from estimators.errors import NanLossDuringTrainingError
from estimators.hooks import CheckpointSaverHook, NanTensorHook


def nan_from(step):
    return lambda now: {"loss": math.nan if now >= step else 0.5}


def test_fails_before_the_checkpoint_of_the_same_step(make_run):
    run = make_run(50)
    with pytest.raises(NanLossDuringTrainingError, match="At step 20 the loss is NaN"):
        run.drive(NanTensorHook(), CheckpointSaverHook(save_steps=10), values=nan_from(15))
    assert run.saves == [0, 10]


def test_costs_no_calls(make_run):
    run = make_run(50).drive(NanTensorHook(), CheckpointSaverHook(save_steps=10))
    assert run.calls == [10, 20, 30, 40, 50]


def test_looks_when_the_data_ends(make_run):
    with pytest.raises(NanLossDuringTrainingError):
        make_run().drive(NanTensorHook(), values=nan_from(7), data_ends_at=7)


def test_stops_quietly_if_told(make_run):
    run = make_run(50).drive(
        NanTensorHook(fail_on_nan_loss=False),
        CheckpointSaverHook(save_steps=10),
        values=nan_from(5),
    )
    assert (run.step, run.stop_reason) == (10, "the loss is NaN")


def test_infinity_is_not_nan(make_run):
    make_run(1).drive(NanTensorHook(), values=lambda step: {"loss": math.inf})


def test_watches_another_tensor(make_run):
    values = {"loss": math.nan, "regularisation": np.float32(1.0)}
    make_run(1).drive(NanTensorHook("regularisation"), values=lambda step: values)
    values = {"loss": 1.0, "regularisation": np.float32(math.nan)}
    with pytest.raises(NanLossDuringTrainingError):
        make_run(1).drive(NanTensorHook("regularisation"), values=lambda step: values)
