import pytest
import tensorflow as tf

from estimators.hooks import ProfilerHook


def profiles(folder):
    return sorted(folder.glob("plugins/profile/*/*.xplane.pb"))


def test_records_the_step_after_a_due_step(make_run, tmp_path):
    run = make_run(20, model_dir=tmp_path).drive(ProfilerHook(at_steps=[5]))
    assert run.calls == [5, 6, 20]
    assert len(profiles(tmp_path)) == 1


def test_stops_at_the_end(make_run, tmp_path):
    run = make_run(5, model_dir=tmp_path).drive(ProfilerHook(at_steps=[5], output_dir=tmp_path))
    assert run.calls == [5]
    tf.profiler.experimental.start(str(tmp_path))  # nobody is recording any more
    tf.profiler.experimental.stop(save=False)


def test_leaves_the_recording_of_others_alone(make_run, tmp_path):
    tf.profiler.experimental.start(str(tmp_path / "others"))
    make_run(9, model_dir=tmp_path).drive(ProfilerHook(at_steps=[5]))
    tf.profiler.experimental.stop()
    assert profiles(tmp_path) == []
    assert len(profiles(tmp_path / "others")) == 1


@pytest.mark.parametrize(
    "kwargs", [{}, {"save_steps": 1, "save_secs": 1}, {"save_steps": 1, "at_steps": [1]}]
)
def test_exactly_one(kwargs):
    with pytest.raises(ValueError, match=r"Exactly one|without `save_steps`"):
        ProfilerHook(**kwargs)
