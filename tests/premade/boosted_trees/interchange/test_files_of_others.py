"""Files that XGBoost and LightGBM wrote: our forests predict of their rows what they did."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import PoissonRegressionHead, RegressionHead, RunConfig
from premade.boosted_trees import (
    BoostedTreesClassifier,
    BoostedTreesEstimator,
    BoostedTreesRegressor,
    import_lightgbm,
    import_xgboost,
)
from premade.boosted_trees.binning import bins_of
from premade.boosted_trees.categories import bins_of_ids
from premade.boosted_trees.forest import MISSING
from premade.boosted_trees.interchange import lightgbm_text, xgboost_json
from premade.boosted_trees.interchange.forests import binned, unbinned

MODELS = pathlib.Path(__file__).parent / "models"
IDS = 12
"""Categories of the first feature of `*-category.*`."""

FILES = sorted(path.name for path in MODELS.iterdir() if not path.name.endswith(".rows.json"))


def text_of(name):
    return (MODELS / name).read_text("utf-8")


def read(name):
    module = xgboost_json if name.endswith(".json") else lightgbm_text
    return module.read(text_of(name))


def recorded(name):
    """Returns rows, margins and predictions."""
    content = json.loads((MODELS / f"{name.rpartition('.')[0]}.rows.json").read_text("utf-8"))
    rows = np.array(content["rows"], np.float32)  # null becomes NaN
    return rows, np.array(content["margins"]), np.array(content["predictions"])


def binned_of(model):
    places = {name: [i] for i, name in enumerate(model.features)}
    counts = [IDS if name in model.categories else 0 for name in model.features]
    return binned(model, places, 31, counts)


def bins_in(found, rows):
    """Returns int32 `[features, rows]`."""
    bins = bins_of(tf.constant(rows), tf.constant(found.boundaries), MISSING)
    if not any(found.categories):
        return bins
    counts = tf.constant(found.categories, tf.float32)
    ids = bins_of_ids(tf.constant(rows), tf.constant(found.boundaries), counts, MISSING)
    return tf.where(counts[:, tf.newaxis] > 0, ids, bins)


def test_there_are_files_of_all_systems():
    assert {name.rpartition("-")[0] for name in FILES} == {
        "lightgbm-4.7",
        "xgboost-2.1",
        "xgboost-3.2",
    }


@pytest.mark.parametrize("name", FILES)
def test_forest_predicts_what_was_recorded(name):
    model = read(name)
    rows, margins, _ = recorded(name)
    found = binned_of(model)
    logits = found.forest.logits(bins_in(found, rows), model.outputs)
    # Raw scores of LightGBM are before the objective's sigmoid:2, and sums where the file says
    # average_output.
    factors = {"lightgbm-4.7-binary.txt": 2.0, "lightgbm-4.7-forest.txt": 1 / 3}
    np.testing.assert_allclose(logits, margins * factors.get(name, 1.0), atol=1e-6)
    assert model.steps == 3
    assert len(np.unique(margins[:, 0])) > 5


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_and_read_again_is_the_same(name):
    model = read(name)
    found = binned_of(model)
    ours = unbinned(found, model.features, model.outputs, model.link)
    for module in (xgboost_json, lightgbm_text):
        again = module.read(module.write(ours))
        assert (again.features, again.outputs, again.link) == (
            ours.features,
            ours.outputs,
            ours.link,
        )
        assert [tree.output for tree in again.trees] == [tree.output for tree in ours.trees]
        for tree, other in zip(ours.trees, again.trees, strict=True):
            splits = tree.feature >= 0
            if module is lightgbm_text and tree.by_category.any():
                continue  # The children may have changed places: see the next test.
            for key in ("feature", "missing_left", "left", "gain", "cover"):
                np.testing.assert_array_equal(getattr(tree, key), getattr(other, key), err_msg=key)
            for node in np.flatnonzero(tree.by_category):
                left = [each.ids_of(node, IDS, left=True) for each in (tree, other)]
                assert left[0] == left[1]
            # To LightGBM, numbers from -1e-35 to 1e-35 are zero.
            zero = 0.0 if module is xgboost_json else 1.1e-35
            np.testing.assert_allclose(tree.boundary, other.boundary, rtol=0.0, atol=zero)
            np.testing.assert_array_equal(tree.value[~splits], other.value[~splits])


@pytest.mark.parametrize("name", [n for n in FILES if "category" in n])
@pytest.mark.parametrize("module", [xgboost_json, lightgbm_text], ids=["xgboost", "lightgbm"])
def test_categories_go_the_same_way_when_they_are_read_again(name, module):
    model = read(name)
    rows, margins, _ = recorded(name)
    first = binned_of(model)
    ours = unbinned(first, model.features, model.outputs, model.link)
    assert any(tree.by_category.any() for tree in ours.trees)
    found = binned_of(module.read(module.write(ours)))
    logits = found.forest.logits(bins_in(found, rows), model.outputs)
    np.testing.assert_allclose(logits, margins, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in FILES if n[0] == "x" and "dart" not in n])
def test_xgboost_wrote_these_trees_as_we_write_them(name):
    model = read(name)
    theirs = json.loads(text_of(name))["learner"]
    ours = binned_of(model)
    ours = unbinned(ours, model.features, model.outputs, model.link)
    ours = json.loads(xgboost_json.write(ours))["learner"]
    assert ours.keys() == theirs.keys()
    parameters = "learner_model_param"
    assert ours[parameters].keys() == theirs[parameters].keys()
    of_both = [each["gradient_booster"]["model"] for each in (ours, theirs)]
    assert of_both[0].keys() == of_both[1].keys() - {"cats"}  # of version 3
    trees, expected = (each["trees"] for each in of_both)
    biases = len(trees) - len(expected)
    assert biases in (0, model.outputs)
    for tree, other in zip(trees[biases:], expected, strict=True):
        assert tree.keys() == other.keys()
        by_category = np.array(other["split_type"], bool)
        # There it is anything: 1e-45 in version 3, NaN in version 2.
        other["split_conditions"] = np.where(by_category, 0.0, other["split_conditions"])
        for key in tree.keys() - {"base_weights", "id", "tree_param"}:
            np.testing.assert_allclose(tree[key], other[key], rtol=1e-6, err_msg=key)
        assert tree["tree_param"] == {**other["tree_param"], "num_deleted": "0"}


@pytest.mark.parametrize(
    "name", [n for n in FILES if n.startswith("lightgbm-") and "category" not in n]
)
def test_lightgbm_wrote_these_trees_as_we_write_them(name):
    model, theirs = read(name), text_of(name)
    ours = lightgbm_text.write(model)
    head, *trees = ours.split("\nTree=")
    other_head, *other_trees = theirs.split("end of trees")[0].split("\nTree=")
    keys = [line.partition("=")[0] for line in head.splitlines()]
    others = [line.partition("=")[0] for line in other_head.splitlines()]
    assert keys == [key for key in others if key != "average_output"]
    for tree, other in zip(trees, other_trees, strict=True):
        fields, expected = (
            dict(line.split("=") for line in f"Tree={text}".splitlines() if "=" in line)
            for text in (tree, other)
        )
        assert list(fields) == list(expected)
        # The nodes have other numbers.
        sizes = {key: len(value.split()) for key, value in fields.items()}
        assert sizes == {key: len(value.split()) for key, value in expected.items()}
        for key in ("split_feature", "split_gain", "leaf_weight", "threshold"):
            pair = [np.sort(np.array(each[key].split(), float)) for each in (fields, expected)]
            np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-7, err_msg=key)
    # Each block is found by the sizes of those before it.
    sizes = [int(x) for x in head.split("tree_sizes=")[1].split()]
    at = ours.index("Tree=0")
    for i, size in enumerate(sizes):
        assert ours[at:].startswith(f"Tree={i}\n")
        at += size
    assert ours[at:].startswith("end of trees")


def columns():
    return [fc.numeric_column(name) for name in "abc"]


def data(rows, names="abc", labels=None):
    features = {name: rows[:, i] for i, name in enumerate(names)}
    parts = features if labels is None else (features, labels)
    return lambda: tf.data.Dataset.from_tensor_slices(parts).batch(100)


@pytest.fixture
def config(tmp_path):
    return RunConfig(model_dir=str(tmp_path / "model"), progress=False)


def test_a_classifier_of_xgboost_predicts_and_trains_on(config):
    trees = BoostedTreesClassifier(columns(), max_depth=3, n_trees=5, config=config)
    import_xgboost(trees, MODELS / "xgboost-3.2-binary.json")
    rows, margins, predictions = recorded("xgboost-3.2-binary.json")
    found = list(trees.predict(data(rows)))
    np.testing.assert_allclose([p["logits"] for p in found], margins, atol=1e-6)
    np.testing.assert_allclose([p["logistic"] for p in found], predictions, atol=1e-6)
    before = trees.forest()
    labels = (np.nan_to_num(rows[:, 0]) > 0).astype(np.int64)
    # Of a new object: all that it knows is in the checkpoint.
    again = BoostedTreesClassifier(columns(), max_depth=3, n_trees=5, config=config)
    first = again.evaluate(data(rows, labels=labels))
    assert first["global_step"] == 3
    last = again.train(data(rows, labels=labels)).evaluate(data(rows, labels=labels))
    assert last["global_step"] == 5
    assert last["average_loss"] < first["average_loss"]
    after = again.forest()
    assert after.trees == before.trees + 2
    for name, array in before.arrays().items():
        np.testing.assert_array_equal(after.arrays()[name][: before.trees], array, err_msg=name)


def test_a_model_of_lightgbm_predicts_under_a_head(config):
    head = PoissonRegressionHead()
    trees = BoostedTreesEstimator(columns(), head=head, max_depth=4, config=config)
    import_lightgbm(trees, MODELS / "lightgbm-4.7-poisson.txt")
    rows, _, predictions = recorded("lightgbm-4.7-poisson.txt")
    found = [p["predictions"] for p in trees.predict(data(rows))]
    np.testing.assert_allclose(found, predictions, rtol=1e-6)


def test_classes_of_xgboost_are_those_of_a_classifier(config):
    trees = BoostedTreesClassifier(columns(), n_classes=3, max_depth=2, config=config)
    import_xgboost(trees, MODELS / "xgboost-2.1-multiclass.json")
    rows, margins, predictions = recorded("xgboost-2.1-multiclass.json")
    found = list(trees.predict(data(rows)))
    np.testing.assert_allclose([p["logits"] for p in found], margins, atol=1e-6)
    np.testing.assert_allclose([p["probabilities"] for p in found], predictions, atol=1e-6)


@pytest.mark.parametrize("name", ["xgboost-3.2-category.json", "lightgbm-4.7-category.txt"])
def test_categories_are_those_of_a_column(name, config):
    category = fc.categorical_column_with_identity("a", IDS)
    trees = BoostedTreesRegressor([category, *columns()[1:]], max_depth=4, config=config)
    load = import_xgboost if name.endswith(".json") else import_lightgbm
    load(trees, MODELS / name)
    rows, margins, _ = recorded(name)
    features = {"a": np.nan_to_num(rows[:, 0], nan=-1).astype(np.int64)}
    features |= {"b": rows[:, 1], "c": rows[:, 2]}
    found = trees.predict(lambda: tf.data.Dataset.from_tensors(features))
    np.testing.assert_allclose([p["predictions"] for p in found], margins, atol=1e-6)
    numeric = BoostedTreesRegressor(columns(), max_depth=4)
    with pytest.raises(ValueError, match=r"'a' as a category, and .* column is of numbers"):
        load(numeric, MODELS / name)
    other = fc.categorical_column_with_identity("b", IDS)
    swapped = BoostedTreesRegressor([columns()[0], other, columns()[2]], max_depth=4)
    with pytest.raises(ValueError, match=r"'a' as a category|'b' as a number"):
        load(swapped, MODELS / name)


def test_more_categories_than_there_is_room_for_are_refused():
    content = json.loads(text_of("xgboost-3.2-category.json"))
    (tree, *_) = content["learner"]["gradient_booster"]["model"]["trees"]
    ids = list(range(300))
    tree["categories"] = ids + tree["categories"][tree["categories_sizes"][0] :]
    rest = [start + 300 - tree["categories_sizes"][0] for start in tree["categories_segments"][1:]]
    tree["categories_segments"][1:] = rest
    tree["categories_sizes"][0] = 300
    model = xgboost_json.read(json.dumps(content))
    places = {name: [i] for i, name in enumerate(model.features)}
    with pytest.raises(ValueError, match="'a' by 301 categories, and a column has room for 254"):
        binned(model, places, 31, [1000, 0, 0])


def test_a_file_without_names_is_in_the_order_of_the_only_column(config):
    trees = BoostedTreesRegressor([fc.numeric_column("x", shape=3)], max_depth=3, config=config)
    import_xgboost(trees, MODELS / "xgboost-2.1-dart.json")
    rows, margins, _ = recorded("xgboost-2.1-dart.json")
    found = trees.predict(lambda: tf.data.Dataset.from_tensors({"x": rows}))
    np.testing.assert_allclose([p["predictions"] for p in found], margins, atol=1e-6)


def test_a_file_gets_other_names(config):
    names = ["z", "y", "x"]
    columns = [fc.numeric_column(name) for name in names]
    trees = BoostedTreesRegressor(columns, max_depth=3, config=config)
    path = MODELS / "lightgbm-4.7-forest.txt"
    with pytest.raises(ValueError, match=r"no names for its 3 features.*Give feature_names"):
        import_lightgbm(trees, path)
    import_lightgbm(trees, path, feature_names=names)
    rows, _, predictions = recorded(path.name)
    found = trees.predict(data(rows, names))
    np.testing.assert_allclose([p["predictions"] for p in found], predictions, atol=1e-6)


def test_more_boundaries_than_a_column_has_room_for_are_in_several():
    model = read("xgboost-3.2-binary.json")
    # Every row of 600 has a leaf of its own, in trees of one split.
    stump = {
        "default_left": [1, 0, 0],
        "left_children": [1, -1, -1],
        "right_children": [2, -1, -1],
        "loss_changes": [1.0, 0.0, 0.0],
        "split_indices": [1, 0, 0],
        "sum_hessian": [2.0, 1.0, 1.0],
        "tree_param": {},
    }
    content = json.loads(text_of("xgboost-3.2-binary.json"))
    content["learner"]["gradient_booster"]["model"].update(
        trees=[{**stump, "split_conditions": [i + 0.5, 0.0, 0.125]} for i in range(600)],
        tree_info=[0] * 600,
    )
    model = xgboost_json.read(json.dumps(content))
    with pytest.raises(ValueError, match=r"splits 'b' at 600 values.*Train with max_bin=254\.$"):
        binned(model, {"a": [0], "b": [1], "c": [2]}, nodes=3)
    fewer = dataclasses.replace(model, trees=model.trees[:400])
    with pytest.raises(ValueError, match=r"max_bin=254, or give the estimator a second column"):
        binned(fewer, {"a": [0], "b": [1], "c": [2]}, nodes=3)
    found = binned(model, {"a": [0], "b": [1, 3, 4], "c": [2]}, nodes=3)
    assert set(found.forest.feature[found.forest.feature >= 0]) == {1, 3, 4}
    x = np.arange(-1, 602, dtype=np.float32)
    rows = np.zeros([len(x), 5], np.float32)
    rows[:, [1, 3, 4]] = x[:, np.newaxis]
    bins = bins_of(tf.constant(rows), tf.constant(found.boundaries), MISSING)
    expected = np.clip(x, 0, 600) * 0.125 + model.bias[0]
    np.testing.assert_allclose(found.forest.logits(bins, 1)[:, 0], expected, rtol=1e-6)
    names = ["a", "b", "c", "b", "b"]
    back = unbinned(found, names, 1, model.link)
    assert back.features == ("a", "b", "c")
    boundaries = [float(tree.boundary[0]) for tree in back.trees[1:]]
    assert boundaries == [i + 0.5 for i in range(600)]


def test_a_bucketized_column_reads_the_same_number(config):
    number = fc.numeric_column("b")
    more = [*columns(), fc.bucketized_column(number, [0.0])]
    trees = BoostedTreesClassifier(more, max_depth=3, config=config)
    import_xgboost(trees, MODELS / "xgboost-2.1-binary.json")
    rows, margins, _ = recorded("xgboost-2.1-binary.json")
    found = [p["logits"] for p in trees.predict(data(rows))]
    np.testing.assert_allclose(found, margins, atol=1e-6)


def test_refuses_what_does_not_go_with_the_estimator(config):
    path = MODELS / "xgboost-3.2-binary.json"
    with pytest.raises(ValueError, match=r"BinaryClassHead.*with 1 logits"):
        import_xgboost(BoostedTreesRegressor(columns(), config=config), path)
    with pytest.raises(ValueError, match=r"a tree of 15 nodes.*have 7. Give it max_depth=3"):
        import_xgboost(BoostedTreesClassifier(columns(), max_depth=2, config=config), path)
    with pytest.raises(ValueError, match=r"splits 'a', and the numbers.*\['b', 'c'\]"):
        import_xgboost(BoostedTreesClassifier(columns()[1:], config=config), path)
    trees = BoostedTreesClassifier(columns(), max_depth=3, config=config)
    with pytest.raises(ValueError, match="3 features, and there are 1 names"):
        import_xgboost(trees, path, feature_names=["a"])
    assert trees.latest_checkpoint() is None
    import_xgboost(trees, path)
    with pytest.raises(ValueError, match="trees already"):
        import_xgboost(trees, path)


def test_refuses_binary_files(config, tmp_path):
    path = tmp_path / "model.ubj"
    path.write_bytes(b"{L\x00\x00\xff\xfe\x07learner")
    trees = BoostedTreesClassifier(columns(), config=config)
    with pytest.raises(ValueError, match=r'save_model\("model.json"\)'):
        import_xgboost(trees, path)
    with pytest.raises(ValueError, match=r'save_model\("model.txt"\)'):
        import_lightgbm(trees, path)


def changed_xgboost(change):
    content = json.loads(text_of("xgboost-3.2-binary.json"))
    change(content["learner"])
    return json.dumps(content)


def of_root(field, value):
    return lambda m: m["gradient_booster"]["model"]["trees"][0][field].__setitem__(0, value)


def of_leaves_for_two(learner):
    tree = learner["gradient_booster"]["model"]["trees"][0]
    tree["tree_param"]["size_leaf_vector"] = "2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["objective"].update(name="survival:aft"), "objective is 'survival:aft'"),
        (lambda m: m["gradient_booster"].update(name="gblinear"), "gradient_booster is 'gblinear'"),
        (of_leaves_for_two, "size_leaf_vector 2"),
        (of_root("left_children", 0), r"Tree 0 is no tree: node 0 .*\[0, 2\]"),
        (of_root("right_children", 99), r"Tree 0 is no tree: node 0 .*\[1, 99\]"),
    ],
)
def test_refuses_fields_of_xgboost(change, message):
    with pytest.raises(ValueError, match=message):
        xgboost_json.read(changed_xgboost(change))


@pytest.mark.parametrize("text", ["", "tree\nversion=v4", "{}", "[]", '{"learner": 3'])
def test_refuses_files_of_others(text):
    with pytest.raises(ValueError, match="no text model of LightGBM"):
        lightgbm_text.read(text)
    with pytest.raises(ValueError, match="no JSON model of XGBoost"):
        xgboost_json.read(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("objective=binary sigmoid:2", "objective=cross_entropy_lambda", "'cross_entropy_lambda'"),
        ("objective=binary sigmoid:2", "objective=regression sqrt", "without sqrt"),
        ("is_linear=0", "is_linear=1", "Tree=0 has is_linear=1"),
    ],
)
def test_refuses_fields_of_lightgbm(old, new, message):
    text = text_of("lightgbm-4.7-binary.txt")
    assert old in text
    with pytest.raises(ValueError, match=message):
        lightgbm_text.read(text.replace(old, new, 1))


ONE_SPLIT = """tree
num_tree_per_iteration=1
objective=regression
feature_names=x

