"""Recurrent networks: the numbers that tf.estimator 2.15 gives, Q1 to Q3, and names on disk."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import BinaryClassHead, RegressionHead, RunConfig, SequentialHeadWrapper
from estimators.checkpoints import CheckpointStore
from estimators.optimizers import SGD
from premade import RNNClassifier, RNNEstimator, RNNModel

PRICE = fc.sequence_numeric_column("price")
PRICES = tf.ragged.constant([[10.0, 5.0], [2.0]])
ON_SALE = fc.indicator_column(fc.sequence_categorical_column_with_identity("on_sale", 2))
CELL = "rnn_model/simple_rnn/simple_rnn_cell"
ONE_LOGIT = {
    f"{CELL}/kernel": [[0.1, -0.2]],
    f"{CELL}/recurrent_kernel": [[0.2, -0.3], [0.3, -0.4]],
    f"{CELL}/bias": [0.2, 0.5],
    "rnn_model/logits/kernel": [[-1.0], [1.0]],
    "rnn_model/logits/bias": [0.3],
}
THREE_LOGITS = {
    "rnn_model/logits/kernel": [[-1.0, 0.5, 0.2], [1.0, -0.3, 0.1]],
    "rnn_model/logits/bias": [0.3, 0.4, 0.5],
}


@pytest.fixture
def make(tmp_path):
    """Makes an estimator whose checkpoint at step 0 holds the weights of the reference."""

    def make(kind, *args, values=None, **options):
        options = {"units": 2, "cell_type": "simple_rnn", **options}
        arrays = {
            name: np.asarray(value, np.float32)
            for name, value in {**ONE_LOGIT, **(values or {})}.items()
        }
        CheckpointStore(tmp_path).commit(0, {**arrays, "global_step": np.int64(0)})
        return kind(*args, config=RunConfig(model_dir=tmp_path), **options)

    return make


@pytest.fixture
def fresh(tmp_path):
    """Makes an estimator without a checkpoint."""

    def fresh(kind, *args, **options):
        config = RunConfig(model_dir=tmp_path, log_step_count_steps=None, save_summary_steps=0)
        return kind(*args, config=config, **options)

    return fresh


def near(rows):
    return [pytest.approx(row, abs=1e-4) for row in rows]


@pytest.mark.parametrize(
    "prices", [PRICES, PRICES.to_sparse(), tf.constant([[10.0, 5.0], [10.0, 5.0]])]
)
def test_q1_one_logit(make, batch, logits, prices):
    estimator = make(RNNEstimator, RegressionHead(), [PRICE])
    expected = [[-0.6033], [-0.6033] if isinstance(prices, tf.Tensor) else [0.0197]]
    assert logits(estimator, batch({"price": prices})) == near(expected)


def test_q1_the_first_step_alone(make, batch, logits):
    estimator = make(RNNClassifier, [PRICE])
    assert logits(estimator, batch({"price": [[10.0]]})) == near([[-1.4388]])


@pytest.mark.parametrize(
    ("prices", "row"),
    [([10.0], [-1.4388, 1.0884, 0.5762]), ([10.0, 5.0], [-0.6033, 0.7777, 0.5698])],
)
def test_q1_three_logits(make, batch, logits, prices, row):
    estimator = make(RNNClassifier, [PRICE], values=THREE_LOGITS, n_classes=3)
    assert logits(estimator, batch({"price": [prices]})) == near([row])


def test_q1_context_comes_after_the_sequence(make, batch, logits):
    values = {f"{CELL}/kernel": [[0.1, -0.2], [1.0, 0.9]]}
    # The name of the context column is before that of the sequence.
    context = [fc.numeric_column("context")]
    estimator = make(RNNEstimator, RegressionHead(), [PRICE], context, values=values)
    data = batch({"price": PRICES, "context": [[-0.5], [0.8]]})
    assert logits(estimator, data) == near([[-0.3662], [0.1414]])


def test_q1_two_sequences(make, batch, logits):
    values = {f"{CELL}/kernel": [[0.5, -0.5], [1.0, -1.0], [0.1, -0.2]]}
    estimator = make(RNNEstimator, RegressionHead(), [PRICE, ON_SALE], values=values)
    data = batch({"price": PRICES, "on_sale": tf.ragged.constant([[0, 1], [0]])})
    assert logits(estimator, data) == near([[-1.5056], [-0.7962]])


def test_q2_metrics(make, batch):
    metrics = make(RNNClassifier, [PRICE]).evaluate(batch({"price": PRICES}, [[0], [1]]), steps=1)
    expected = {"loss": 0.559831, "prediction/mean": 0.429262, "accuracy": 1.0, "auc": 1.0}
    assert {key: metrics[key] for key in expected} == pytest.approx(expected, rel=1e-5)


EACH_STEP = [[[-1.4388], [-0.6033]], [[0.0197], [0.0197]]]  # A masked step repeats the last one.


def predicted(estimator, input_fn):
    return next(estimator.predict(input_fn, yield_single_examples=False))


def test_q1_each_step(make, batch):
    head = SequentialHeadWrapper(RegressionHead())
    estimator = make(RNNEstimator, head, [PRICE], return_sequences=True)
    predictions = predicted(estimator, batch({"price": PRICES}))
    np.testing.assert_allclose(predictions["predictions"], EACH_STEP, atol=1e-4)
    mask = predictions["sequence_length_mask"]
    assert mask.tolist() == [[True, True], [True, False]]


def test_q1_three_logits_of_each_step(make, batch):
    estimator = make(
        RNNClassifier, [PRICE], values=THREE_LOGITS, n_classes=3, return_sequences=True
    )
    predictions = predicted(estimator, batch({"price": [[10.0, 5.0]]}))
    expected = [[[-1.4388, 1.0884, 0.5762], [-0.6033, 0.7777, 0.5698]]]
    np.testing.assert_allclose(predictions["logits"], expected, atol=1e-4)
    assert predictions["class_ids"].tolist() == [[[1], [1]]]
    assert predictions["sequence_mask"].tolist() == [[True, True]]


@pytest.mark.parametrize(
    "labels", [tf.ragged.constant([[0, 1], [0]]), tf.constant([[0, 1], [0, -9]])]
)
def test_q3_metrics_of_each_step(make, labels):
    def input_fn():
        return tf.data.Dataset.from_tensors(({"price": PRICES}, labels))

    metrics = make(RNNClassifier, [PRICE], return_sequences=True).evaluate(input_fn)
    expected = {
        "loss": 0.651841,
        "accuracy": 1 / 3,
        "prediction/mean": 0.350085,
        "label/mean": 1 / 3,
        "accuracy_baseline": 2 / 3,
        "auc": 0.5,
        "auc_precision_recall": 0.30685282,
    }
    assert {key: metrics[key] for key in expected} == pytest.approx(expected, rel=1e-5)


def test_a_mask_of_the_input_is_taken(make, batch):
    estimator = make(RNNClassifier, [PRICE], return_sequences=True)
    mask = np.array([[False, True], [True, False]])
    data = batch({"price": PRICES, "sequence_mask": mask}, [[0, 1], [0, 0]])
    metrics = estimator.evaluate(data, steps=1)
    assert predicted(estimator, data)["sequence_mask"].tolist() == mask.tolist()
    # -log(sigmoid(-0.6033)) and -log(1 - sigmoid(0.0197))
    expected = np.mean(np.log1p(np.exp([0.6033, 0.0197])))
    assert metrics["loss"] == pytest.approx(expected, abs=1e-4)


def test_sequences_without_steps_at_each_step(make, batch):
    nothing = tf.SparseTensor(np.zeros([0, 2], np.int64), tf.constant([], tf.float32), [2, 0])
    estimator = make(RNNClassifier, [PRICE], return_sequences=True)
    assert (
        predicted(estimator, batch({"price": nothing}))["sequence_mask"].tolist() == [[False]] * 2
    )


def test_what_fills_a_batch_up_changes_nothing(make, batch, logits):
    estimator = make(RNNEstimator, RegressionHead(), [PRICE])
    wide = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [10.0, 5.0, 2.0], [2, 7])
    assert logits(estimator, batch({"price": wide})) == near([[-0.6033], [0.0197]])


def test_sequences_without_steps(make, batch, logits):
    estimator = make(RNNEstimator, RegressionHead(), [PRICE])
    nothing = tf.SparseTensor(np.zeros([0, 2], np.int64), tf.constant([], tf.float32), [2, 0])
    # The state at the start is zero, so the bias of the logits is left.
    assert logits(estimator, batch({"price": nothing})) == near([[0.3], [0.3]])


WEIGHTS = ("bias", "kernel", "recurrent_kernel")


# Listed by tf.estimator 2.15, but for `units` alone, which it took as a list only.
@pytest.mark.parametrize(
    ("options", "cells"),
    [
        ({"units": 2, "cell_type": "lstm"}, ["lstm/lstm_cell"]),
        ({"units": 2, "cell_type": "gru"}, ["gru/gru_cell"]),
        ({"units": 2}, ["simple_rnn/simple_rnn_cell"]),
        ({"units": [2]}, ["rnn/simple_rnn_cell"]),
        ({"units": [2], "cell_type": "lstm"}, ["rnn/lstm_cell"]),
        ({"units": [2], "cell_type": keras.layers.GRUCell}, ["rnn/gru_cell"]),
        ({"rnn_cell_fn": lambda: keras.layers.LSTMCell(2)}, ["rnn/lstm_cell"]),
        ({"rnn_cell_fn": lambda: keras.layers.LSTMCell(2, name="mine")}, ["rnn/mine"]),
        (
            {"units": (3, 2), "cell_type": "gru"},
            ["rnn/stacked_rnn_cells/gru_cell", "rnn/stacked_rnn_cells/gru_cell_1"],
        ),
        (
            {"units": (3, 2), "cell_type": keras.layers.LSTMCell},
            ["rnn/stacked_rnn_cells/lstm_cell", "rnn/stacked_rnn_cells/lstm_cell_1"],
        ),
    ],
)
def test_names_on_disk(fresh, batch, options, cells):
    estimator = fresh(RNNEstimator, RegressionHead(), [PRICE], optimizer="SGD", **options)
    estimator.train(batch({"price": PRICES}, [[1.0], [2.0]]), steps=2)
    estimator.evaluate(batch({"price": PRICES}, [[1.0], [2.0]]), steps=1)  # Finds them again.
    names = [name for name in estimator.get_variable_names() if name.startswith("rnn_model/")]
    expected = [f"rnn_model/{cell}/{weight}" for cell in cells for weight in WEIGHTS]
    assert sorted(names) == sorted([*expected, "rnn_model/logits/bias", "rnn_model/logits/kernel"])


@pytest.mark.parametrize(
    ("optimizer", "moved"),
    # The gradient is 2 * 1000: a name clips it to 5, an optimizer of one's own does not.
    [("SGD", 0.05 * 5.0), (SGD(0.05), 0.05 * 2000.0)],
)
def test_gradients_are_clipped_where_the_optimizer_is_a_name(fresh, batch, optimizer, moved):
    estimator = fresh(RNNEstimator, RegressionHead(), [PRICE], units=1, optimizer=optimizer)
    estimator.train(batch({"price": [[0.0]]}, [[1000.0]]), steps=1)
    assert estimator.get_variable_value("rnn_model/logits/bias") == pytest.approx([moved])


@pytest.mark.parametrize("cell_type", ["simple_rnn", "lstm", "gru"])
def test_learns_what_only_the_order_tells(fresh, cell_type):
    random = np.random.default_rng(3)
    words = random.permuted(np.array([["first", "second"]] * 64), axis=1)
    labels = (words[:, 0] == "first").astype(np.int64)[:, np.newaxis]
    column = fc.sequence_categorical_column_with_vocabulary_list("words", ["first", "second"])
    estimator = fresh(
        RNNClassifier, [fc.indicator_column(column)], units=4, cell_type=cell_type, optimizer="Adam"
    )
    data = tf.data.Dataset.from_tensors(({"words": words}, labels))
    estimator.train(lambda: data.repeat(), steps=60)
    assert estimator.evaluate(lambda: data)["accuracy"] == 1.0


def test_the_network_is_a_keras_model():
    keras.utils.set_random_seed(1)
    model = RNNModel(keras.layers.GRU(4), [PRICE], units=3)
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors(({"price": PRICES}, tf.ones([2, 3]))).repeat(20)
    losses = model.fit(data, epochs=2, verbose=0, shuffle=False).history["loss"]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    "options",
    [
        {"units": 3, "cell_type": "lstm"},
        {"units": [3, 2], "cell_type": "gru"},
        {"units": [3], "cell_type": keras.layers.SimpleRNNCell},
        {"rnn_cell_fn": lambda: keras.layers.GRUCell(3)},
    ],
)
def test_the_last_step_answers_as_if_it_were_the_only_one_asked(fresh, batch, options):
    """Trained at the last step, then opened to answer at each."""
    data = batch({"price": PRICES}, [[1.0], [2.0]])
    once = fresh(RNNEstimator, RegressionHead(), [PRICE], optimizer="SGD", **options)
    once.train(data, steps=2)
    head = SequentialHeadWrapper(RegressionHead())
    each = fresh(RNNEstimator, head, [PRICE], return_sequences=True, optimizer="SGD", **options)
    answers = predicted(each, batch({"price": PRICES}))["predictions"]
    last = predicted(once, batch({"price": PRICES}))["predictions"]
    np.testing.assert_allclose(answers[[0, 1], [1, 0]], last, rtol=1e-5)
    assert not np.isclose(answers[0, 0], answers[0, 1])


def test_keras_leaves_out_the_steps_that_are_not_there():
    model = RNNModel(keras.layers.GRU(4, return_sequences=True), [PRICE])
    model.compile("sgd", keras.losses.MeanSquaredError("sum"))
    targets = np.array([[[1.0], [2.0]], [[3.0], [1e6]]], np.float32)
    outputs, mask = model({"price": PRICES}).numpy(), model.compute_mask({"price": PRICES}).numpy()
    data = tf.data.Dataset.from_tensors(({"price": PRICES}, targets))
    loss = model.evaluate(data, verbose=0)
    assert mask.tolist() == [[True, True], [True, False]]
    assert loss == pytest.approx(((outputs - targets)[mask] ** 2).sum(), rel=1e-5)


def test_learns_at_which_step_something_was(fresh):
    """The label of a step is whether a 1 came before or at it: no single step tells."""
    random = np.random.default_rng(4)
    rows = [(random.random(random.integers(1, 6)) < 0.3).astype(np.int64) for _ in range(64)]
    seen = tf.ragged.constant([np.maximum.accumulate(row).tolist() for row in rows])
    column = fc.sequence_categorical_column_with_identity("signal", 2)
    data = tf.data.Dataset.from_tensor_slices(
        ({"signal": tf.ragged.constant([row.tolist() for row in rows])}, seen)
    ).batch(16)
    estimator = fresh(
        RNNClassifier,
        [fc.indicator_column(column)],
        units=4,
        cell_type="gru",
        return_sequences=True,
        optimizer="Adam",
    )
    estimator.train(lambda: data.repeat(), steps=80)
    assert estimator.evaluate(lambda: data)["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("head", "return_sequences", "message"),
    [
        (BinaryClassHead(), True, "Provided head must be a SequentialHeadWrapper when"),
        (SequentialHeadWrapper(BinaryClassHead()), False, "set `return_sequences` to True"),
    ],
)
def test_head_and_return_sequences_go_together(head, return_sequences, message):
    with pytest.raises(ValueError, match=message):
        RNNEstimator(head, [PRICE], units=2, return_sequences=return_sequences)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_feature_columns": None}, "sequence_feature_columns to be iterable"),
        ({"sequence_feature_columns": []}, "sequence_feature_columns must not be empty"),
        ({"units": None}, "`units` should be the size of a recurrent layer.* Given: None"),
        ({"units": [4, 0]}, r"`units` should be .* Given: \[4, 0\]"),
        ({"cell_type": "lstm_cell"}, "`cell_type` should be a class.*'simple_rnn', 'lstm', 'gru'"),
        (
            {"rnn_cell_fn": lambda: None},
            "units and cell_type must not be specified when using rnn_cell_fn",
        ),
        (
            {"rnn_cell_fn": lambda: None, "units": None, "cell_type": "lstm"},
            "units and cell_type must not be specified when using rnn_cell_fn",
        ),
        ({"optimizer": None}, "The optimizer must not be None"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**{"sequence_feature_columns": [PRICE], "units": 4, **options})
