"""From trees that split numbers and ids to a forest that splits bins, and back."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np

from premade.boosted_trees.binning import MOST_BINS, table_of
from premade.boosted_trees.categories import MOST_LISTED
from premade.boosted_trees.forest import LEAF, WORDS, Forest, layout, leaves_alone
from premade.boosted_trees.interchange.trees import (
    Link,
    Tree,
    TreeModel,
    leaf,
    no_ids,
    renumbered,
)

Array = np.ndarray[Any, Any]

_MOST_BOUNDARIES = MOST_BINS - 1


@final
@dataclasses.dataclass(frozen=True, eq=False)
class BinnedForest:
    """A forest, and what its bins are.

    Attributes:
        forest: of NumPy arrays.
        boundaries: float32 `[features, MOST_BINS - 1]`; see `binning.table_of`, and of categories
            `categories.listed`.
        categories: how many ids each feature has; 0 where it is a number.
    """

    forest: Forest
    boundaries: Array
    categories: tuple[int, ...]


def binned(
    model: TreeModel,
    places: Mapping[str, Sequence[int]],
    nodes: int,
    categories: Sequence[int] = (),
) -> BinnedForest:
    """Returns the forest of a model; each bias is a tree of one leaf before the others.

    Args:
        model: the model.
        places: by name of a feature of the model, which features of the forest are it. If there
            are several, each has a part of the boundaries.
        nodes: what the forest has room for in each tree.
        categories: see `BinnedForest`; none means that all are numbers.

    Raises:
        ValueError: a feature that is split has no place, or more boundaries or categories than its
            places have room for, or is a number here and a category there; or a tree has more
            nodes than there is room for.
    """
    is_biased = any(model.bias)
    biases = [leaf(i, value) for i, value in enumerate(model.bias)] if is_biased else []
    trees = [*biases, *model.trees]
    _check_size(trees, nodes)
    counts = tuple(categories) or (0,) * sum(map(len, places.values()))
    arrays = _without_splits(trees, nodes, by_category=any(counts))
    boundaries = [np.zeros(0, np.float32)] * len(counts)
    for name, splits in _splits(model, trees).items():
        _check_kind(name, trees, splits, places, counts)
        if counts[places[name][0]]:
            (place,) = places[name]
            boundaries[place] = _split_ids(arrays, name, place, trees, splits, counts[place])
            continue
        parts = _parts(name, [trees[i].boundary[node] for i, node in splits], places[name])
        for place, part in parts:
            boundaries[place] = part
        for i, node in splits:
            boundary = trees[i].boundary[node]
            place, part = next((p, x) for p, x in parts if boundary <= x[-1])
            arrays["feature"][i, node] = place
            arrays["threshold"][i, node] = np.searchsorted(part, boundary)
    return BinnedForest(Forest(**arrays), table_of(boundaries), counts)


def unbinned(source: BinnedForest, names: Sequence[str], outputs: int, link: Link) -> TreeModel:
    """Returns the model of a forest.

    Args:
        source: the forest.
        names: of each feature of the forest. Those of the same name are one in the model.
        outputs: number of logits.
        link: what they mean.
    """
    features = tuple(dict.fromkeys(names))
    which = np.array([features.index(name) for name in names])
    forest = source.forest
    trees = []
    width = forest.value.shape[2]
    # A tree that adds to all outputs is as many trees of the same splits.
    for i, part in itertools.product(range(forest.trees), range(width)):
        feature, threshold = forest.feature[i], forest.threshold[i]
        is_leaf = feature == LEAF
        is_number = ~is_leaf & (threshold >= 0)
        boundary = source.boundaries[np.maximum(feature, 0), threshold]
        ids, ids_left = no_ids(len(feature)), np.zeros(len(feature), bool)
        for node in np.flatnonzero(~is_leaf & ~is_number):
            ids[node], ids_left[node] = _ids_of(source, i, int(node))
        tree = Tree(
            part if width > 1 else int(forest.output[i]),
            feature=np.where(is_leaf, LEAF, which[np.maximum(feature, 0)]).astype(np.int32),
            boundary=np.where(is_number, boundary, np.float32(0.0)),
            ids=ids,
            ids_left=ids_left,
            missing_left=forest.missing_left[i] & ~is_leaf,
            left=forest.left[i],
            value=forest.value[i, :, part].astype(np.float64),
            gain=forest.gain[i],
            cover=forest.cover[i],
        )
        trees.append(renumbered(tree, forest.left[i] + 1, f"Tree {i}"))
    counts = {name: count for name, count in zip(names, source.categories, strict=True) if count}
    bias = (0.0,) * outputs
    return TreeModel(features, outputs, link, bias, tuple(trees), outputs, counts)


def _check_size(trees: Sequence[Tree], nodes: int) -> None:
    most = max((len(tree.feature) for tree in trees), default=0)
    if most > nodes:
        depth = int(np.ceil(np.log2(most + 1))) - 1
        raise ValueError(
            f"The file has a tree of {most} nodes, and the estimator's have {nodes}. Give it "
            f"max_depth={depth}."
        )


def _without_splits(trees: Sequence[Tree], nodes: int, *, by_category: bool) -> dict[str, Array]:
    """Returns the arrays of a forest, all but features and thresholds filled."""
    arrays = leaves_alone(len(trees), layout(nodes, 1, by_category=by_category))
    for i, tree in enumerate(trees):
        own = len(tree.feature)
        for name in ("missing_left", "left", "gain", "cover"):
            arrays[name][i, :own] = getattr(tree, name)
        arrays["value"][i, :own, 0] = tree.value
        arrays["output"][i] = tree.output
    return arrays


def _splits(model: TreeModel, trees: Iterable[Tree]) -> dict[str, list[tuple[int, int]]]:
    """Returns tree and node of each split, by the name of its feature."""
    found = collections.defaultdict(list)
    for i, tree in enumerate(trees):
        for node in np.flatnonzero(tree.feature != LEAF):
            found[model.features[tree.feature[node]]].append((i, int(node)))
    return found


def _check_kind(
    name: str,
    trees: Sequence[Tree],
    splits: Sequence[tuple[int, int]],
    places: Mapping[str, Sequence[int]],
    counts: Sequence[int],
) -> None:
    if name not in places:
        raise ValueError(
            f"The file splits {name!r}, and the numbers of the estimator's columns are "
            f"{sorted(places)}. Add a column, or give feature_names, the names of the file's "
            "features in its own order as the columns have them."
        )
    is_category = counts[places[name][0]] > 0
    if any((trees[i].ids[node] is not None) != is_category for i, node in splits):
        there, here = ("a number", "categorical") if is_category else ("a category", "of numbers")
        raise ValueError(
            f"The file splits {name!r} as {there}, and the estimator's column is {here}. Give a "
            "numeric_column for numbers, and a categorical_column_with_identity, or one whose "
            "vocabulary has the file's order, for categories."
        )


def _parts(
    name: str, boundaries: Sequence[np.float32], places: Sequence[int]
) -> list[tuple[int, Array]]:
    """Returns boundaries with the feature of the forest that has them, in ascending order."""
    own = np.unique(np.array(boundaries, np.float32))
    parts = np.split(own, range(_MOST_BOUNDARIES, len(own), _MOST_BOUNDARIES))
    if len(parts) > len(places):
        other = ""
        if (len(places), len(parts)) == (1, 2):
            other = (
                ", or give the estimator a second column that reads the same number: "
                "bucketized_column(<the numeric_column>, [0.0]) beside the numeric_column"
            )
        raise ValueError(
            f"The file splits {name!r} at {len(own)} values, and a column has room for "
            f"{_MOST_BOUNDARIES}. Train with max_bin={_MOST_BOUNDARIES}{other}."
        )
    return list(zip(places, parts, strict=False))


def _split_ids(
    arrays: Mapping[str, Array],
    name: str,
    place: int,
    trees: Sequence[Tree],
    splits: Sequence[tuple[int, int]],
    count: int,
) -> Array:
    """Fills the splits of a category in; returns the list of its ids."""
    known = frozenset[int]().union(*(trees[i].ids[node] for i, node in splits))
    listed = sorted(x for x in known if x < count)
    if len(listed) < count:
        listed.append(count)  # stands for the others
    if len(listed) > MOST_LISTED:
        raise ValueError(
            f"The file splits {name!r} by {len(listed)} categories, and a column has room for "
            f"{MOST_LISTED}. Train with fewer, the rare ones as one."
        )
    for i, node in splits:
        is_in = np.array([x in trees[i].ids[node] for x in listed])
        bits = np.zeros(32 * WORDS, np.uint8)
        bits[: len(listed)] = is_in == trees[i].ids_left[node]
        arrays["left_bins"][i, node] = np.packbits(bits, bitorder="little").view("<i4")
        arrays["feature"][i, node], arrays["threshold"][i, node] = place, -1
    return np.array(listed, np.float32)


def _ids_of(source: BinnedForest, tree: int, node: int) -> tuple[frozenset[int], bool]:
    """Returns `Tree.ids` and `Tree.ids_left` of a node."""
    forest, feature = source.forest, source.forest.feature[tree, node]
    count, row = source.categories[feature], source.boundaries[feature]
    listed = row[row <= count].astype(int)
    words = forest.left_bins[tree, node].astype("<i4")
    bits = np.unpackbits(words.view(np.uint8), bitorder="little")[: len(listed)].astype(bool)
    has_others = count in listed
    others_left = bits[-1] if has_others else forest.missing_left[tree, node]
    return frozenset(listed[bits != others_left].tolist()), not others_left