Tree=0
num_leaves=2
num_cat=0
split_feature=0
split_gain=1
threshold={threshold}
decision_type={decision}
left_child=-1
right_child=-2
leaf_value=1 2
"""


@pytest.mark.parametrize("threshold", [-1.0, -1.0000000180025095e-35, -1e-36, 0.0, 1e-36, 1.0])
@pytest.mark.parametrize("decision", [0, 2, 4, 6, 8, 10])
def test_zero_and_nan_go_where_lightgbm_sends_them(threshold, decision):
    text = ONE_SPLIT.format(threshold=threshold, decision=decision)
    missing, by_default = decision >> 2, bool(decision & 2)

    def goes_left(x):
        # Rows lose what is nearly zero before they are looked at (RowPairFunctionFromDenseMatric
        # of src/c_api.cpp); then NumericalDecision of include/LightGBM/tree.h, in its own order.
        if abs(x) <= float(np.float32(1e-35)) or (np.isnan(x) and missing != 2):
            x = 0.0
        if (missing == 1 and x == 0.0) or (missing == 2 and np.isnan(x)):
            return by_default
        return x <= threshold

    if missing == 1 and by_default != (threshold >= 0):
        with pytest.raises(ValueError, match=f"decision_type={decision}: zeros are missing values"):
            lightgbm_text.read(text)
        return
    (tree,) = lightgbm_text.read(text).trees
    numbers = np.array([-2.0, -2e-35, -1e-35, -1e-36, 0.0, 1e-36, 1e-35, 2e-35, 2.0], np.float32)
    for x in numbers:
        assert (x < tree.boundary[0]) == goes_left(float(x)), x
    assert tree.missing_left[0] == goes_left(np.nan)


def test_boundaries_are_those_of_all_numbers_of_32_bits():
    rng = np.random.default_rng(1)
    exact = rng.normal(size=500).astype(np.float32)
    thresholds = np.concatenate([exact.astype(np.float64), rng.normal(size=500), [0.1, 1e300]])
    boundaries = lightgbm_text.boundary_of(thresholds)
    for end in (-np.inf, np.inf):
        x = np.nextafter(boundaries, np.float32(end))
        for each in (x, boundaries):
            np.testing.assert_array_equal(each <= thresholds, each < boundaries)
    back = lightgbm_text.threshold_of(exact)
    np.testing.assert_array_equal(lightgbm_text.boundary_of(back), exact)
    for x in (back, np.nextafter(back, np.inf), exact.astype(np.float64)):
        np.testing.assert_array_equal(x <= back, x.astype(np.float32) < exact)


def test_refuses_several_numbers_per_row_for_lightgbm():
    head = RegressionHead(2)
    model = read("lightgbm-4.7-forest.txt")
    fields = vars(model) | {"outputs": head.logits_dimension}
    with pytest.raises(ValueError, match="one number per row, and the model 2"):
        lightgbm_text.write(type(model)(**fields))
