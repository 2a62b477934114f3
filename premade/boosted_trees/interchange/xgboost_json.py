"""Models of XGBoost as JSON, as its `save_model` writes and its `load_model` reads them.

The format is that of XGBoost 2 and 3: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
and the schema beside it. Written is that of 2.1, which 3 reads too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from premade.boosted_trees.forest import LEAF
from premade.boosted_trees.interchange.trees import (
    Link,
    Tree,
    TreeModel,
    categories_of,
    no_ids,
    renumbered,
    without_subnormal,
)

Array = np.ndarray[Any, Any]

_LINKS = {
    "binary:logistic": Link.LOGISTIC,
    "reg:logistic": Link.LOGISTIC,
    "multi:softprob": Link.SOFTMAX,
    "multi:softmax": Link.SOFTMAX,
    "count:poisson": Link.EXPONENTIAL,
    "reg:gamma": Link.EXPONENTIAL,
    "reg:tweedie": Link.EXPONENTIAL,
    "reg:squarederror": Link.IDENTITY,
    "reg:linear": Link.IDENTITY,
    "reg:absoluteerror": Link.IDENTITY,
    "reg:pseudohubererror": Link.IDENTITY,
    "reg:quantileerror": Link.IDENTITY,
    "rank:ndcg": Link.IDENTITY,
    "rank:map": Link.IDENTITY,
    "rank:pairwise": Link.IDENTITY,
}
_VERSION = [2, 1, 4]
_NO_PARENT = 2**31 - 1


def read(text: str) -> TreeModel:
    """Returns the model of a file.

    Args:
        text: its content.

    Raises:
        ValueError: it is no model of XGBoost, or has something that our trees do not; the message
            names the field.
    """
    learner = _learner(text)
    booster, dropped = _booster(learner["gradient_booster"])
    model, parameters = booster["model"], learner["learner_model_param"]
    link = _link(learner["objective"]["name"])
    outputs = max(int(parameters["num_class"]), int(parameters.get("num_target", 1)), 1)
    trees = [
        _read_tree(tree, i, int(output)).times(factor)
        for i, (tree, output, factor) in enumerate(
            zip(model["trees"], model["tree_info"], dropped, strict=True)
        )
    ]
    count = int(parameters["num_feature"])
    names = tuple(learner.get("feature_names") or [f"f{i}" for i in range(count)])
    return TreeModel(
        names,
        outputs,
        link,
        _read_bias(parameters["base_score"], link, outputs),
        tuple(trees),
        outputs * max(1, int(model["gbtree_model_param"].get("num_parallel_tree", 1))),
        categories_of(names, trees),
    )


def write(model: TreeModel) -> str:
    """Returns the content of the file of a model.

    Raises:
        ValueError: the model has a bias.

    >>> text = write(TreeModel(("x",), 1, Link.LOGISTIC, (0.0,), ()))
    >>> read(text).features
    ('x',)
    """
    if any(model.bias):
        raise ValueError("A bias is a tree of one leaf in what is written; got model.bias.")
    is_softmax = model.link is Link.SOFTMAX
    objective, base_score = _objective(model)
    booster = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(model.trees))},
        "iteration_indptr": _step_starts(model),
        "tree_info": [tree.output for tree in model.trees],
        "trees": [_written_tree(tree, i, model) for i, tree in enumerate(model.trees)],
    }
    learner = {
        "attributes": {},
        "feature_names": list(model.features),
        "feature_types": _feature_types(model),
        "gradient_booster": {"model": booster, "name": "gbtree"},
        "learner_model_param": {
            "base_score": base_score,
            "boost_from_average": "0",
            "num_class": str(model.outputs if is_softmax else 0),
            "num_feature": str(len(model.features)),
            "num_target": str(1 if is_softmax else model.outputs),
        },
        "objective": objective,
    }
    return json.dumps({"learner": learner, "version": _VERSION})


def _learner(text: str) -> Mapping[str, Any]:
    try:
        learner: Mapping[str, Any] = json.loads(text)["learner"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            "The file is no JSON model of XGBoost: it has no learner. Save the model with "
            'booster.save_model("model.json").'
        ) from error
    return learner


def _booster(booster: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[float]]:
    """Returns the trees, and what the leaves of each are multiplied by."""
    if booster["name"] == "dart":
        return booster["gbtree"], booster["weight_drop"]
    if booster["name"] != "gbtree":
        raise ValueError(
            f"gradient_booster is {booster['name']!r}, which has no trees. Train with "
            "booster='gbtree' or 'dart'."
        )
    return booster, [1.0] * len(booster["model"]["trees"])


def _link(objective: str) -> Link:
    if objective not in _LINKS:
        raise ValueError(
            f"objective is {objective!r}, whose predictions no head of ours makes; known are "
            f"{', '.join(_LINKS)}."
        )
    return _LINKS[objective]


def _read_bias(base_score: str, link: Link, outputs: int) -> tuple[float, ...]:
    """Returns what is added to each sum; the file says it as a prediction."""
    scores = [float(x) for x in base_score.strip("[]").split(",")]
    if link is Link.LOGISTIC:
        scores = [-math.log(1.0 / x - 1.0) for x in scores]
    elif link is Link.EXPONENTIAL:
        scores = [math.log(x) for x in scores]
    return tuple(scores * outputs if len(scores) == 1 else scores)


def _read_tree(fields: Mapping[str, Any], index: int, output: int) -> Tree:
    name = f"Tree {index}"
    if int(fields["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise ValueError(
            f"{name} has size_leaf_vector {fields['tree_param']['size_leaf_vector']}: its leaves "
            "are for all outputs. Train with multi_strategy='one_output_per_tree'."
        )
    left = np.array(fields["left_children"], np.int32)
    is_leaf = left < 0
    # At leaves the conditions are the values.
    condition = np.array(fields["split_conditions"], np.float32)
    ids = _read_ids(fields)
    is_number = ~is_leaf & np.array([each is None for each in ids])
    tree = Tree(
        output,
        feature=np.where(is_leaf, LEAF, np.array(fields["split_indices"], np.int32)),
        boundary=np.where(is_number, without_subnormal(condition), np.float32(0.0)),
        ids=ids,
        # The categories of a split go right, and all others left.
        ids_left=np.zeros(len(left), bool),
        missing_left=np.array(fields["default_left"], bool) & ~is_leaf,
        left=left,
        value=np.where(is_leaf, condition, 0.0).astype(np.float64),
        gain=np.where(is_leaf, 0.0, np.array(fields["loss_changes"])).astype(np.float32),
        cover=np.array(fields["sum_hessian"], np.float32),
    )
    return renumbered(tree, np.array(fields["right_children"], np.int32), name)


def _read_ids(fields: Mapping[str, Any]) -> Array:
    ids, categories = no_ids(len(fields["left_children"])), fields.get("categories", ())
    keys = ("categories_nodes", "categories_segments", "categories_sizes")
    for node, start, size in zip(*(fields.get(key, ()) for key in keys), strict=True):
        ids[node] = frozenset(categories[start : start + size])
    return ids


def _step_starts(model: TreeModel) -> list[int]:
    count, each = len(model.trees), model.trees_per_step
    return list(range(0, count + 1, each)) if count % each == 0 else [0, count]


def _objective(model: TreeModel) -> tuple[dict[str, Any], str]:
    """Returns the objective of a link, and the prediction where the sums are 0."""
    if model.link is Link.SOFTMAX:
        classes = {"num_class": str(model.outputs)}
        return {"name": "multi:softprob", "softmax_multiclass_param": classes}, "0E0"
    if model.link is Link.EXPONENTIAL:
        of_poisson = {"max_delta_step": "0.7"}
        return {"name": "count:poisson", "poisson_regression_param": of_poisson}, "1E0"
    of_loss = {"reg_loss_param": {"scale_pos_weight": "1"}}
    if model.link is Link.LOGISTIC:
        return {"name": "binary:logistic", **of_loss}, "5E-1"
    return {"name": "reg:squarederror", **of_loss}, "0E0"


def _feature_types(model: TreeModel) -> list[str]:
    types = ["c" if name in model.categories else "float" for name in model.features]
    return types if model.categories else []


def _written_tree(tree: Tree, index: int, model: TreeModel) -> dict[str, Any]:
    nodes, is_leaf = len(tree.feature), tree.feature == LEAF
    parents = np.full(nodes, _NO_PARENT)
    inner = np.flatnonzero(~is_leaf)
    for side in (0, 1):
        parents[tree.left[inner] + side] = inner
    value = tree.value.astype(np.float32)
    return {
        "base_weights": _floats(value),
        **_written_ids(tree, model),
        "default_left": tree.missing_left.astype(int).tolist(),
        "id": index,
        "left_children": np.where(is_leaf, -1, tree.left).tolist(),
        "loss_changes": _floats(tree.gain),
        "parents": parents.tolist(),
        "right_children": np.where(is_leaf, -1, tree.left + 1).tolist(),
        "split_conditions": _floats(np.where(is_leaf, value, tree.boundary)),
        "split_indices": np.maximum(tree.feature, 0).tolist(),
        "split_type": tree.by_category.astype(int).tolist(),
        "sum_hessian": _floats(tree.cover),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(len(model.features)),
            "num_nodes": str(nodes),
            "size_leaf_vector": "1",
        },
    }


def _written_ids(tree: Tree, model: TreeModel) -> dict[str, list[int]]:
    nodes = np.flatnonzero(tree.by_category).tolist()
    categories: list[int] = []
    starts = []
    for node in nodes:
        starts.append(len(categories))
        count = model.categories[model.features[tree.feature[node]]]
        # One that no row has, where all go left: there must be one.
        categories += sorted(tree.ids_of(node, count, left=False)) or [count]
    sizes = np.diff([*starts, len(categories)]).tolist()
    return {
        "categories": categories,
        "categories_nodes": nodes,
        "categories_segments": starts,
        "categories_sizes": sizes,
    }


def _floats(array: Array) -> list[float]:
    """Returns numbers with the few digits that tell float32 numbers apart."""
    return [float(str(x)) for x in array.astype(np.float32)]
