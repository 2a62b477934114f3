"""Models of LightGBM as text, as its `save_model` writes and `Booster(model_file=...)` reads them.

The format is `version=v4`, of LightGBM 4; v3 has the same fields. It is described by the code that
writes it, `src/io/tree.cpp` and `src/boosting/gbdt_model_text.cpp` in
https://github.com/microsoft/LightGBM, and so are decisions, in `include/LightGBM/tree.h`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from premade.boosted_trees.forest import LEAF
from premade.boosted_trees.interchange.trees import (
    Link,
    Tree,
    TreeModel,
    categories_of,
    leaf,
    no_ids,
    renumbered,
    without_subnormal,
)

Array = np.ndarray[Any, Any]

_LINKS = {
    "binary": Link.LOGISTIC,
    "cross_entropy": Link.LOGISTIC,
    "multiclassova": Link.LOGISTIC,
    "multiclass": Link.SOFTMAX,
    "poisson": Link.EXPONENTIAL,
    "gamma": Link.EXPONENTIAL,
    "tweedie": Link.EXPONENTIAL,
    "regression": Link.IDENTITY,
    "regression_l1": Link.IDENTITY,
    "huber": Link.IDENTITY,
    "fair": Link.IDENTITY,
    "quantile": Link.IDENTITY,
    "mape": Link.IDENTITY,
    "lambdarank": Link.IDENTITY,
    "rank_xendcg": Link.IDENTITY,
}
# Bits of decision_type.
_BY_CATEGORY, _MISSING_LEFT = 1, 2
_MISSING_KIND = 2  # the third and fourth
_NOTHING_MISSING, _ZERO_MISSING, _NAN_MISSING = 0, 1, 2
_ZERO = float(np.float32(1e-35))
"""Numbers of this size and less are zero to LightGBM when it predicts."""


def read(text: str) -> TreeModel:
    """Returns the model of a file.

    Args:
        text: its content.

    Raises:
        ValueError: it is no model of LightGBM, or has something that our trees do not; the message
            names the field.
    """
    head, *blocks = text.split("end of trees")[0].split("\nTree=")
    fields = _fields(head)
    if not head.startswith("tree") or "feature_names" not in fields:
        raise ValueError(
            "The file is no text model of LightGBM: it has no feature_names. Save the model with "
            'booster.save_model("model.txt").'
        )
    link, factor = _link(fields.get("objective", "none"))
    outputs = int(fields["num_tree_per_iteration"])
    if "average_output" in fields:
        factor *= outputs / max(1, len(blocks))
    trees = tuple(
        _read_tree(_fields(f"Tree={block}"), i % outputs).times(factor)
        for i, block in enumerate(blocks)
    )
    names = tuple(fields["feature_names"].split())
    categories = categories_of(names, trees)
    return TreeModel(names, outputs, link, (0.0,) * outputs, trees, outputs, categories)


def write(model: TreeModel) -> str:
    """Returns the content of the file of a model.

    Raises:
        ValueError: the model has a bias, or several numbers per row, which LightGBM has not.

    >>> text = write(TreeModel(("x",), 1, Link.LOGISTIC, (0.0,), (leaf(0, 0.5),)))
    >>> read(text).trees[0].value.tolist()
    [0.5]
    """
    if any(model.bias):
        raise ValueError("A bias is a tree of one leaf in what is written; got model.bias.")
    trees = list(_in_turns(model))
    blocks = [f"Tree={i}\n{_written_tree(tree, model)}\n\n" for i, tree in enumerate(trees)]
    head = {
        "version": "v4",
        "num_class": model.outputs,
        "num_tree_per_iteration": model.outputs,
        "label_index": 0,
        "max_feature_idx": len(model.features) - 1,
        "objective": _objective(model),
        "feature_names": " ".join(model.features),
        "feature_infos": " ".join("none" for _ in model.features),
        "tree_sizes": " ".join(str(len(block.encode())) for block in blocks),
    }
    return f"tree\n{_lines(head)}\n{''.join(blocks)}end of trees\n"


def boundary_of(threshold: Array) -> Array:
    """Returns the float32 numbers that are above just what is above float64 thresholds.

    For float32 numbers, `x <= threshold` and `x < boundary_of(threshold)` are the same.

    >>> boundary_of(np.array([0.1, 0.5])).tolist()
    [0.10000000149011612, 0.5000000596046448]
    """
    with np.errstate(over="ignore"):
        nearest = threshold.astype(np.float32)
    above = np.nextafter(nearest, np.float32(np.inf))
    return np.where(nearest.astype(np.float64) > threshold, nearest, above)


def threshold_of(boundary: Array) -> Array:
    """Returns the greatest float64 numbers that become a float32 number below the boundary.

    For them, as for float32 numbers, `x <= threshold_of(boundary)` and `x < boundary` are the same.

    >>> threshold_of(np.array([0.5], np.float32)).tolist()
    [0.49999998509883875]
    """
    below = np.nextafter(boundary, np.float32(-np.inf)).astype(np.float64)
    middle = (below + boundary) / 2.0
    is_below = middle.astype(np.float32) < boundary
    return np.where(is_below, middle, np.nextafter(middle, -np.inf))


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return {key: value for key, _, value in pairs}


def _link(objective: str) -> tuple[Link, float]:
    """Returns the link, and what sums are multiplied by before it."""
    name, *parameters = objective.split()
    if name not in _LINKS or "sqrt" in parameters:
        raise ValueError(
            f"objective is {objective!r}, whose predictions no head of ours makes; known are "
            f"{', '.join(_LINKS)}, without sqrt."
        )
    factors = [float(x.partition(":")[2]) for x in parameters if x.startswith("sigmoid:")]
    return _LINKS[name], factors[0] if factors else 1.0


def _read_tree(fields: Mapping[str, str], output: int) -> Tree:
    name = f"Tree={fields['Tree']}"
    if int(fields.get("is_linear", 0)):
        raise ValueError(
            f"{name} has is_linear=1: linear models in its leaves. Train with linear_tree=false."
        )
    if int(fields["num_leaves"]) == 1:
        return leaf(output, float(fields["leaf_value"]))
    decision, threshold = _numbers(fields["decision_type"], np.int64), _numbers(fields["threshold"])
    ids = _read_ids(fields, decision, threshold)
    by_category = (decision & _BY_CATEGORY) > 0
    threshold = np.where(by_category, 0.0, threshold)
    missing_left, threshold = _missing(np.where(by_category, 0, decision), threshold, name)
    # Leaves come after the nodes that split; a negative child is one of them.
    splits, leaves = len(threshold), int(fields["num_leaves"])
    children = [_numbers(fields[side], np.int64) for side in ("left_child", "right_child")]
    left, right = (np.where(x < 0, splits + ~x, x) for x in children)
    cover = np.concatenate([_cover(fields, "internal", splits), _cover(fields, "leaf", leaves)])
    tree = Tree(
        output,
        feature=_then(_numbers(fields["split_feature"], np.int32), LEAF, leaves),
        boundary=_then(without_subnormal(boundary_of(threshold)), 0.0, leaves),
        ids=_then(ids, None, leaves),
        ids_left=_then(by_category, False, leaves),
        # Where a category splits, missing ones go right.
        missing_left=_then(missing_left & ~by_category, False, leaves),
        left=_then(left.astype(np.int32), 0, leaves),
        value=np.concatenate([np.zeros(splits), _numbers(fields["leaf_value"])]),
        gain=_then(_numbers(fields["split_gain"], np.float32), 0.0, leaves),
        cover=cover.astype(np.float32),
    )
    return renumbered(tree, right, name)


def _read_ids(fields: Mapping[str, str], decision: Array, threshold: Array) -> Array:
    """Returns `Tree.ids` of the nodes that split."""
    ids = no_ids(len(decision))
    of_sets = _numbers(fields.get("cat_threshold", ""), np.uint32).astype("<u4")
    starts = _numbers(fields.get("cat_boundaries", ""), np.int64)
    for node in np.flatnonzero(decision & _BY_CATEGORY):
        which = int(threshold[node])
        words = of_sets[starts[which] : starts[which + 1]]
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")
        ids[node] = frozenset(np.flatnonzero(bits).tolist())
    return ids


def _missing(decision: Array, threshold: Array, name: str) -> tuple[Array, Array]:
    """Returns where NaN goes, and thresholds that no number is between which is taken for zero.

    Raises:
        ValueError: zeros do not go where they belong by their order.
    """
    kind, by_default = decision >> _MISSING_KIND, (decision & _MISSING_LEFT) > 0
    is_zero_left = threshold >= 0.0
    against = (kind == _ZERO_MISSING) & (by_default != is_zero_left)
    if against.any():
        raise ValueError(
            f"{name} has decision_type={decision[against][0]}: zeros are missing values, and go "
            "where numbers of their size do not. Train with zero_as_missing=false, and NaN for "
            "missing values."
        )
    # Without missing values in training, NaN is taken for zero.
    missing_left = np.where(kind == _NAN_MISSING, by_default, is_zero_left)
    edge = np.where(is_zero_left, _ZERO, np.nextafter(-_ZERO, -np.inf))
    return missing_left, np.where(np.abs(threshold) <= _ZERO, edge, threshold)


def _cover(fields: Mapping[str, str], kind: str, size: int) -> Array:
    """Returns the weights of nodes; old files have them as numbers of rows alone."""
    text = fields.get(f"{kind}_weight") or fields.get(f"{kind}_count")
    return _numbers(text) if text else np.zeros(size)


def _numbers(text: str, dtype: Any = np.float64) -> Array:
    return np.array(text.split(), dtype)


def _then(of_splits: Array, of_leaves: Any, leaves: int) -> Array:
    return np.append(of_splits, np.full(leaves, of_leaves, of_splits.dtype))


def _in_turns(model: TreeModel) -> Iterable[Tree]:
    """Yields a tree of each output in turns: that is how LightGBM knows whose they are."""
    by_output: list[list[Tree]] = [[] for _ in range(model.outputs)]
    for tree in model.trees:
        by_output[tree.output].append(tree)
    for group in itertools.zip_longest(*by_output):
        for output, tree in enumerate(group):
            yield leaf(output, 0.0) if tree is None else tree


def _objective(model: TreeModel) -> str:
    if model.link is Link.SOFTMAX:
        return f"multiclass num_class:{model.outputs}"
    if model.link is Link.LOGISTIC:
        several = f"multiclassova num_class:{model.outputs} sigmoid:1"
        return "binary sigmoid:1" if model.outputs == 1 else several
    if model.outputs > 1:
        raise ValueError(
            f"LightGBM predicts one number per row, and the model {model.outputs}. Export to "
            "XGBoost, or train one model for each."
        )
    return "poisson" if model.link is Link.EXPONENTIAL else "regression"


def _written_tree(tree: Tree, model: TreeModel) -> str:
    is_leaf = tree.feature == LEAF
    inner, leaves = np.flatnonzero(~is_leaf), np.flatnonzero(is_leaf)
    number = np.empty(len(is_leaf), np.int64)
    number[inner], number[leaves] = np.arange(len(inner)), ~np.arange(len(leaves))
    sets = _sets(tree, model)
    decision = (_NAN_MISSING << _MISSING_KIND) + _MISSING_LEFT * tree.missing_left
    decision = np.where(tree.by_category, _BY_CATEGORY, decision)
    threshold = threshold_of(tree.boundary)
    threshold[list(sets)] = np.arange(len(sets))
    # Missing categories go right, so the children change places where ours go left.
    is_swapped = tree.by_category & tree.missing_left
    left, right = tree.left[inner] + is_swapped[inner], tree.left[inner] + ~is_swapped[inner]
    of_sets = {
        "cat_boundaries": np.cumsum([0, *map(len, sets.values())]),
        "cat_threshold": np.concatenate(list(sets.values())) if sets else (),
    }
    fields: dict[str, Iterable[Any]] = {
        "num_leaves": [len(leaves)],
        "num_cat": [len(sets)],
        "split_feature": tree.feature[inner],
        "split_gain": tree.gain[inner],
        "threshold": [repr(float(threshold[node])) for node in inner],
        "decision_type": decision[inner],
        "left_child": number[left],
        "right_child": number[right],
        "leaf_value": [repr(float(x)) for x in tree.value[leaves]],
        "leaf_weight": tree.cover[leaves],
        # How many rows there were is not known.
        "leaf_count": np.zeros(len(leaves), int),
        "internal_value": tree.value[inner],
        "internal_weight": tree.cover[inner],
        "internal_count": np.zeros(len(inner), int),
        **(of_sets if sets else {}),
        "is_linear": [0],
        "shrinkage": [1],
    }
    return _lines({name: " ".join(map(str, values)) for name, values in fields.items()})


def _sets(tree: Tree, model: TreeModel) -> dict[int, Array]:
    """Returns uint32 words of bits by node: which categories do not go where missing ones go."""
    found = {}
    for node in np.flatnonzero(tree.by_category):
        count = model.categories[model.features[tree.feature[node]]]
        ids = sorted(tree.ids_of(int(node), count, left=not tree.missing_left[node]))
        bits = np.zeros(32 * (max(ids, default=0) // 32 + 1), np.uint8)
        bits[ids] = 1
        found[int(node)] = np.packbits(bits, bitorder="little").view("<u4")
    return found


def _lines(fields: Mapping[str, Any]) -> str:
    return "".join(f"{name}={value}\n" for name, value in fields.items())
