"""Trees as text and as pictures."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import tensorflow as tf

import feature_columns as fc
from estimators import RunConfig
from premade.boosted_trees import BoostedTreesRegressor, TreeOptions, tree_svg, tree_text
from premade.boosted_trees.binning import NO_BOUNDARY
from premade.boosted_trees.column_readers import TreeFeature
from premade.boosted_trees.drawing import svg_of
from premade.boosted_trees.readable import ReadableNode, Reading

SVG = "{http://www.w3.org/2000/svg}"


def rows():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((300, 2)).astype(np.float32)
    x[:40, 0] = np.nan
    kind = rng.integers(0, 4, 300)
    y = np.nan_to_num(x[:, 0], nan=2.0) + np.array([0.0, 3.0, -1.0, 3.5])[kind]
    return {"x": x, "kind": kind}, y.astype(np.float32)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    config = RunConfig(model_dir=str(tmp_path_factory.mktemp("trees")), progress=False)
    columns = [
        fc.numeric_column("x", shape=2),
        fc.categorical_column_with_identity("kind", 4),
    ]
    model = BoostedTreesRegressor(columns, n_trees=2, max_depth=3, config=config)
    return model.train(lambda: tf.data.Dataset.from_tensors(rows()))


def goes_left(condition, x, kind):
    """Answers the question of a line of text for one row."""
    question, missing = re.fullmatch(r"(.*?)( or missing)?", condition).groups()
    if among := re.fullmatch(r"kind in \{(.*)\}", question):
        return str(kind) in among[1].split(", ")
    index, limit = re.fullmatch(r"x\[(\d)\] < (\S+)", question).groups()
    number = x[int(index)]
    return missing is not None if np.isnan(number) else number < float(limit)


def answer(text, x, kind):
    """Follows the lines of a tree as a reader would; returns the number of the leaf."""
    lines, at, depth = text.split("\n"), 0, 0
    while match := re.fullmatch(r"(?:[│ ]  )*(?:[├└]─ \w+: )?(.*)  \(gain .*\)", lines[at]):
        word = "yes" if goes_left(match[1], x, kind) else "no"
        at += 1
        while not re.match(rf"(?:[│ ]  ){{{depth}}}[├└]─ {word}: ", lines[at]):
            at += 1
        depth += 1
    return float(re.search(r": (\S+)  \(cover", lines[at])[1])


def test_a_reader_of_the_text_predicts_what_the_model_does(trees):
    features, _ = rows()
    data = tf.data.Dataset.from_tensors(features)
    predicted = [float(each["predictions"][0]) for each in trees.predict(lambda: data)]
    texts = [tree_text(trees, tree) for tree in range(2)]
    assert "kind in {" in "".join(texts)
    assert "x[0] < " in "".join(texts)
    read = [
        sum(answer(text, x, kind) for text in texts)
        for x, kind in zip(features["x"], features["kind"], strict=True)
    ]
    np.testing.assert_allclose(read, predicted, atol=1e-4)


def test_the_picture_has_a_box_for_each_node_and_none_overlap(trees):
    root = ElementTree.fromstring(tree_svg(trees))
    boxes = [
        [float(each.get(name)) for name in ("x", "y", "width", "height")]
        for each in root.iter(f"{SVG}rect")
        if each.get("x")
    ]
    forest = trees.forest()
    splits = int((forest.feature[0] >= 0).sum())
    assert len(boxes) == 2 * splits + 1
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x + w < x2 or x2 + w2 < x or y + h < y2 or y2 + h2 < y
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(x > 0 and x + w < width and y > 0 and y + h < height for x, y, w, h in boxes)
    words = {each.text for each in root.iter(f"{SVG}text")}
    assert {"yes", "no"} & words
    assert tree_text(trees).split("  (")[0].split(" or ")[0] in words


def test_names_are_escaped_in_the_picture():
    leaves = ReadableNode((0.0, 1.0), 1.0), ReadableNode((2.0, 3.0), 1.0)
    svg = svg_of(ReadableNode((0.0, 0.0), 2.0, 1.0, "a&b<c> < 1", False, leaves))
    words = [each.text for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert "a&b<c> < 1" in words
    assert "2, 3" in words


def test_infinity_other_categories_and_long_sets():
    features = [TreeFeature("n", 0), TreeFeature("k", 0, categories=40)]
    boundaries = np.full((2, 254), NO_BOUNDARY, np.float32)
    boundaries[0, 0] = -NO_BOUNDARY
    boundaries[1, :34] = [*range(33), 40]
    reading = Reading(features, boundaries)
    assert [reading.below(0, 0), reading.below(0, 1)] == ["n < -inf", "n < inf"]
    bins = np.zeros(8, np.int32)
    bins[:2] = [-(2**31) | 1, 2]
    assert reading.among(1, bins) == "k in {0, 31, others}"
    assert reading.among(1, np.full(8, -1, np.int32)).endswith("6, 7, 26 more}")


def test_categories_have_their_names():
    features = [TreeFeature("tags", i, is_count=True) for i in range(2)]
    features += [TreeFeature("job", 0, categories=3)]
    boundaries = np.full((3, 254), NO_BOUNDARY, np.float32)
    boundaries[1, 0] = 0.5
    boundaries[2, :3] = range(3)
    names = [["new", "old"]] * 2 + [["cook", "nurse", "pilot"]]
    reading = Reading(features, boundaries, names.__getitem__)
    assert reading.below(1, 0) == "tags[old] < 0.5"
    assert reading.among(2, np.int32([0b101] + [0] * 7)) == "job in {cook, pilot}"


def test_a_vocabulary_is_shown_in_words(tmp_path):
    job = fc.categorical_column_with_vocabulary_list("job", ["cook", "nurse", "pilot"])
    trees = BoostedTreesRegressor(
        [job],
        n_trees=1,
        max_depth=1,
        config=RunConfig(model_dir=str(tmp_path), progress=False),
        options=TreeOptions(category_smoothing=0.0),
    )
    features = {"job": np.array(["cook", "nurse", "pilot", "nurse"] * 20)}
    labels = np.float32([0, 1, 0, 1] * 20)
    trees.train(lambda: tf.data.Dataset.from_tensors((features, labels)))
    assert re.match(r"job in \{(nurse|cook, pilot)\}", tree_text(trees))


def test_no_such_tree(trees):
    with pytest.raises(IndexError, match=r"`tree` \(2\) must be at least 0 and below 2"):
        tree_text(trees, 2)
