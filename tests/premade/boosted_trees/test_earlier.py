"""A forest that begins with the trees of another."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig, WarmStartSettings
from premade import BoostedTreesClassifier, LinearClassifier
from premade.boosted_trees import export_xgboost, import_xgboost

ROWS = 500


def rows(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, 2)).astype(np.float32)
    y = (x.sum(axis=1) + rng.standard_normal(ROWS) > 0).astype(np.int64)
    return lambda: tf.data.Dataset.from_tensor_slices(({"x": x}, y)).batch(100)


def columns():
    return [fc.numeric_column("x", shape=2)]


def bucketized():
    return fc.bucketized_column(*columns(), [0.0])


def trees_in(folder, **options):
    given = {"feature_columns": columns(), "n_trees": 3, "max_depth": 2, **options}
    config = RunConfig(model_dir=str(folder), tf_random_seed=1, progress=False)
    return BoostedTreesClassifier(config=config, **given)


def equal(one, other):
    arrays = other.forest().arrays()
    for name, array in one.forest().arrays().items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    return trees_in(tmp_path_factory.mktemp("earlier")).train(rows())


def test_trees_of_both_are_those_of_one_run(earlier, tmp_path):
    later = trees_in(tmp_path / "later", warm_start_from=earlier.model_dir)
    later.train(rows(), steps=1)
    assert later.forest().trees == 4
    # From its own checkpoint then, and until there are three more.
    trees_in(tmp_path / "later", warm_start_from=earlier.model_dir).train(rows())
    at_once = trees_in(tmp_path / "at_once", n_trees=6).train(rows())
    equal(later, at_once)
    assert later.get_variable_value("global_step") == 3


def test_bins_are_those_of_the_earlier_rows(earlier, tmp_path):
    later = trees_in(
        tmp_path, warm_start_from=WarmStartSettings(earlier.model_dir), n_trees=1
    ).train(rows(seed=1))
    boundaries, before = (
        each.get_variable_value("boosted_trees/boundaries") for each in (later, earlier)
    )
    np.testing.assert_array_equal(boundaries, before)
    first = later.forest().part(0, 3)
    np.testing.assert_array_equal(first.value, earlier.forest().value)


def test_predicts_as_the_earlier_one_before_it_is_trained(earlier, tmp_path):
    later = trees_in(tmp_path, warm_start_from=earlier.model_dir)
    found, expected = (each.evaluate(rows())["loss"] for each in (later, earlier))
    assert found == expected


def test_layers_go_on_behind_trees_of_layers(tmp_path):
    options = {"n_batches_per_layer": 5, "n_trees": 2}
    first = trees_in(tmp_path / "first", **options)
    first.train(lambda: rows()().repeat(), steps=15)  # the second tree has one of its two layers
    later = trees_in(tmp_path / "later", warm_start_from=first.model_dir, **options)
    later.train(lambda: rows()().repeat())
    assert later.forest().trees == 4
    np.testing.assert_array_equal(later.forest().part(0, 2).value, first.forest().value)
    assert later.evaluate(rows())["loss"] < first.evaluate(rows())["loss"]


def test_goes_on_with_its_own_trees_whatever_became_of_the_earlier_ones(tmp_path):
    first = trees_in(tmp_path / "first").train(rows())
    begun = first.forest()
    trees_in(tmp_path / "later", warm_start_from=first.model_dir).train(rows(), steps=1)
    trees_in(tmp_path / "first", n_trees=6).train(rows(seed=1))
    later = trees_in(tmp_path / "later", warm_start_from=first.model_dir).train(rows())
    assert later.forest().trees == 6
    np.testing.assert_array_equal(later.forest().part(0, 3).value, begun.value)


def test_begins_with_the_trees_of_another_system(tmp_path):
    trained = trees_in(tmp_path / "trained").train(rows())
    export_xgboost(trained, tmp_path / "model.json")
    brought = trees_in(tmp_path / "brought")
    import_xgboost(brought, tmp_path / "model.json")
    later = trees_in(tmp_path / "later", warm_start_from=brought.model_dir).train(rows())
    assert later.forest().trees == 6
    values = (each.forest().part(0, 3).value for each in (later, trained))
    np.testing.assert_allclose(*values, rtol=1e-5)
    assert later.evaluate(rows())["loss"] < trained.evaluate(rows())["loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_depth": 3}, "max_depth=2 for 1 logits each, and this forest's are of max_depth=3"),
        ({"feature_columns": [*columns(), bucketized()]}, "of 2 numbers .* give 4"),
        ({"warm_start_from": 3}, "must be a string or a WarmStartSettings"),
    ],
)
def test_what_does_not_fit_is_named(earlier, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        trees_in(tmp_path, **{"warm_start_from": earlier.model_dir, **options}).train(rows())


def test_a_folder_without_trees_is_refused(tmp_path):
    linear = LinearClassifier(columns(), model_dir=str(tmp_path / "linear"))
    linear.train(rows(), steps=1)
    with pytest.raises(ValueError, match="has no trees: there is no 'boosted_trees/value'"):
        trees_in(tmp_path / "later", warm_start_from=linear.model_dir).train(rows())
