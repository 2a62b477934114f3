"""From trees that split numbers to a forest that splits bins, and back."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np

from premade.boosted_trees.binning import MOST_BINS, table_of
from premade.boosted_trees.forest import LEAF, Forest, layout
from premade.boosted_trees.interchange.trees import Link, Tree, TreeModel, leaf, renumbered

Array = np.ndarray[Any, Any]

_MOST_BOUNDARIES = MOST_BINS - 1


@final
@dataclasses.dataclass(frozen=True, eq=False)
class BinnedForest:
    """A forest, and what its bins are.

    Attributes:
        forest: of NumPy arrays.
        boundaries: float32 `[features, MOST_BINS - 1]`; see `binning.table_of`.
    """

    forest: Forest
    boundaries: Array


def binned(model: TreeModel, places: Mapping[str, Sequence[int]], nodes: int) -> BinnedForest:
    """Returns the forest of a model; each bias is a tree of one leaf before the others.

    Args:
        model: the model.
        places: by name of a feature of the model, which features of the forest are it. If there
            are several, each has a part of the boundaries.
        nodes: what the forest has room for in each tree.

    Raises:
        ValueError: a feature that is split has no place, or more boundaries than its places have
            room for; or a tree has more nodes than there is room for.
    """
    is_biased = any(model.bias)
    biases = [leaf(i, value) for i, value in enumerate(model.bias)] if is_biased else []
    trees = [*biases, *model.trees]
    _check_size(trees, nodes)
    arrays = _without_splits(trees, nodes)
    boundaries = [np.zeros(0, np.float32)] * sum(map(len, places.values()))
    for name, splits in _splits(model, trees).items():
        parts = _parts(name, splits, places)
        for place, part in parts:
            boundaries[place] = part
        for tree, node, boundary in splits:
            place, part = next((p, x) for p, x in parts if boundary <= x[-1])
            arrays["feature"][tree, node] = place
            arrays["threshold"][tree, node] = np.searchsorted(part, boundary)
    return BinnedForest(Forest(**arrays), table_of(boundaries))


def unbinned(source: BinnedForest, names: Sequence[str], outputs: int, link: Link) -> TreeModel:
    """Returns the model of a forest.

    Args:
        source: the forest.
        names: of each feature of the forest. Those of the same name are one in the model.
        outputs: number of logits.
        link: what they mean.

    Raises:
        ValueError: a tree splits by category.
    """
    features = tuple(dict.fromkeys(names))
    which = np.array([features.index(name) for name in names])
    forest = source.forest
    trees = []
    for i in range(forest.trees):
        feature, threshold = forest.feature[i], forest.threshold[i]
        is_leaf = feature == LEAF
        if (threshold[~is_leaf] < 0).any():
            raise ValueError(
                f"Tree {i} splits by category, which is not written yet. Train on the numbers."
            )
        boundary = source.boundaries[np.maximum(feature, 0), threshold]
        tree = Tree(
            int(forest.output[i]),
            feature=np.where(is_leaf, LEAF, which[np.maximum(feature, 0)]).astype(np.int32),
            boundary=np.where(is_leaf, np.float32(0.0), boundary),
            missing_left=forest.missing_left[i] & ~is_leaf,
            left=forest.left[i],
            value=forest.value[i, :, 0].astype(np.float64),
            gain=forest.gain[i],
            cover=forest.cover[i],
        )
        trees.append(renumbered(tree, forest.left[i] + 1, f"Tree {i}"))
    return TreeModel(features, outputs, link, (0.0,) * outputs, tuple(trees), outputs)


def _check_size(trees: Sequence[Tree], nodes: int) -> None:
    most = max((len(tree.feature) for tree in trees), default=0)
    if most > nodes:
        depth = int(np.ceil(np.log2(most + 1))) - 1
        raise ValueError(
            f"The file has a tree of {most} nodes, and the estimator's have {nodes}. Give it "
            f"max_depth={depth}."
        )


def _without_splits(trees: Sequence[Tree], nodes: int) -> dict[str, Array]:
    """Returns the arrays of a forest, all but features and thresholds filled."""
    arrays: dict[str, Array] = {
        name: np.zeros([len(trees), *shape], dtype)
        for name, (dtype, shape) in layout(nodes, 1).items()
    }
    arrays["feature"][:] = LEAF
    for i, tree in enumerate(trees):
        own = len(tree.feature)
        for name in ("missing_left", "left", "gain", "cover"):
            arrays[name][i, :own] = getattr(tree, name)
        arrays["value"][i, :own, 0] = tree.value
        arrays["output"][i] = tree.output
    return arrays


def _splits(
    model: TreeModel, trees: Iterable[Tree]
) -> dict[str, list[tuple[int, int, np.float32]]]:
    """Returns tree, node and boundary of each split, by the name of its feature."""
    found = collections.defaultdict(list)
    for i, tree in enumerate(trees):
        for node in np.flatnonzero(tree.feature != LEAF):
            name = model.features[tree.feature[node]]
            found[name].append((i, int(node), tree.boundary[node]))
    return found


def _parts(
    name: str,
    splits: Sequence[tuple[int, int, np.float32]],
    places: Mapping[str, Sequence[int]],
) -> list[tuple[int, Array]]:
    """Returns boundaries with the feature of the forest that has them, in ascending order."""
    if name not in places:
        raise ValueError(
            f"The file splits {name!r}, and the numbers of the estimator's columns are "
            f"{sorted(places)}. Add a numeric_column, or give feature_names, the names of the "
            "file's features in its own order as the columns have them."
        )
    own = np.unique(np.array([boundary for _, _, boundary in splits], np.float32))
    parts = np.split(own, range(_MOST_BOUNDARIES, len(own), _MOST_BOUNDARIES))
    if len(parts) > len(places[name]):
        raise ValueError(
            f"The file splits {name!r} at {len(own)} values, and a column has room for "
            f"{_MOST_BOUNDARIES}. Train with max_bin={_MOST_BOUNDARIES}, or give the estimator "
            f"{len(parts) - len(places[name])} more columns that read the same number: "
            f"bucketized_column(numeric_column({name!r}), [0.0])."
        )
    return list(zip(places[name], parts, strict=False))
