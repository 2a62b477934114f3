"""Categorical and indicator columns on the trainer: quality, resuming, serving, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from sklearn.ensemble import HistGradientBoostingRegressor

import feature_columns as fc
from estimators import RunConfig, export
from premade.boosted_trees import BoostedTreesRegressor, TreeOptions, categories
from premade.boosted_trees.forest import Forest

NAMES = [f"city {i}" for i in range(40)]
ROWS = 3000
NOT_HELD_BACK = TreeOptions(category_smoothing=0.0, category_l2=0.0)


@dataclasses.dataclass(frozen=True)
class Rows:
    x: np.ndarray
    city: np.ndarray
    y: np.ndarray

    @classmethod
    def drawn(cls, seed, rows=ROWS):
        rng = np.random.default_rng(seed)
        effect = np.random.default_rng(0).standard_normal(len(NAMES) + 1)
        x = rng.standard_normal(rows).astype(np.float32)
        city = rng.integers(0, len(NAMES) + 1, rows)
        y = effect[city] * np.where(x > 0, 2.0, -1.0) + 0.3 * rng.standard_normal(rows)
        # The last one is '', a missing value.
        return cls(x, np.array([*NAMES, ""])[city], y.astype(np.float32))

    def features(self):
        return {"x": self.x, "city": self.city}


def data(features, y=None, batch=1000):
    parts = features if y is None else (features, y)
    return lambda: tf.data.Dataset.from_tensor_slices(parts).batch(batch)


def city_column():
    return fc.categorical_column_with_vocabulary_list("city", NAMES)


def columns():
    return [fc.numeric_column("x"), city_column()]


def trees_in(folder, columns, **options):
    config = RunConfig(model_dir=str(folder), progress=False)
    arguments = {"n_trees": 30, "max_depth": 4, "min_node_weight": 40.0, **options}
    return BoostedTreesRegressor(columns, config=config, **arguments)


def predicted(trees, features):
    return np.array([p["predictions"][0] for p in trees.predict(data(features))])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    rows = Rows.drawn(1)
    return trees_in(tmp_path_factory.mktemp("trained"), columns()).train(
        data(rows.features(), rows.y)
    )


def test_is_as_good_as_scikit_learn(trained):
    rows, held_out = Rows.drawn(1), Rows.drawn(2)
    ids = {name: i for i, name in enumerate(NAMES)}

    def table(some):
        return np.stack([some.x, [ids.get(name, np.nan) for name in some.city]], axis=1)

    peer = HistGradientBoostingRegressor(
        max_iter=30,
        max_depth=4,
        max_leaf_nodes=16,
        categorical_features=[False, True],
        early_stopping=False,
    ).fit(table(rows), rows.y)
    found = np.mean((predicted(trained, held_out.features()) - held_out.y) ** 2)
    peers = np.mean((peer.predict(table(held_out)) - held_out.y) ** 2)
    assert found < 1.03 * peers


def test_bits_of_categories_and_thresholds_of_numbers(trained):
    forest = trained.forest()
    at = tuple(np.array(list(forest.splits())).T)
    of_city = forest.feature[at] == 0  # in the order of the names
    assert set(forest.threshold[at][of_city]) == {-1}
    assert (forest.threshold[at][~of_city] >= 0).all()
    has_bits = (forest.left_bins[at] != 0).any(axis=1)
    assert has_bits[of_city].any()
    assert not has_bits[~of_city].any()


def test_unseen_and_unlisted_categories_go_where_missing_ones_go(tmp_path):
    rows = Rows.drawn(1, 500)
    unseen = fc.categorical_column_with_vocabulary_list("city", [*NAMES, "unseen"])
    trees = trees_in(tmp_path, [fc.numeric_column("x"), unseen], n_trees=5)
    trees.train(data(rows.features(), rows.y))
    x = np.linspace(-2, 2, 20, dtype=np.float32)
    missing, others, unlisted = (
        predicted(trees, {"x": x, "city": np.full(20, name)}) for name in ("", "unseen", "unlisted")
    )
    np.testing.assert_array_equal(missing, others)
    np.testing.assert_array_equal(missing, unlisted)
    assert len(set(missing.tolist())) > 1


def test_an_interrupted_run_grows_the_same_forest_whatever_the_order(tmp_path):
    rows = Rows.drawn(3, 800)
    order = np.random.default_rng(0).permutation(800)

    def forest(folder, order, *parts):
        for steps in parts:
            trees = trees_in(tmp_path / folder, columns(), n_trees=5, max_depth=3)
            features = {name: array[order] for name, array in rows.features().items()}
            trees.train(data(features, rows.y[order]), steps=steps)
        return trees.forest().arrays()

    whole = forest("whole", slice(None), None)
    resumed, shuffled = forest("parts", slice(None), 1, None), forest("shuffled", order, None)
    for name, array in whole.items():
        np.testing.assert_array_equal(array, resumed[name], err_msg=name)
        np.testing.assert_array_equal(array, shuffled[name], err_msg=name)


def test_the_export_reads_raw_strings(trained, tmp_path):
    rows = Rows.drawn(4, 60)
    rows.city[:3] = ["unlisted", "", NAMES[0]]
    receiver = export.build_raw_serving_input_receiver_fn(
        {
            "x": tf.keras.Input([], dtype=tf.float32),
            "city": tf.keras.Input([], dtype=tf.string),
        }
    )
    path = trained.export_saved_model(tmp_path, receiver)
    predict = tf.saved_model.load(path.decode()).signatures["predict"]
    answer = predict(x=tf.constant(rows.x), city=tf.constant(rows.city))["predictions"]
    np.testing.assert_allclose(answer[:, 0], predicted(trained, rows.features()), rtol=1e-6)


def test_the_export_parses_examples(trained, tmp_path):
    spec = fc.make_parse_example_spec(columns())
    receiver = export.build_parsing_serving_input_receiver_fn(spec)
    path = trained.export_saved_model(tmp_path, receiver)
    predict = tf.saved_model.load(path.decode()).signatures["predict"]

    def example(x, *cities):
        feature = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=[x]))}
        values = [city.encode() for city in cities]
        feature["city"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()

    answer = predict(tf.constant([example(0.5, NAMES[3]), example(0.5)]))["predictions"]
    features = {"x": np.float32([0.5, 0.5]), "city": np.array([NAMES[3], ""])}
    np.testing.assert_allclose(answer[:, 0], predicted(trained, features), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Column city has several categories"):
        predict(tf.constant([example(0.5, NAMES[3], NAMES[4])]))


def test_the_most_frequent_of_many_have_bins_of_their_own(tmp_path):
    # Ids 0 to 899, the higher the more frequent up to 299; the last 600 are there once each.
    ids = np.concatenate([np.repeat(np.arange(300), np.arange(300) // 10 + 2), np.arange(300, 900)])
    column = fc.categorical_column_with_identity("c", 1000)
    trees = trees_in(
        tmp_path, [column], n_trees=1, max_depth=1, learning_rate=1.0, options=NOT_HELD_BACK
    )
    trees.train(data({"c": ids}, (ids >= 300).astype(np.float32)))
    (ids_of_bins,) = trees.get_variable_value("boosted_trees/boundaries")
    # 253 bins, and one for all others: of the equally frequent 40 to 49 it has the first three.
    assert ids_of_bins.tolist() == [*range(40, 43), *range(50, 300), 1000]
    once, unseen, frequent = predicted(trees, {"c": np.array([500, 950, 299])})
    assert once == unseen
    assert once > 0.5 > frequent


def test_counts_of_parts_add_up():
    ids = np.random.default_rng(0).integers(0, 9, 100).astype(np.float32)
    ids[::7] = np.nan
    parts = [categories.counts_of(part, 12) for part in np.split(ids, [31, 60])]
    np.testing.assert_array_equal(sum(parts), categories.counts_of(ids, 12))


@pytest.mark.parametrize(
    "column",
    [
        fc.categorical_column_with_hash_bucket("city", 1000),
        fc.crossed_column(["city", "half"], 1000),
    ],
    ids=["hash bucket", "cross"],
)
def test_hashed_and_crossed_columns(column, tmp_path):
    city = np.array(NAMES[:4] * 50)
    half = np.array(["a", "b", "b", "a", "b"] * 40)
    features, y = {"city": city, "half": half}, (city == NAMES[2]) * np.where(half == "a", 5.0, 3.0)
    trees = trees_in(tmp_path, [column], n_trees=1, learning_rate=1.0, options=NOT_HELD_BACK)
    found = predicted(trees.train(data(features, y.astype(np.float32))), features)
    if column.name == "city":
        y = np.where(city == NAMES[2], y[city == NAMES[2]].mean(), 0.0)
    np.testing.assert_allclose(found, y, atol=1e-5)


def test_an_indicator_is_a_number_for_each_category(tmp_path):
    tags = tf.ragged.constant([["a"], ["b", "b"], [], ["a", "b"]] * 20)
    y = np.float32([1, 4, 0, 3] * 20)
    column = fc.indicator_column(fc.categorical_column_with_vocabulary_list("tags", ["a", "b"]))
    trees = trees_in(tmp_path, [column], n_trees=1, learning_rate=1.0, min_node_weight=0.0)
    forest = trees.train(data({"tags": tags}, y)).forest()
    assert forest.left_bins.shape[2] == 0
    assert set(forest.feature.ravel()) == {-1, 0, 1}
    found = predicted(trees, {"tags": tags[:4]})
    np.testing.assert_allclose(found, y[:4], atol=1e-6)


def test_max_bins_is_the_most_that_a_feature_has(tmp_path):
    rows = Rows.drawn(5, 500)
    trees = trees_in(tmp_path, columns(), n_trees=2, options=TreeOptions(max_bins=8))
    trees.train(data(rows.features(), rows.y))
    of_city, of_x = trees.get_variable_value("boosted_trees/boundaries")
    filler = np.finfo(np.float32).max
    assert (of_city < filler).sum() == 8
    assert (of_x < filler).sum() == 7
    assert isinstance(trees.forest(), Forest)


@pytest.mark.parametrize("bins", [1, 256, 2**31])
def test_refuses_numbers_of_bins(bins):
    with pytest.raises(ValueError, match=f"2 to 255, got {bins}: .* kept in a byte"):
        TreeOptions(max_bins=bins)


@pytest.mark.parametrize(
    "option", [{"category_smoothing": -1.0}, {"category_l2": -1.0}, {"max_categories_per_side": 0}]
)
def test_refuses_options(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"{name} must be"):
        TreeOptions(**option)


def test_refuses_other_columns():
    with pytest.raises(ValueError, match="'city_embedding', a EmbeddingColumn"):
        BoostedTreesRegressor([fc.embedding_column(city_column(), 4)])
    weighted = fc.weighted_categorical_column(city_column(), "w")
    with pytest.raises(ValueError, match="indicator_column of a weighted one"):
        BoostedTreesRegressor([weighted])
    huge = fc.categorical_column_with_hash_bucket("city", 2**25)
    with pytest.raises(ValueError, match="'city' has 33554432 categories"):
        BoostedTreesRegressor([huge])


@pytest.mark.parametrize("is_ragged", [False, True])
def test_refuses_rows_of_several_categories(is_ragged, tmp_path):
    tags = [[NAMES[0], NAMES[1]], [NAMES[2], NAMES[3]]]
    features = {"city": tf.ragged.constant(tags) if is_ragged else np.array(tags)}
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="indicator_column"):
        trees_in(tmp_path, [city_column()]).train(data(features, np.float32([1, 2])))
