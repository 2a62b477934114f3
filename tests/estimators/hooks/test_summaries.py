import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from estimators.hooks import StepCounterHook, SummarySaverHook
from estimators.writers import EventWriter, MemoryWriter, MultiWriter


def summary(**values):
    message = tf.compat.v1.Summary()
    for tag, value in values.items():
        message.value.add(tag=tag, simple_value=value)
    return message.SerializeToString()


def events(folder, tag):
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return [(event.step, event.value) for event in accumulator.Scalars(tag)]


def test_event_files_of_seven_steps(make_run, tmp_path):
    # O11: save_summary_steps=2, log_step_count_steps=2, 7 steps.
    run = make_run(7, secs=0.5)
    run.writer = EventWriter(str(tmp_path))
    losses = {step: 1.0 / step for step in range(1, 8)}
    run.drive(
        StepCounterHook(2),
        SummarySaverHook(2),
        values=lambda step: {"loss": losses[step]},
    )
    assert events(tmp_path, "loss") == [(s, pytest.approx(losses[s])) for s in (1, 3, 5, 7)]
    assert events(tmp_path, "global_step/sec") == [(3, 2.0), (5, 2.0), (7, 2.0)]


def test_given_summaries_only(make_run):
    run = make_run(1)
    hook = SummarySaverHook(1, summary_op="merged")
    run.drive(hook, values=lambda step: {"merged": summary(w=1.0)})
    assert run.writer.written == [(1, "w", 1.0)]


def test_own_folder(make_run, tmp_path):
    run = make_run(3)
    run.drive(SummarySaverHook(2, output_dir=tmp_path), StepCounterHook(2, output_dir=tmp_path))
    assert run.writer.written == []
    assert events(tmp_path, "loss") == [(1, 0.25), (3, 0.25)]
    assert events(tmp_path, "global_step/sec") == [(3, 1.0)]


def test_own_writer_writes_on_the_chief_only(make_run):
    for is_chief, count in ((True, 2), (False, 0)):
        writer = MemoryWriter()
        make_run(3, is_chief=is_chief).drive(SummarySaverHook(2, summary_writer=writer))
        assert len(writer.written) == count


def test_restart_keeps_the_phase(make_run):
    first, second = SummarySaverHook(10), SummarySaverHook(10)
    make_run(15).drive(first)
    second.restore(first.state())
    run = make_run(40, step=15).drive(second)
    assert [step for step, *_ in run.writer.written] == [21, 31]


def test_speed_is_not_measured_across_a_restart(make_run):
    first, second = StepCounterHook(10), StepCounterHook(10)
    make_run(15).drive(first)
    second.restore(first.state())
    run = make_run(40, step=15).drive(second)
    assert run.writer.written == [(31, "global_step/sec", 1.0)]


def test_by_time(make_run):
    run = make_run(100).drive(StepCounterHook(None, every_n_secs=20))
    steps = [step for step, *_ in run.writer.written]
    assert steps == [21, 41, 61, 81]


@pytest.mark.parametrize("make", [SummarySaverHook, lambda **k: StepCounterHook(None, **k)])
def test_an_interval_is_needed(make):
    with pytest.raises(ValueError, match="Exactly one of"):
        make()


def test_what_cannot_be_kept_is_refused():
    with pytest.raises(ValueError, match="scaffold"):
        SummarySaverHook(1, scaffold=object())
    with pytest.raises(ValueError, match="not both"):
        SummarySaverHook(1, output_dir="x", summary_writer=MemoryWriter())
    with pytest.raises(TypeError, match=r"estimators\.Writer, got object"):
        StepCounterHook(summary_writer=object())


def test_writers_agree(tmp_path):
    memory, file = MemoryWriter(), EventWriter(str(tmp_path))
    both = MultiWriter((memory, file))
    both.scalars(3, {"loss": 0.5})
    both.summary(4, summary(w=2.0))
    both.text(5, "note", "hello")
    both.flush()
    assert memory.written == [(3, "loss", 0.5), (4, "w", 2.0), (5, "note", "hello")]
    assert events(tmp_path, "loss") == [(3, 0.5)]
    assert events(tmp_path, "w") == [(4, 2.0)]
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    (note,) = accumulator.Tensors("note")
    assert tf.make_ndarray(note.tensor_proto).tolist() == [b"hello"]


def test_an_unused_writer_leaves_no_file(tmp_path):
    EventWriter(str(tmp_path / "events")).flush()
    assert list(tmp_path.iterdir()) == []
