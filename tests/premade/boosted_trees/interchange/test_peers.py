"""XGBoost and LightGBM, where they are installed: they load our files, and predict what we do."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig
from premade.boosted_trees import BoostedTreesClassifier, export_lightgbm, export_xgboost
from premade.boosted_trees.interchange import lightgbm_text, xgboost_json
from premade.boosted_trees.interchange.trees import Link, Tree, TreeModel, leaf, no_ids

ROWS = 400
NAMES = ("x_0", "x_1", "x_2", "y")
CATEGORY, IDS = 3, 40
"""Which feature is a category, and of how many."""


def rows():
    rng = np.random.default_rng(2)
    x = (np.round(rng.normal(size=(ROWS, 4)) * 4) / 10).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, CATEGORY] = rng.choice([*range(IDS), np.nan, np.nan], ROWS)
    return x


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, x = tmp_path_factory.mktemp("trained"), rows()
    config = RunConfig(model_dir=str(folder / "model"), progress=False)
    columns = [fc.numeric_column("x", shape=3), fc.categorical_column_with_identity("y", IDS)]
    ids = np.nan_to_num(x[:, CATEGORY], nan=-1).astype(np.int64)
    features = {"x": x[:, :3], "y": ids}
    labels = (np.nan_to_num(x[:, 0]) + ids % 3 > 1).astype(np.int64)
    trees = BoostedTreesClassifier(columns, n_trees=5, max_depth=3, config=config)
    trees.train(lambda: tf.data.Dataset.from_tensors((features, labels)))
    assert (trees.forest().feature == CATEGORY).any()
    predictions = list(trees.predict(lambda: tf.data.Dataset.from_tensors(features)))
    export_xgboost(trees, folder / "model.json")
    export_lightgbm(trees, folder / "model.txt")
    return folder, *(np.array([p[key][0] for p in predictions]) for key in ("logits", "logistic"))


def made(outputs, link):
    """Returns a model of random trees; trees of a single leaf among them."""
    rng = np.random.default_rng(outputs)
    splits = [[(0, 1), (1, 3), (4, 5)], [(0, 1), (2, 3), (3, 5), (5, 7)], []]
    trees = [leaf(i, 0.25 * i - 0.5) for i in range(outputs)]
    for i in range(4 * outputs):
        chosen = splits[i % len(splits)]
        nodes = 2 * len(chosen) + 1
        feature, left = np.full(nodes, -1, np.int32), np.zeros(nodes, np.int32)
        for node, child in chosen:
            feature[node], left[node] = rng.integers(0, 4), child
        value = rng.normal(size=nodes).astype(np.float32)
        boundary = (rng.integers(-8, 8, nodes) / 10).astype(np.float32)
        side = (rng.random(nodes) < 0.5) & (feature >= 0)
        ones = np.ones(nodes, np.float32)
        ids, ids_left = no_ids(nodes), rng.random(nodes) < 0.5
        for node in np.flatnonzero(feature == CATEGORY):
            ids[node] = frozenset(rng.choice(IDS, rng.integers(0, IDS), replace=False).tolist())
        arrays = (feature, boundary, ids, ids_left, side, left, value * 1.0, ones, ones)
        trees.append(Tree(i % outputs, *arrays))
    bias, categories = (0.0,) * outputs, {NAMES[CATEGORY]: IDS}
    return TreeModel(NAMES, outputs, link, bias, tuple(trees), outputs, categories)


def sums_of(model, x):
    """Row by row and node by node, in Python."""
    found = np.zeros([len(x), model.outputs])
    for i, row in enumerate(x):
        for tree in model.trees:
            node = 0
            while (feature := tree.feature[node]) >= 0:
                x = row[feature]
                left = x < tree.boundary[node]
                if tree.ids[node] is not None:
                    left = (x in tree.ids[node]) == tree.ids_left[node]
                left = tree.missing_left[node] if np.isnan(x) else left
                node = tree.left[node] + (not left)
            found[i, tree.output] += tree.value[node]
    return found


def predictions_of(link, sums):
    if link is Link.SOFTMAX:
        powers = np.exp(sums)
        return powers / powers.sum(axis=1, keepdims=True)
    of = {Link.LOGISTIC: lambda x: 1 / (1 + np.exp(-x)), Link.EXPONENTIAL: np.exp}
    return of.get(link, lambda x: x)(sums)


MODELS = [
    (1, Link.IDENTITY),
    (1, Link.LOGISTIC),
    (1, Link.EXPONENTIAL),
    (3, Link.SOFTMAX),
    (2, Link.LOGISTIC),
    (2, Link.IDENTITY),
]


@pytest.mark.parametrize(("outputs", "link"), MODELS)
@pytest.mark.parametrize("module", [xgboost_json, lightgbm_text], ids=["xgboost", "lightgbm"])
def test_the_file_predicts_the_same_when_we_read_it(module, outputs, link):
    if module is lightgbm_text and (outputs, link) == (2, Link.IDENTITY):
        pytest.skip("LightGBM predicts one number per row")
    model, x = made(outputs, link), rows()[:50]
    again = module.read(module.write(model))
    np.testing.assert_allclose(sums_of(again, x), sums_of(model, x), atol=1e-6)


@pytest.mark.parametrize("name", ["model.json", "model.txt"])
def test_the_file_of_an_estimator_predicts_what_it_does(trained, name):
    folder, logits, _ = trained
    module = xgboost_json if name == "model.json" else lightgbm_text
    model = module.read((folder / name).read_text("utf-8"))
    assert model.features == NAMES
    assert model.link is Link.LOGISTIC
    np.testing.assert_allclose(sums_of(model, rows())[:, 0], logits, atol=1e-6)


def table_of(xgboost):
    types = ["float"] * 3 + ["c"]
    return xgboost.DMatrix(
        rows(), feature_names=NAMES, feature_types=types, enable_categorical=True
    )


def test_xgboost_predicts_what_an_estimator_does(trained):
    xgboost = pytest.importorskip("xgboost")
    folder, logits, probabilities = trained
    booster = xgboost.Booster(model_file=folder / "model.json")
    table = table_of(xgboost)
    np.testing.assert_allclose(booster.predict(table, output_margin=True), logits, atol=1e-6)
    np.testing.assert_allclose(booster.predict(table), probabilities, atol=1e-6)


def test_lightgbm_predicts_what_an_estimator_does(trained):
    lightgbm = pytest.importorskip("lightgbm")
    folder, logits, probabilities = trained
    booster = lightgbm.Booster(model_file=folder / "model.txt")
    assert booster.feature_name() == list(NAMES)
    x = rows().astype(np.float64)
    np.testing.assert_allclose(booster.predict(x, raw_score=True), logits, atol=1e-6)
    np.testing.assert_allclose(booster.predict(x), probabilities, atol=1e-6)


@pytest.mark.parametrize(("outputs", "link"), MODELS)
def test_xgboost_predicts_what_a_model_does(outputs, link, tmp_path):
    xgboost = pytest.importorskip("xgboost")
    model, path = made(outputs, link), tmp_path / "model.json"
    path.write_text(xgboost_json.write(model))
    booster = xgboost.Booster(model_file=path)
    table = table_of(xgboost)
    sums = sums_of(model, rows())
    found = booster.predict(table, output_margin=True).reshape(ROWS, outputs)
    np.testing.assert_allclose(found, sums, atol=1e-6)
    found = booster.predict(table).reshape(ROWS, outputs)
    np.testing.assert_allclose(found, predictions_of(link, sums), rtol=1e-6, atol=1e-6)
    # What it saves again is what we wrote.
    booster.save_model(path)
    again = xgboost_json.read(path.read_text())
    np.testing.assert_allclose(sums_of(again, rows()), sums, atol=1e-6)


@pytest.mark.parametrize(("outputs", "link"), MODELS[:-1])
def test_lightgbm_predicts_what_a_model_does(outputs, link, tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    model, path = made(outputs, link), tmp_path / "model.txt"
    path.write_text(lightgbm_text.write(model))
    booster = lightgbm.Booster(model_file=path)
    x = rows().astype(np.float64)
    sums = sums_of(model, rows())
    found = booster.predict(x, raw_score=True).reshape(ROWS, outputs)
    np.testing.assert_allclose(found, sums, atol=1e-6)
    found = booster.predict(x).reshape(ROWS, outputs)
    np.testing.assert_allclose(found, predictions_of(link, sums), rtol=1e-6, atol=1e-6)
    booster.save_model(path)
    again = lightgbm_text.read(path.read_text())
    np.testing.assert_allclose(sums_of(again, rows()), sums, atol=1e-6)
