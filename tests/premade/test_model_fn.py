"""What runs in the pipeline, and under which names the rows of a fused table are saved."""

from __future__ import annotations

import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import BinaryClassHead, RegressionHead
from premade import LinearRegressor, optimizers
from premade.model_fn import preprocess

WORDS = fc.categorical_column_with_vocabulary_list("words", ["a", "b"])


def test_the_step_sees_ids_and_what_the_head_reads():
    transform = preprocess(BinaryClassHead(weight_column="weight"), dense=[WORDS])
    features = {
        "words": tf.constant([["b"], ["zz"]]),
        "weight": tf.constant([1.0, 2.0]),
        "unused": tf.constant([["text"], ["text"]]),
    }
    made = transform(features)
    assert "unused" not in made
    assert made["weight"] is features["weight"]
    dtypes = {part.dtype for part in tf.nest.flatten(made, expand_composites=True)}
    assert tf.string not in dtypes


def test_features_without_names_are_refused():
    with pytest.raises(ValueError, match="features should be a dictionary"):
        preprocess(RegressionHead(), dense=[WORDS])(tf.constant([["a"]]))


def test_one_table_in_memory_and_one_name_for_each_column_on_disk(small, batch):
    other = fc.categorical_column_with_identity("id", 3)
    estimator = small(LinearRegressor, [WORDS, other], optimizer="SGD")
    estimator.train(batch({"words": [["a"]], "id": [[2]]}, [[1.0]]), steps=1)
    # The gradient is -2, the learning rate 0.2.
    read = estimator.get_variable_value
    assert read("linear/linear_model/words/weights").ravel().tolist() == pytest.approx([0.4, 0.0])
    assert read("linear/linear_model/id/weights").ravel().tolist() == pytest.approx([0.0, 0.0, 0.4])
    in_memory = [name for name in estimator._model.store.names if "linear_model" in name]
    assert len(in_memory) == 2  # the table and the bias


@pytest.mark.parametrize(
    ("make", "rate"),
    [
        (lambda: optimizers.for_linear("Ftrl", 100), 0.2),
        (lambda: optimizers.for_linear("SGD", 100), 0.2),
        (lambda: optimizers.for_linear(None, 4), 0.2),
        (lambda: optimizers.for_linear(None, 100), 0.1),
        (lambda: optimizers.for_wide_part("Ftrl", 4), 0.005),
        (lambda: optimizers.for_wide_part("Adam", 1_000_000), 0.001),
        (lambda: optimizers.for_deep_part("SGD"), 0.001),
        (lambda: optimizers.for_deep("SGD"), 0.01),
        (lambda: optimizers.for_deep("Adam"), 0.001),
    ],
)
def test_learning_rates_of_names(make, rate):
    assert make().learning_rate == pytest.approx(rate)


def test_ftrl_is_what_none_means():
    assert type(optimizers.for_linear(None, 1)) is type(optimizers.for_linear("Ftrl", 1))


@pytest.mark.parametrize(
    "make", [lambda: optimizers.for_deep(None), lambda: optimizers.for_wide_part(None, 1)]
)
def test_none_is_an_optimizer_of_linear_models_only(make):
    with pytest.raises(ValueError, match="The optimizer must not be None"):
        make()
