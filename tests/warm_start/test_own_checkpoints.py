"""From checkpoints of this project: the same values as from those of tf.estimator, and more."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import estimators
import feature_columns as fc
import premade
from estimators import RunConfig, VocabInfo, WarmStartSettings
from estimators.checkpoints import Checkpoint
from tests.warm_start import cases

ALL = {case.name: case for case in cases.CASES}
SLOTS = ALL["slots_follow_their_tokens"]


@pytest.fixture
def own(runner):
    """Returns the folder of a checkpoint of this project, trained a few steps."""

    def own(kind):
        estimator = runner.make(kind, "old").train(runner.rows, steps=cases.STEPS)
        return estimator.model_dir

    return own


@pytest.mark.parametrize("name", ["new_vocabulary", "slots_follow_their_tokens", "new_classes"])
def test_linear(name, runner, own):
    case, folder = ALL[name], own("linear")
    old = Checkpoint.open(folder).read_all()

    values = runner.first_values(runner.estimator(case, folder))

    assert case.settings.vocabularies
    for saved, about in case.settings.vocabularies.items():
        expected = _moved(old[saved], **about)
        np.testing.assert_array_equal(values[saved], expected, err_msg=saved)


def _moved(old, *, new_vocab, new_vocab_size, old_vocab, num_oov_buckets, **options):
    """What a dictionary by token makes of it."""
    axis = options.get("axis", 0)
    by_token = dict(zip(cases.FILES[old_vocab], np.moveaxis(old, axis, 0), strict=False))
    other = np.full_like(next(iter(by_token.values())), options["backup_initializer"] or 0.0)
    tokens = [*cases.FILES[new_vocab][:new_vocab_size], *[None] * num_oov_buckets]
    return np.stack([by_token.get(token, other) for token in tokens], axis)


def test_under_replicas(runner, own, mirrored_strategy, tmp_path):
    folder = own("linear")
    config = RunConfig(model_dir=str(tmp_path / "two"), train_distribute=mirrored_strategy)
    alone = runner.first_values(runner.estimator(SLOTS, folder))
    two = cases.make(
        "linear",
        fc,
        premade,
        config=config.replace(save_checkpoints_steps=100),
        warm_start_from=runner.settings(SLOTS, folder),
        **SLOTS.model,
    )

    values = runner.first_values(two)

    assert values.keys() == alone.keys()
    for name, value in alone.items():
        np.testing.assert_array_equal(values[name], value, err_msg=name)


def test_predicting_first_changes_nothing(runner, recorded):
    """Slots come into being with the first step only: their settings wait for it."""
    estimator = runner.estimator(SLOTS)
    next(estimator.predict(runner.rows))

    values = runner.first_values(estimator)

    for name, value in recorded["cases"][SLOTS.name]["values"].items():
        np.testing.assert_array_equal(values[name], np.float32(value), err_msg=name)


def test_a_misspelt_slot_is_found_when_it_matters(runner):
    name = f"{cases.FTRL}/{cases.JOB}/accumulators"
    settings = cases.Settings([".*job"], {name: cases.moved_jobs(0.1)})
    estimator = runner.estimator(cases.Case("misspelt", "linear", settings))
    next(estimator.predict(runner.rows))

    with pytest.raises(ValueError, match="not warm started: .*accumulators"):
        estimator.train(runner.rows, steps=1)


def test_state_of_random_numbers_may_be_missing(runner, old_values):
    settings = runner.settings(ALL["deep_everything"])
    estimator = runner.make("deep", warm_start_from=settings, dropout=0.5)

    values = runner.first_values(estimator)

    for name, value in old_values("deep").items():
        np.testing.assert_array_equal(values[name], value, err_msg=name)
    assert any("seed" in name for name in values)


@pytest.mark.parametrize("kind", ["tensorflow", "keras"])
def test_a_list_of_variables(kind, tmp_path):
    """The list is filled by the body: variables exist from then on."""
    chosen = []

    def model_fn(features, labels, mode):
        layer = keras.layers.Dense(1)
        loss = tf.reduce_mean((layer(features) - 1.0) ** 2)
        chosen[:] = [layer.kernel if kind == "keras" else layer.kernel.value]
        return estimators.EstimatorSpec(mode, loss=loss, train_op=estimators.minimize(loss, "SGD"))

    def rows():
        return tf.data.Dataset.from_tensors((tf.ones([2, 3]), tf.ones([2, 1])))

    old = estimators.Estimator(model_fn, str(tmp_path / "old")).train(rows, steps=1)
    settings = WarmStartSettings(old.model_dir, chosen)
    new = estimators.Estimator(model_fn, str(tmp_path / "new"), warm_start_from=settings)
    new.train(rows, steps=1)

    values = Checkpoint.open(f"{new.model_dir}/model.ckpt-0").read_all()
    kernel = old.get_variable_value("dense/kernel")
    np.testing.assert_array_equal(values["dense/kernel"], kernel)
    assert values["dense/bias"].tolist() == [0.0] != old.get_variable_value("dense/bias").tolist()


def test_a_variable_of_another_model(runner):
    stranger = tf.Variable(1.0, name="stranger")
    folder = str(cases.RECORDED / "linear.model_dir")
    estimator = runner.make("linear", warm_start_from=WarmStartSettings(folder, [stranger]))

    with pytest.raises(ValueError, match="'stranger' that `model_fn` did not make"):
        estimator.train(runner.rows, steps=1)


def test_one_old_variable_for_two_new_ones(runner, old_values):
    """Two towns start from the one that there was."""
    town = "linear/linear_model/town/weights"
    ages = "linear/linear_model/age_bucketized/weights"
    (slot,) = (n for n in old_values("linear") if n.endswith(f"{town}/linear"))
    settings = WarmStartSettings(
        str(cases.RECORDED / "linear.model_dir"), [town, slot], None, {slot: town}
    )

    values = runner.first_values(runner.make("linear", warm_start_from=settings))

    for name in (town, slot):
        np.testing.assert_array_equal(values[name], old_values("linear")[town])
    assert not values[ages].any()


def test_the_old_class_of_vocabularies(runner, recorded):
    """`tf.compat.v1.train.VocabInfo` is what tf.estimator.VocabInfo was."""
    case = ALL["only_the_vocabulary"]
    about = {**case.settings.vocabularies[cases.JOB]}
    about |= {key: str(cases.RECORDED / about[key]) for key in ("new_vocab", "old_vocab")}
    settings = WarmStartSettings(
        str(cases.RECORDED / "linear.model_dir"),
        None,
        {cases.JOB: tf.compat.v1.train.VocabInfo(**about)},
    )

    values = runner.first_values(runner.make("linear", warm_start_from=settings, **case.model))

    expected = recorded["cases"][case.name]["values"][cases.JOB]
    np.testing.assert_array_equal(values[cases.JOB], np.float32(expected))


def test_no_class_of_vocabularies(runner):
    settings = WarmStartSettings(
        str(cases.RECORDED / "linear.model_dir"), None, {cases.JOB: "jobs.txt"}
    )
    with pytest.raises(TypeError, match="needs a VocabInfo by name, got 'jobs.txt'"):
        runner.make("linear", warm_start_from=settings).train(runner.rows, steps=1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"axis": -1}, ValueError, "axis must be 0"),
        ({"old_vocab": ""}, ValueError, "must be paths of vocabulary files"),
        ({"new_vocab_size": 0}, ValueError, "new_vocab_size must be at least 1 .* got 0 and 0"),
        ({"num_oov_buckets": -1}, ValueError, "got 3 and -1"),
        ({"backup_initializer": 7.0}, TypeError, "must be callable .* got 7.0"),
    ],
)
def test_arguments(changes, error, message):
    arguments = {"new_vocab": "new", "new_vocab_size": 3, "num_oov_buckets": 0, "old_vocab": "old"}
    with pytest.raises(error, match=message):
        VocabInfo(**{**arguments, **changes})


def test_a_token_twice(tmp_path):
    (tmp_path / "old.txt").write_text("a\nb\na\n")
    (tmp_path / "new.txt").write_text("a\n")
    info = VocabInfo(str(tmp_path / "new.txt"), 1, 0, str(tmp_path / "old.txt"))
    with pytest.raises(ValueError, match="'a' is 2 times in old_vocab"):
        info.remap(np.ones([3, 1]))


def test_ends_of_lines_are_those_of_lookup_tables(tmp_path):
    path = tmp_path / "old.txt"
    path.write_bytes(b"a\r\n\xff\r\nb")
    initializer = tf.lookup.TextFileInitializer(
        str(path),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    keys, rows = tf.lookup.StaticHashTable(initializer, -1).export()
    (tmp_path / "new.txt").write_bytes(b"b\n\xff\na\n")
    info = VocabInfo(str(tmp_path / "new.txt"), 3, 0, str(path))

    remapped = info.remap(np.arange(3.0))

    by_key = dict(zip(keys.numpy(), rows.numpy(), strict=True))
    assert remapped.tolist() == [by_key[key] for key in (b"b", b"\xff", b"a")]


def test_fresh_values_get_the_shape_of_the_variable(tmp_path):
    (tmp_path / "classes.txt").write_text("a\nb\n")
    asked = []

    def initializer(shape):
        asked.append(list(shape))
        return np.ones(shape)

    path = str(tmp_path / "classes.txt")
    info = VocabInfo(path, 2, 1, path, backup_initializer=initializer, axis=1)

    assert info.remap(np.zeros([5, 2], np.float32)).sum() == 5.0
    assert asked == [[5, 3]]
