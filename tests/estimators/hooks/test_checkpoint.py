import pytest
import tensorflow as tf

from estimators.hooks import CheckpointSaverHook, CheckpointSaverListener, checked_listeners


class Listener(CheckpointSaverListener):
    def __init__(self, name="", log=None, stop_at=None):
        self.name, self.stop_at = name, stop_at
        self.log = [] if log is None else log

    def begin(self):
        self.log.append(f"{self.name}begin")

    def before_save(self, session, global_step_value):
        self.log.append(f"{self.name}before {global_step_value}")

    def after_save(self, session, global_step_value):
        self.log.append(f"{self.name}after {global_step_value}")
        return global_step_value == self.stop_at

    def end(self, session, global_step_value):
        self.log.append(f"{self.name}end {global_step_value}")


def test_saves_at_begin_each_interval_and_end(make_run):
    # tf_estimator_api.md 2.5 and O7: 25 steps, a checkpoint every 10, then on to 36.
    run = make_run(25).drive(CheckpointSaverHook(save_steps=10))
    assert run.saves == [0, 10, 20, 25]
    assert run.calls == [10, 20, 25]
    assert make_run(36, step=25).drive(CheckpointSaverHook(save_steps=10)).saves == [25, 35, 36]


def test_listener_order_of_one_run(make_run):
    listener = Listener()
    make_run(25).drive(CheckpointSaverHook(save_steps=10, listeners=[listener]))
    saves = [f"{when} {step}" for step in (0, 10, 20, 25) for when in ("before", "after")]
    assert listener.log == ["begin", *saves, "end 25"]


def test_last_save_is_not_repeated(make_run):
    listener = Listener()
    make_run(20).drive(CheckpointSaverHook(save_steps=10, listeners=[listener]))
    assert listener.log.count("after 20") == 1


def test_listeners_are_called_in_turn(make_run):
    log = []
    hook = CheckpointSaverHook(save_steps=10, listeners=[Listener("a ", log)])
    hook.add_listeners([Listener("b ", log)])
    make_run(1).drive(hook)
    assert log[:6] == ["a begin", "b begin", "a before 0", "b before 0", "a after 0", "b after 0"]


def test_a_listener_is_added_once(make_run):
    listener = Listener()
    hook = CheckpointSaverHook(save_steps=10, listeners=[listener])
    hook.add_listeners([listener])
    make_run(1).drive(hook)
    assert listener.log.count("begin") == 1


def test_a_listener_can_stop_the_run(make_run):
    run = make_run(50).drive(CheckpointSaverHook(save_steps=10, listeners=[Listener(stop_at=20)]))
    assert run.step == 20
    assert "Listener.after_save" in run.stop_reason


def test_saves_by_time(make_run):
    run = make_run(1000, secs=0.1).drive(CheckpointSaverHook(save_secs=30))
    assert run.saves == [pytest.approx(due, abs=3) for due in (0, 300, 600, 900, 1000)]
    assert len(run.calls) < 60


def test_listener_reads_variables(make_run):
    seen = []

    class Reader(CheckpointSaverListener):
        def after_save(self, session, global_step_value):
            seen.append(session.run("kernel"))

    run = make_run(1)
    run.variables["kernel"] = 3.0
    run.drive(CheckpointSaverHook(save_steps=1, listeners=[Reader()]))
    assert seen == [3.0, 3.0]


def test_listeners_of_tensorflow_are_taken():
    listener = tf.compat.v1.train.CheckpointSaverListener()
    assert checked_listeners([listener]) == [listener]
    with pytest.raises(TypeError, match="CheckpointSaverListener, given: 3"):
        CheckpointSaverHook(save_steps=1, listeners=[3])


@pytest.mark.parametrize("kwargs", [{}, {"save_secs": 1, "save_steps": 1}])
def test_exactly_one_interval(kwargs):
    with pytest.raises(ValueError, match="Exactly one of save_secs and save_steps"):
        CheckpointSaverHook(**kwargs)


@pytest.mark.parametrize(
    "kwargs", [{"saver": object()}, {"scaffold": object()}, {"checkpoint_basename": "other"}]
)
def test_parts_of_sessions_are_refused(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        CheckpointSaverHook(save_steps=1, **kwargs)


def test_other_folders_are_refused(make_run, tmp_path):
    CheckpointSaverHook(tmp_path, save_steps=1).begin(make_run(1, model_dir=tmp_path))
    with pytest.raises(ValueError, match="must be the run's model_dir"):
        CheckpointSaverHook("elsewhere", save_steps=1).begin(make_run(1))
