import json
import os
import subprocess
import sys
import textwrap

import pytest
import tensorflow as tf

from estimators.checkpoints import (
    CheckpointStore,
    IteratorNotSaveableError,
    iterator_sidecar,
    restore_iterator,
    save_iterator,
)
from estimators.errors import IncompatibleCheckpointError

WORDS = ["a", "b", "c", "d", "e", "f", "g"]


def shuffled() -> tf.data.Dataset:
    return tf.data.Dataset.range(40).shuffle(16, seed=5).repeat().batch(3).prefetch(2)


def looked_up() -> tf.data.Dataset:
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(WORDS[:5], tf.range(5, dtype=tf.int64)), 1
    )
    words = tf.data.Dataset.from_tensor_slices(WORDS).repeat().shuffle(20, seed=2)
    return words.map(table.lookup, num_parallel_calls=2, deterministic=True).batch(4)


def stateless_random() -> tf.data.Dataset:
    return tf.data.Dataset.random(seed=3).map(
        lambda seed: tf.random.stateless_uniform([2], [seed, 1])
    )


def interleaved() -> tf.data.Dataset:
    return tf.data.Dataset.range(4).interleave(
        lambda n: tf.data.Dataset.range(n * 10, n * 10 + 5), cycle_length=2
    )


PIPELINES = [shuffled, looked_up, stateless_random, interleaved]


def take(iterator, count: int) -> list:
    return [next(iterator).numpy().tolist() for _ in range(count)]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_restored_iterator_gives_what_the_saved_one_gives(tmp_path, pipeline):
    iterator = iter(pipeline())
    take(iterator, 7)
    store = CheckpointStore(tmp_path)
    store.commit(7, {"w": [0.0]}, sidecars={"input": iterator_sidecar(iterator)}, resume="exact")
    again = iter(pipeline())
    restore_iterator(again, store.latest().sidecar("input"))
    assert take(again, 8) == take(iterator, 8)


@pytest.mark.processes
def test_in_a_fresh_process(tmp_path):
    iterators = {pipeline.__name__: iter(pipeline()) for pipeline in PIPELINES}
    for name, iterator in iterators.items():
        take(iterator, 5)
        save_iterator(iterator, str(tmp_path / name))
    program = textwrap.dedent(f"""
        import importlib.util, json
        spec = importlib.util.spec_from_file_location("pipelines", {__file__!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        rest = {{}}
        for pipeline in module.PIPELINES:
            iterator = iter(pipeline())
            module.restore_iterator(iterator, {str(tmp_path)!r} + "/" + pipeline.__name__)
            rest[pipeline.__name__] = module.take(iterator, 6)
        print(json.dumps(rest))
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=os.getcwd()
    )
    assert json.loads(done.stdout) == {name: take(it, 6) for name, it in iterators.items()}


def from_generator() -> tf.data.Dataset:
    return tf.data.Dataset.from_generator(
        lambda: iter(range(5)), output_signature=tf.TensorSpec((), tf.int64)
    )


def through_python() -> tf.data.Dataset:
    return tf.data.Dataset.range(5).map(lambda x: tf.py_function(lambda v: v, [x], tf.int64))


def with_a_counter_of_its_own() -> tf.data.Dataset:
    return tf.data.Dataset.range(5).map(lambda x: tf.random.uniform([]))


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        (from_generator, "PyFunc is stateful"),
        (through_python, "EagerPyFunc is stateful"),
        (with_a_counter_of_its_own, "RandomUniform is stateful"),
    ],
)
def test_what_cannot_be_saved_says_so(tmp_path, pipeline, reason):
    iterator = iter(pipeline())
    next(iterator)
    store = CheckpointStore(tmp_path)
    with pytest.raises(IteratorNotSaveableError, match=f"cannot be saved: {reason}. Replace"):
        store.commit(1, {"w": [0.0]}, sidecars={"input": iterator_sidecar(iterator)})
    assert os.listdir(tmp_path) == []
    assert len(list(iterator)) == 4  # asking did not move it


def test_saving_does_not_move_the_iterator(tmp_path):
    iterator, other = iter(shuffled()), iter(shuffled())
    save_iterator(iterator, str(tmp_path / "input"))
    assert take(iterator, 4) == take(other, 4)


def test_another_pipeline_is_refused(tmp_path):
    save_iterator(iter(shuffled()), str(tmp_path / "input"))
    with pytest.raises(IncompatibleCheckpointError, match="does not fit the dataset"):
        restore_iterator(iter(looked_up()), str(tmp_path / "input"))
