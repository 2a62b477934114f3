"""Initial values from another checkpoint: which variables, under which names, in which rows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from estimators import EstimatorSpec, VocabInfo, WarmStartSettings, export, minimize
from estimators.checkpoints import Checkpoint


def old_fn(features, labels, mode):
    """Variables a, b trained by Adagrad, and c, which is not."""
    a, b = tf.Variable([1.0, 1.0], name="a"), tf.Variable(2.0, name="scope/b")
    c = tf.Variable(3.0, name="c", trainable=False)
    loss = tf.reduce_sum(a * b) * tf.reduce_mean(features["x"]) + c
    train_op = minimize(loss, "Adagrad")
    return EstimatorSpec(mode, loss=loss, train_op=train_op, predictions={"a": a, "b": b, "c": c})


OLD = {
    "a": [10.0, 20.0],
    "scope/b": 30.0,
    "c": 40.0,
    "training/Adagrad/a/accumulator": [5.0, 6.0],
    "training/Adagrad/scope/b/accumulator": 7.0,
    "training/Adagrad/learning_rate": 0.5,
    "training/Adagrad/decay": 0.25,
    "global_step": np.int64(50),
}
SLOT = "training/Adagrad/a/accumulator"


@pytest.fixture
def started(line, checkpoint):
    """Initial values of a run that is warm started from OLD, with other values if given."""

    def started(settings=None, *, values=None, model_fn=old_fn, **options):
        folder = checkpoint({**OLD, **(values or {})}, step=50)
        if settings is None or options:
            settings = WarmStartSettings(folder, **options)
        estimator = line.estimator(model_fn, warm_start_from=settings, save_checkpoints_steps=100)
        return estimator.train(line.endless, steps=1)

    return started


def first_values(estimator, step=0):
    """Of the checkpoint that the run began with."""
    return Checkpoint.open(f"{estimator.model_dir}/model.ckpt-{step}").read_all()


def taken(estimator, step=0):
    values = first_values(estimator, step)
    names = [n for n in values if n in OLD and n != "global_step"]
    return sorted(n for n in names if np.array_equal(values[n], OLD[n]))


def test_a_path_takes_what_is_trainable(line, checkpoint):
    estimator = line.estimator(old_fn, warm_start_from=checkpoint(OLD, step=50))
    estimator.train(line.endless, steps=1)
    assert taken(estimator) == ["a", "scope/b"]
    assert first_values(estimator)["global_step"] == 0
    assert estimator.get_variable_value("global_step") == 1


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (".*", ["a", "scope/b"]),
        ("scope/", ["scope/b"]),  # matched at the start of the name
        ("b", []),
        ("[ac]", ["a"]),  # c is not trainable
        (["a", "c"], ["a", "c"]),
        (["scope/b", SLOT], ["scope/b", SLOT]),
        (None, []),
    ],
)
def test_which_variables(started, wanted, names):
    assert taken(started(vars_to_warm_start=wanted)) == sorted(names)


def test_a_list_of_everything_takes_slots_too(started):
    estimator = started(vars_to_warm_start=[".*"])
    assert taken(estimator, step=50) == sorted(set(OLD) - {"global_step"})
    assert estimator.get_variable_value("global_step") == 51


def test_other_names(started):
    estimator = started(
        values={"old_a": [70.0, 80.0]},
        vars_to_warm_start="a",
        var_name_to_prev_var_name={"a": "old_a"},
    )
    assert first_values(estimator)["a"].tolist() == [70.0, 80.0]


@pytest.mark.parametrize(
    "options",
    [
        {"var_name_to_prev_var_name": {"nowhere": "a"}},
        {"vars_to_warm_start": "scope", "var_name_to_prev_var_name": {"a": "a"}},
        {"var_name_to_vocab_info": {"nowhere": VocabInfo("new", 1, 0, "old")}},
    ],
)
def test_keys_that_are_not_used(started, options):
    with pytest.raises(ValueError, match="are not warm started: .*(nowhere|a)"):
        started(**options)


def test_a_variable_that_is_not_there(started):
    with pytest.raises(ValueError, match="Cannot warm start 'a': .* holds no variable 'x'"):
        started(var_name_to_prev_var_name={"a": "x"})


def test_another_shape(started):
    message = r"Cannot warm start 'a' of shape \[2\] .* there it has shape \[3\]"
    with pytest.raises(ValueError, match=message):
        started(values={"a": [1.0, 2.0, 3.0]})


def test_a_failed_warm_start_leaves_model_dir_alone(started, line):
    with pytest.raises(ValueError, match="Cannot warm start"):
        started(values={"a": [1.0, 2.0, 3.0]})
    assert line.estimator(old_fn).latest_checkpoint() is None


def test_model_dir_comes_first(line, checkpoint, started):
    estimator = started()
    trained = estimator.get_variable_value("a")
    again = line.estimator(old_fn, warm_start_from=checkpoint(OLD, folder="other"))
    assert again.evaluate(line.data)["global_step"] == 1
    assert again.train(line.endless, max_steps=1).get_variable_value("a").tolist() == (
        trained.tolist()
    )


def test_evaluates_and_predicts_what_it_was_started_from(line, checkpoint):
    estimator = line.estimator(old_fn, warm_start_from=checkpoint(OLD, step=50))
    (batch, *_) = estimator.predict(line.data, yield_single_examples=False)
    assert batch["a"].tolist() == [10.0, 20.0]
    assert batch["b"] == 30.0
    assert batch["c"] == 3.0
    metrics = estimator.evaluate(line.data)
    # 900 times the mean of the batches' means 1.5 and 3, and 3.
    assert (metrics["loss"], metrics["global_step"]) == (pytest.approx(900 * 2.25 + 3), 0)


def test_predicting_first_does_not_start_training_twice(line, checkpoint):
    estimator = line.estimator(old_fn, warm_start_from=checkpoint(OLD, step=50))
    next(estimator.predict(line.data, yield_single_examples=False))
    estimator.train(line.endless, steps=1)
    assert taken(estimator) == ["a", "scope/b"]
    # A whole second pass of training starts from model_dir.
    before = estimator.get_variable_value("a")
    estimator.train(line.endless, steps=1)
    assert (estimator.get_variable_value("a") < before).all()


def test_an_old_checkpoint_is_evaluated_without_warm_start(line, checkpoint):
    settings = checkpoint(OLD, step=50)
    estimator = line.estimator(old_fn, warm_start_from=settings)
    plain = {**OLD, "a": [1.0, 1.0], "scope/b": 2.0, "c": 0.0, "global_step": np.int64(7)}
    other = checkpoint(plain, step=7, folder="other")
    metrics = estimator.evaluate(line.data, checkpoint_path=other)
    assert (metrics["loss"], metrics["global_step"]) == (pytest.approx(4 * 2.25), 7)


def test_batch_norm_keeps_its_own_statistics(line, checkpoint):
    def model_fn(features, labels, mode):
        y = keras.layers.BatchNormalization(name="norm")(features["x"], training=False)
        loss = tf.reduce_mean((y - labels) ** 2)
        return EstimatorSpec(mode, loss=loss, train_op=minimize(loss, keras.optimizers.SGD(0.0)))

    names = ("gamma", "beta", "moving_mean", "moving_variance")
    folder = checkpoint({f"norm/{name}": [9.0] for name in names})
    estimator = line.estimator(model_fn, warm_start_from=folder).train(line.data, steps=1)
    values = [estimator.get_variable_value(f"norm/{name}").item() for name in names]
    assert values == [9.0, 9.0, 0.0, 1.0]


def test_the_folder_of_a_saved_model(line, tmp_path):
    module = tf.Module()
    module.w, module.b = tf.Variable(11.0, name="w"), tf.Variable(12.0, name="b")
    tf.saved_model.save(module, str(tmp_path / "saved"))
    estimator = line.estimator(warm_start_from=str(tmp_path / "saved"))
    metrics = estimator.evaluate(line.data, steps=1)
    assert metrics["mae"] == pytest.approx(np.mean([22.0, 32.0]))


def test_an_export(line, tmp_path):
    receiver = export.build_raw_serving_input_receiver_fn({"x": tf.ones([1, 1])})
    trained = line.estimator().train(line.data)
    exported = trained.export_saved_model(tmp_path / "exported", receiver)
    other = type(line)(tmp_path / "other").estimator(warm_start_from=exported)
    metrics = other.evaluate(line.data)
    assert metrics["loss"] == trained.evaluate(line.data)["loss"]
    assert metrics["global_step"] == 0


def test_no_checkpoint_there(line, tmp_path):
    with pytest.raises(RuntimeError, match="nowhere"):
        line.estimator(warm_start_from=str(tmp_path / "nowhere")).train(line.data)
    with pytest.raises(ValueError, match="must name a checkpoint"):
        WarmStartSettings("")


# Vocabularies


@pytest.fixture
def vocabulary(tmp_path):
    def vocabulary(name, *tokens):
        path = tmp_path / name
        path.write_text("".join(f"{token}\n" for token in tokens))
        return str(path)

    return vocabulary


OLD_ROWS = np.array([[1.0, 1.5], [2.0, 2.5], [3.0, 3.5]], np.float32)


def test_rows_follow_their_tokens(vocabulary):
    info = VocabInfo(
        new_vocab=vocabulary("new", "c", "new", "a"),
        new_vocab_size=3,
        num_oov_buckets=1,
        old_vocab=vocabulary("old", "a", "b", "c"),
    )
    expected = [[3.0, 3.5], [0.0, 0.0], [1.0, 1.5], [0.0, 0.0]]
    assert info.remap(OLD_ROWS).tolist() == expected


def test_part_of_the_vocabularies(vocabulary):
    info = VocabInfo(
        new_vocab=vocabulary("new", "c", "a", "b", "never read"),
        new_vocab_size=3,
        num_oov_buckets=0,
        old_vocab=vocabulary("old", "a", "b", "c"),
        old_vocab_size=2,
        backup_initializer=tf.compat.v1.constant_initializer(7.0),
    )
    assert info.remap(OLD_ROWS[:2]).tolist() == [[7.0, 7.0], [1.0, 1.5], [2.0, 2.5]]


def test_columns_follow_their_tokens(vocabulary):
    info = VocabInfo(
        new_vocab=vocabulary("new", "b", "x", "a"),
        new_vocab_size=3,
        num_oov_buckets=0,
        old_vocab=vocabulary("old", "a", "b"),
        backup_initializer=keras.initializers.Ones(),
        axis=1,
    )
    expected = [[1.5, 1.0, 1.0], [2.5, 1.0, 2.0], [3.5, 1.0, 3.0]]
    assert info.remap(OLD_ROWS).tolist() == expected


@pytest.mark.parametrize("wanted", [None, "table", ".*"])
def test_a_table_with_another_vocabulary(line, checkpoint, vocabulary, wanted):
    def model_fn(features, labels, mode):
        table = tf.Variable(tf.zeros([3, 2]), name="table")
        loss = tf.reduce_sum(table) * tf.reduce_mean(features["x"])
        return EstimatorSpec(
            mode, loss=loss, train_op=minimize(loss, "SGD"), predictions={"t": table}
        )

    info = VocabInfo(vocabulary("new", "c", "a"), 2, 1, vocabulary("old", "a", "b", "c"))
    settings = WarmStartSettings(
        checkpoint({"table": OLD_ROWS}), wanted, var_name_to_vocab_info={"table": info}
    )
    estimator = line.estimator(model_fn, warm_start_from=settings)
    (row, *_) = estimator.predict(line.data, yield_single_examples=False)
    assert row["t"].tolist() == [[3.0, 3.5], [1.0, 1.5], [0.0, 0.0]]


def test_a_vocabulary_that_is_not_there(line, checkpoint, vocabulary):
    info = VocabInfo(vocabulary("new", "a", "b"), 2, 0, "nowhere/old.txt")
    settings = WarmStartSettings(checkpoint(OLD), "a", var_name_to_vocab_info={"a": info})
    with pytest.raises(Exception, match="nowhere/old.txt"):
        line.estimator(old_fn, warm_start_from=settings).train(line.data)
