"""`train_and_evaluate`: when it evaluates and exports, and what it returns."""

from __future__ import annotations

import json
import os

import pytest
import tensorflow as tf

from estimators import (
    CheckpointSaverListener,
    EvalSpec,
    Exporter,
    Hook,
    TrainSpec,
    stop_if_no_decrease_hook,
    train_and_evaluate,
)
from estimators.clock import ManualClock


class Exports(Exporter):
    """Exports nothing, and notes when it was asked."""

    def __init__(self, name="exports"):
        self._name, self.calls = name, []

    @property
    def name(self):
        return self._name

    def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
        step = int(eval_result["global_step"])
        assert checkpoint_path.endswith(f"-{step}")
        assert export_path == os.path.join(estimator.model_dir, "export", self._name)
        self.calls.append((step, is_the_final_export))
        return f"{self._name}-{step}".encode()

    @property
    def steps(self):
        return [step for step, _ in self.calls]


class Listener(CheckpointSaverListener):
    def __init__(self, calls):
        self._calls = calls

    def begin(self):
        self._calls.append("begin")

    def before_save(self, session, global_step_value):
        self._calls.append(("before", global_step_value))

    def after_save(self, session, global_step_value):
        self._calls.append(("after", global_step_value))

    def end(self, session, global_step_value):
        self._calls.append(("end", global_step_value))


def eval_spec(line, exports=None, **options):
    options = {"steps": None, "throttle_secs": 0, **options}
    return EvalSpec(line.data, exporters=exports, **options)


def test_after_each_checkpoint_but_the_first(line):
    # O6: max_steps 22, a checkpoint every 10 steps, no throttle.
    trained, exports = [], Exports()

    def data():
        trained.append(1)
        return line.endless()

    metrics, exported = train_and_evaluate(
        line.estimator(save_checkpoints_steps=10),
        TrainSpec(data, max_steps=22),
        eval_spec(line, exports),
    )
    assert trained == [1]
    assert exports.calls == [(10, False), (20, False), (22, True)]
    assert metrics["global_step"] == 22
    assert metrics.keys() == {"loss", "mae", "global_step"}
    assert exported == [b"exports-22"]


def test_resumed_and_throttled(line):
    # O7
    first, again, more = Exports(), Exports(), Exports()
    config = {"save_checkpoints_steps": 10}
    run = line.estimator(**config), TrainSpec(line.endless, max_steps=25)
    train_and_evaluate(*run, eval_spec(line, first))
    assert first.calls == [(10, False), (20, False), (25, True)]
    assert train_and_evaluate(*run, eval_spec(line, again)) == (None, None)
    assert again.calls == []
    train_and_evaluate(
        line.estimator(**config),
        TrainSpec(line.endless, max_steps=36),
        eval_spec(line, more, throttle_secs=600),
    )
    assert more.calls == [(35, False), (36, True)]


def test_throttle_by_the_clock(line):
    clock, exports = ManualClock(), Exports()

    class Secs(Hook):
        """Each step takes four seconds."""

        def due(self, step):
            return step + 1

        def after(self, run, outputs):
            clock.advance(4.0)

    train_and_evaluate(
        line.estimator(save_checkpoints_steps=1),
        TrainSpec(line.endless, max_steps=8, hooks=[Secs()]),
        eval_spec(line, exports, throttle_secs=10),
        clock=clock,
    )
    # At 4 s, and then when 10 s have passed: 16 s, 28 s; and the last.
    assert exports.steps == [1, 4, 7, 8]


def test_every_steps(line):
    exports = Exports()
    estimator = line.estimator(save_checkpoints_steps=100)
    spec = eval_spec(line, exports, every_steps=4, throttle_secs=600)
    train_and_evaluate(estimator, TrainSpec(line.endless, max_steps=10), spec)
    assert exports.calls == [(4, False), (8, False), (10, True)]
    resumed = Exports()
    spec = eval_spec(line, resumed, every_steps=4)
    train_and_evaluate(estimator, TrainSpec(line.endless, max_steps=13), spec)
    assert resumed.calls == [(12, False), (13, True)]


