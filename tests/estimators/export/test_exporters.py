from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from estimators import (
    Estimator,
    EstimatorSpec,
    EvalSpec,
    ModeKeys,
    RunConfig,
    TrainSpec,
    train_and_evaluate,
)
from estimators.export import BestExporter, FinalExporter, LatestExporter


class Folders:
    """Makes an empty folder for each export, named by consecutive seconds."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def export_saved_model(self, base: str, receiver_fn: Any, **options: Any) -> bytes:
        self.calls.append(options)
        name = f"{1_700_000_000 + len(self.calls)}"
        os.makedirs(os.path.join(base, name))
        return os.fsencode(os.path.join(base, name))


def _export(exporter, estimator, base, loss, *, final=False):
    result = {"loss": np.float32(loss), "global_step": np.int64(7)}
    path = exporter.export(estimator, str(base), "model.ckpt-7", result, final)
    return path is not None


def _receiver_fn():
    raise AssertionError("An exporter only hands it on.")


def _best(**options):
    return BestExporter(serving_input_receiver_fn=_receiver_fn, **options)


def test_best_of_three(tmp_path):
    """Case O4 of tf.estimator's recorded behaviour."""
    exporter, estimator = _best(), Folders()
    assert [_export(exporter, estimator, tmp_path, x) for x in (0.5, 0.6, 0.4)] == [
        True,
        False,
        True,
    ]


def test_the_best_survives_a_restart(tmp_path):
    estimator = Folders()
    assert _export(_best(), estimator, tmp_path, 50.0)
    restarted = _best()
    assert [_export(restarted, estimator, tmp_path, x) for x in (100.0, 10.0, 20.0)] == [
        False,
        True,
        False,
    ]
    remembered = json.loads((tmp_path / "best.json").read_text())
    assert remembered == {
        "eval_result": {"loss": 10.0, "global_step": 7},
        "step": 7,
        "export": "1700000002",
    }


@pytest.mark.parametrize("content", ["", "{", "[]", '{"loss": 1}'])
def test_a_damaged_ledger_is_begun_anew(tmp_path, content, caplog):
    estimator = Folders()
    _export(_best(), estimator, tmp_path, 1.0)
    (tmp_path / "best.json").write_text(content)
    assert _export(_best(), estimator, tmp_path, 2.0)
    assert "cannot be read" in caplog.text
    assert not _export(_best(), estimator, tmp_path, 3.0)


def test_a_best_export_that_was_deleted_does_not_count(tmp_path):
    estimator = Folders()
    _export(_best(), estimator, tmp_path, 1.0)
    os.rmdir(tmp_path / "1700000001")
    assert _export(_best(), estimator, tmp_path, 2.0)


def test_a_first_nan_is_bettered(tmp_path):
    exporter, estimator = _best(), Folders()
    losses = (float("nan"), 3.0, float("nan"), 4.0)
    assert [_export(exporter, estimator, tmp_path, x) for x in losses] == [
        True,
        True,
        False,
        False,
    ]


def test_compare_fn_of_the_user(tmp_path):
    def larger(best_eval_result, current_eval_result):
        return current_eval_result["loss"] > best_eval_result["loss"]

    exporter, estimator = _best(compare_fn=larger), Folders()
    assert [_export(exporter, estimator, tmp_path, x) for x in (0.5, 0.6, 0.4)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "compare_fn",
    [None, lambda best_eval_result: True, lambda a, b: True,
     lambda best_eval_result, current_eval_result, more: True],
)  # fmt: skip
def test_compare_fn_must_take_the_two_results(compare_fn):
    with pytest.raises(ValueError, match="compare_fn"):
        _best(compare_fn=compare_fn)


def test_no_loss(tmp_path):
    estimator, exporter = Folders(), _best()
    _export(exporter, estimator, tmp_path, 1.0)
    with pytest.raises(ValueError, match="current_eval_result cannot be empty or no loss"):
        exporter.export(estimator, str(tmp_path), "ckpt", {"auc": 1.0}, False)


@pytest.mark.parametrize(
    "make", [_best, lambda **options: LatestExporter("latest", _receiver_fn, **options)]
)
def test_only_the_newest_exports_are_kept(make, tmp_path):
    for name in ("notes", "123", "17000000000", "temp-1700000000"):
        (tmp_path / name).mkdir()
    exporter, estimator = make(exports_to_keep=2), Folders()
    for loss in (5.0, 4.0, 3.0, 2.0):
        assert _export(exporter, estimator, tmp_path, loss)
    (tmp_path / "best.json").unlink(missing_ok=True)
    assert set(os.listdir(tmp_path)) == {
        "1700000003",
        "1700000004",
        "notes",
        "123",
        "17000000000",
        "temp-1700000000",
    }


def test_none_keeps_all(tmp_path):
    exporter, estimator = LatestExporter("latest", _receiver_fn, exports_to_keep=None), Folders()
    for _ in range(7):
        _export(exporter, estimator, tmp_path, 1.0)
    assert len(os.listdir(tmp_path)) == 7


@pytest.mark.parametrize("keep", [0, -1])
def test_something_must_be_kept(keep):
    for make in (_best, lambda **options: LatestExporter("latest", _receiver_fn, **options)):
        with pytest.raises(ValueError, match="must be a positive number"):
            make(exports_to_keep=keep)


def test_final_exports_at_the_end_only(tmp_path):
    exporter, estimator = FinalExporter("final", _receiver_fn, {"a": "b"}, True), Folders()
    assert not _export(exporter, estimator, tmp_path, 1.0)
    assert _export(exporter, estimator, tmp_path, 1.0, final=True)
    assert estimator.calls == [
        {"assets_extra": {"a": "b"}, "as_text": True, "checkpoint_path": "model.ckpt-7"}
    ]


def test_train_and_evaluate_exports_what_is_better(placeholder_receiver_fn, tmp_path):
    def model_fn(features, labels, mode):
        w = tf.Variable(5.0, name="w")
        y = w * features["x"]
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions={"y": y})
        loss = tf.reduce_mean(y**2)
        train_op = None
        if mode == ModeKeys.TRAIN:
            train_op = w.assign_add(-1.0)  # 4, 3, 2, 1, 0, -1, -2: the best is 0 at step 5.
            tf.compat.v1.train.get_global_step().assign_add(1)
        return EstimatorSpec(mode, loss=loss, train_op=train_op)

    config = RunConfig(save_checkpoints_steps=1, progress=False)
    estimator = Estimator(model_fn, str(tmp_path / "model"), config)
    data = tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[0.0]]))
    exporters = [
        BestExporter("best", placeholder_receiver_fn, exports_to_keep=1),
        FinalExporter("final", placeholder_receiver_fn),
    ]
    train_and_evaluate(
        estimator,
        TrainSpec(lambda: data.repeat(), max_steps=7),
        EvalSpec(lambda: data, exporters=exporters, throttle_secs=0),
    )
    answers = {}
    for name in ("best", "final"):
        base = tmp_path / "model" / "export" / name
        (folder,) = [entry for entry in os.listdir(base) if entry.isdigit()]
        loaded = tf.saved_model.load(str(base / folder))
        answers[name] = loaded.signatures["serving_default"](x=[[1.0]])["y"].numpy().item()
    assert answers == {"best": 0.0, "final": -2.0}