def test_every_steps_needs_no_checkpoints(line):
    exports = Exports()
    estimator = line.estimator(save_checkpoints_steps=None)
    spec = eval_spec(line, exports, every_steps=4)
    metrics, _ = train_and_evaluate(estimator, TrainSpec(line.endless, max_steps=6), spec)
    assert exports.steps == [4, 6]
    assert metrics["global_step"] == 6


def test_without_checkpoints_there_is_nothing_to_evaluate(line):
    estimator = line.estimator(save_checkpoints_steps=None)
    with pytest.raises(ValueError, match="There should be a CheckpointSaverHook"):
        train_and_evaluate(estimator, TrainSpec(line.endless, max_steps=6), eval_spec(line))


def test_several_specs(line, events):
    exports = Exports()

    def shifted():
        return line.data().map(lambda features, labels: (features, labels + 1.0))

    specs = [
        eval_spec(line, exports, name="same"),
        EvalSpec(shifted, steps=None, name="shifted", throttle_secs=0),
    ]
    estimator = line.estimator(save_checkpoints_steps=5)
    metrics, exported = train_and_evaluate(estimator, TrainSpec(line.endless, max_steps=10), specs)
    assert metrics.keys() == {"same", "shifted"}
    assert metrics["same"] == estimator.evaluate(line.data)
    assert metrics["shifted"] == estimator.evaluate(shifted)
    assert exported == {"same": [b"exports-10"], "shifted": []}
    for name in metrics:
        assert [step for step, _ in events(estimator.eval_dir(name))["loss"]] == [5, 10]


def test_several_specs_each_at_its_own_steps(line):
    often, rarely = Exports("often"), Exports("rarely")
    specs = [
        eval_spec(line, often, name="often", every_steps=2),
        eval_spec(line, rarely, name="rarely", every_steps=4),
    ]
    train_and_evaluate(line.estimator(), TrainSpec(line.endless, max_steps=9), specs)
    assert often.steps == [2, 4, 6, 8, 9]
    assert rarely.steps == [4, 8, 9]


def test_names_of_several_specs(line):
    specs = [eval_spec(line), eval_spec(line)]
    with pytest.raises(ValueError, match="Several EvalSpecs need different names"):
        train_and_evaluate(line.estimator(), TrainSpec(line.endless, max_steps=1), specs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model", None, None), "`estimator` must have type"),
        ((None, "spec", None), "`train_spec` must have type"),
        ((None, None, "spec"), "`eval_spec` must have type"),
        ((None, None, None), "`eval_spec` must have type"),
    ],
)
def test_wrong_types(line, arguments, message):
    estimator, train_spec, spec = arguments
    estimator = estimator or line.estimator()
    train_spec = train_spec or TrainSpec(line.endless, max_steps=1)
    with pytest.raises(TypeError, match=message):
        train_and_evaluate(estimator, train_spec, spec)


def test_order_of_the_calls(line):
    calls = []

    class Noting(Exports):
        def export(self, *args, **options):
            calls.append("export")
            return super().export(*args, **options)

    train_spec = TrainSpec(line.endless, max_steps=25, saving_listeners=[Listener(calls)])
    estimator = line.estimator(save_checkpoints_steps=10)
    train_and_evaluate(estimator, train_spec, eval_spec(line, Noting()))
    assert calls == [
        "begin",
        *(("before", 0), ("after", 0)),
        *(("before", 10), ("after", 10), "export"),
        *(("before", 20), ("after", 20), "export"),
        *(("before", 25), ("after", 25), "export"),
        ("end", 25),
    ]


def test_data_that_ends(line):
    exports = Exports()
    train_spec = TrainSpec(lambda: line.data(repeat=2))  # three batches of two rows
    metrics, _ = train_and_evaluate(line.estimator(), train_spec, eval_spec(line, exports))
    assert metrics["global_step"] == 3
    assert exports.calls == [(3, False)]  # nobody said that this was the end


def test_evaluation_limits_and_hooks(line, record):
    seen = record()
    spec = EvalSpec(line.endless, hooks=[seen], throttle_secs=0)
    train_and_evaluate(line.estimator(), TrainSpec(line.endless, max_steps=2), spec)
    assert seen.steps == list(range(1, 101))  # 100 batches, if nothing else is said


def test_evaluation_traces_once_and_training_too(line):
    estimator = line.estimator(save_checkpoints_steps=2)
    train_and_evaluate(estimator, TrainSpec(line.endless, max_steps=10), eval_spec(line))
    assert [loop.traces for loop in estimator._model._loops.values()] == [1, 1]


def test_early_stopping(line):
    # With a learning rate of zero the loss never decreases: 4 evaluations at steps 2, 4, 6, 8.
    estimator = line.estimator(save_checkpoints_steps=2, params={"rate": 0.0})
    stop = stop_if_no_decrease_hook(
        estimator, "loss", max_steps_without_decrease=4, run_every_secs=None, run_every_steps=1
    )
    train_spec = TrainSpec(line.endless, max_steps=100, hooks=[stop])
    metrics, _ = train_and_evaluate(estimator, train_spec, eval_spec(line))
    assert metrics["global_step"] == 7  # the first step that can see the evaluation of step 6


class Training(ManualClock):
    """A clock during whose sleep somebody else trains on."""

    def __init__(self, trainer, data, steps):
        super().__init__()
        self._trainer, self._data, self._steps, self.slept = trainer, data, list(steps), []

    def sleep(self, seconds):
        super().sleep(seconds)
        self.slept.append(seconds)
        if self._steps and (step := self._steps.pop(0)):
            self._trainer.train(self._data, max_steps=step)


def test_the_task_of_an_evaluator(line, monkeypatch):
    trainer, exports = line.estimator(), Exports()
    config = {"cluster": {"chief": ["h:1"]}, "task": {"type": "evaluator", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    evaluator = line.estimator()
    clock = Training(trainer, line.endless, [0, 3, 3, 5, 8])
    spec = eval_spec(line, exports, start_delay_secs=60, throttle_secs=30)
    metrics, exported = train_and_evaluate(
        evaluator, TrainSpec(line.endless, max_steps=8), spec, clock=clock
    )
    assert exports.calls == [(3, False), (5, False), (8, True)]
    assert metrics["global_step"] == 8
    assert exported == [b"exports-8"]
    assert clock.slept[0] == 60
    assert min(clock.slept[1:]) >= 30


def test_the_task_of_a_parameter_server(line, monkeypatch):
    cluster = {"chief": ["h:1"], "ps": ["h:2"]}
    config = {"cluster": cluster, "task": {"type": "ps", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(ValueError, match="parameter server"):
        train_and_evaluate(line.estimator(), TrainSpec(line.endless, max_steps=1), eval_spec(line))


def test_the_best_is_evaluated_with_the_weights_of_its_step(line):
    """Evaluation in the middle of a run sees the values of the checkpoint, and disturbs nothing."""
    seen = Exports()
    losses = {}

    class Losses(Exports):
        def export(self, estimator, export_path, checkpoint_path, eval_result, *_, **__):
            losses[checkpoint_path] = float(eval_result["loss"])

    estimator = line.estimator(save_checkpoints_steps=2, keep_checkpoint_max=None)
    train_and_evaluate(
        estimator, TrainSpec(line.endless, max_steps=5), eval_spec(line, [seen, Losses("losses")])
    )
    assert seen.steps == [2, 4, 5]
    other = line.estimator()
    for path, loss in losses.items():
        assert other.evaluate(line.data, checkpoint_path=path)["loss"] == loss
    assert tf.train.latest_checkpoint(line.model_dir).endswith("-5")
