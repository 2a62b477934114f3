"""Models of other systems into a `model_dir`, and ours into their files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimators import (
    BinaryClassHead,
    Head,
    LogisticRegressionHead,
    MultiClassHead,
    MultiLabelHead,
    PoissonRegressionHead,
    RegressionHead,
)
from estimators.checkpoints import CheckpointStore
from premade.boosted_trees.base import BoostedTrees
from premade.boosted_trees.interchange import lightgbm_text, xgboost_json
from premade.boosted_trees.interchange.forests import BinnedForest, binned, unbinned
from premade.boosted_trees.interchange.trees import Link, TreeModel
from premade.boosted_trees.predicting import SCOPE
from premade.boosted_trees.table import BOUNDARIES
from premade.boosted_trees.tree_features import TreeFeature

Path = str | os.PathLike[str]

_LINKS: dict[type[Head], Link] = {
    BinaryClassHead: Link.LOGISTIC,
    LogisticRegressionHead: Link.LOGISTIC,
    MultiLabelHead: Link.LOGISTIC,
    MultiClassHead: Link.SOFTMAX,
    PoissonRegressionHead: Link.EXPONENTIAL,
    RegressionHead: Link.IDENTITY,
}
_UNNAMED = re.compile(r"(f|Column_)\d+")
"""What the systems call features without a name."""


def import_xgboost(
    estimator: BoostedTrees, path: Path, *, feature_names: Sequence[str] | None = None
) -> None:
    """Makes a model of XGBoost the first checkpoint of an estimator, which then predicts the same.

    All that the estimator does with trees of its own it does with these: predict, evaluate, export,
    and train on. Trees that are added split where those of the file do, for the bins are theirs.
    All trees of the file are taken, those after its `best_iteration` too: save `booster[:best + 1]`
    to leave them out.

    Features are found by name: that of a `numeric_column`, or `x_0`, `x_1` ... for the numbers of
    `numeric_column("x", shape=2)`. A file without names is taken to be in the order of the numbers
    of the only column. A `bucketized_column` reads the number behind it, with boundaries of the
    file instead of its own; so a second column makes room where a feature is split at more values
    than the 254 that one column has room for. A category is a categorical column whose ids are the
    numbers that the file has for it.

    Args:
        estimator: has nothing trained yet. Its head says what the objective of the file does; its
            `max_depth` says how many nodes a tree may have, of whatever shape:
            2^(max_depth + 1) - 1.
        path: of the JSON file that `booster.save_model("model.json")` of XGBoost 2 or 3 wrote.
        feature_names: names for the features of the file, in its order, instead of its own.

    Raises:
        ValueError: the file has something that our trees do not, which the message names; or it
            does not go with the columns, the head or the depth of the estimator; or the estimator
            has a checkpoint already.

    Example:
        >>> import feature_columns as fc
        >>> from premade.boosted_trees import BoostedTreesRegressor
        >>> columns = [fc.numeric_column("x")]
        >>> ours = BoostedTreesRegressor(columns, n_trees=3, max_depth=2)
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, 3 * x))
        >>> export_xgboost(ours.train(lambda: rows), "model.json")
        >>> theirs = BoostedTreesRegressor(columns, max_depth=2)
        >>> import_xgboost(theirs, "model.json")
        >>> theirs.forest().trees
        3
    """
    _import(estimator, path, xgboost_json.read, feature_names)


def import_lightgbm(
    estimator: BoostedTrees, path: Path, *, feature_names: Sequence[str] | None = None
) -> None:
    """Makes a model of LightGBM the first checkpoint of an estimator, which then predicts the same.

    LightGBM compares numbers of 64 bits, and we of 32: predictions are the same for all numbers
    that 32 bits can hold.

    Args:
        estimator: see `import_xgboost`.
        path: of the text file that `booster.save_model("model.txt")` of LightGBM 3 or 4 wrote.
        feature_names: see `import_xgboost`.

    Raises:
        ValueError: see `import_xgboost`.

    Example:
        >>> import feature_columns as fc
        >>> from premade.boosted_trees import BoostedTreesRegressor
        >>> columns = [fc.numeric_column("x")]
        >>> ours = BoostedTreesRegressor(columns, n_trees=3, max_depth=2)
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, 3 * x))
        >>> export_lightgbm(ours.train(lambda: rows), "model.txt")
        >>> theirs = BoostedTreesRegressor(columns, max_depth=2)
        >>> import_lightgbm(theirs, "model.txt")
        >>> theirs.forest().trees
        3
    """
    _import(estimator, path, lightgbm_text.read, feature_names)


def export_xgboost(estimator: BoostedTrees, path: Path) -> None:
    """Writes the trees of the newest checkpoint as a model of XGBoost.

    `xgboost.Booster(model_file="model.json")` of XGBoost 2.1 or 3 then predicts the same from a
    `DMatrix` with `feature_names=booster.feature_names`: the names that `import_xgboost` finds.
    Categories are their ids there, and one that is missing is NaN; the `DMatrix` is told by
    `feature_types=booster.feature_types` and `enable_categorical=True`.

    Args:
        estimator: a trained one.
        path: of the JSON file.

    Raises:
        ValueError: nothing is trained yet, or XGBoost has no such model.

    Example:
        >>> import feature_columns as fc
        >>> from premade.boosted_trees import BoostedTreesClassifier
        >>> trees = BoostedTreesClassifier([fc.numeric_column("x")], n_trees=2, max_depth=1)
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, (x > 0.5).astype(int)))
        >>> export_xgboost(trees.train(lambda: rows), "model.json")
        >>> with open("model.json") as file:
        ...     model = xgboost_json.read(file.read())
        >>> len(model.trees), model.link.name
        (2, 'LOGISTIC')
    """
    _write(path, xgboost_json.write(_model_of(estimator)))


def export_lightgbm(estimator: BoostedTrees, path: Path) -> None:
    """Writes the trees of the newest checkpoint as a model of LightGBM.

    `lightgbm.Booster(model_file="model.txt")` of LightGBM 4 then predicts the same from rows with
    the numbers in the order of `booster.feature_name()`: the names that `import_lightgbm` finds.
    Categories are their ids there, and one that is missing is NaN. Numbers between -1e-35 and 1e-35
    are zero to LightGBM.

    Args:
        estimator: a trained one.
        path: of the text file.

    Raises:
        ValueError: nothing is trained yet, or LightGBM has no such model.

    Example:
        >>> import feature_columns as fc
        >>> from premade.boosted_trees import BoostedTreesClassifier
        >>> trees = BoostedTreesClassifier([fc.numeric_column("x")], n_trees=2, max_depth=1)
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, (x > 0.5).astype(int)))
        >>> export_lightgbm(trees.train(lambda: rows), "model.txt")
        >>> with open("model.txt") as file:
        ...     model = lightgbm_text.read(file.read())
        >>> len(model.trees), model.link.name
        (2, 'LOGISTIC')
    """
    _write(path, lightgbm_text.write(_model_of(estimator)))


def _import(
    estimator: BoostedTrees,
    path: Path,
    read: Callable[[str], TreeModel],
    feature_names: Sequence[str] | None,
) -> None:
    if (checkpoint := estimator.latest_checkpoint()) is not None:
        raise ValueError(
            f"The estimator has trees already, in {checkpoint}. Give it a model_dir of its own."
        )
    if estimator.grows_by_layers:
        raise ValueError(
            "A model of another system cannot go on layer by layer. Give the estimator no "
            "n_batches_per_layer."
        )
    with tf.io.gfile.GFile(os.fspath(path), "rb") as file:
        # What is no text, as the binary format of XGBoost, is refused by what reads it.
        model = read(file.read().decode("utf-8", errors="replace"))
    _check_head(estimator.head, model)
    places: dict[str, list[int]] = {}
    for i, name in enumerate(_names(estimator.features)):
        places.setdefault(name, []).append(i)
    model = _renamed(model, feature_names or _own_names(model, places, estimator.features))
    found = binned(model, places, estimator.nodes, _categories(estimator))
    values = {f"{SCOPE}/{name}": array for name, array in found.forest.arrays().items()}
    values |= {f"{SCOPE}/{BOUNDARIES}": found.boundaries, "global_step": np.int64(model.steps)}
    CheckpointStore(estimator.model_dir).commit(model.steps, values, resume="afresh")


def _model_of(estimator: BoostedTrees) -> TreeModel:
    boundaries = estimator.get_variable_value(f"{SCOPE}/{BOUNDARIES}")
    names = [re.sub(r'[\s\[\]<>{},:"]', "_", name) for name in _names(estimator.features)]
    return unbinned(
        BinnedForest(estimator.forest(), boundaries, _categories(estimator)),
        names,
        estimator.head.logits_dimension,
        _link_of(estimator.head),
    )


def _categories(estimator: BoostedTrees) -> tuple[int, ...]:
    return tuple(feature.categories or 0 for feature in estimator.features)


def _write(path: Path, text: str) -> None:
    with tf.io.gfile.GFile(os.fspath(path), "w") as file:
        file.write(text)


def _link_of(head: Head) -> Link:
    if type(head) not in _LINKS:
        raise ValueError(
            f"What logits mean to {type(head).__name__} no file of the other systems can say. "
            f"Known are {', '.join(kind.__name__ for kind in _LINKS)}."
        )
    return _LINKS[type(head)]


def _check_head(head: Head, model: TreeModel) -> None:
    if _link_of(head) is not model.link or head.logits_dimension != model.outputs:
        fitting = [kind.__name__ for kind, link in _LINKS.items() if link is model.link]
        raise ValueError(
            f"The file has {model.outputs} sums of trees, {model.link.value}, and the estimator "
            f"has {type(head).__name__} with {head.logits_dimension} logits. Its head must be one "
            f"of {', '.join(fitting)}, with {model.outputs} logits."
        )


def _names(features: Sequence[TreeFeature]) -> list[str]:
    """Returns the name of each number: that of its column, and which number of the column it is."""
    columns = [_number_column(feature) for feature in features]
    widths = {
        column: 1 + max(f.index for f, c in zip(features, columns, strict=True) if c == column)
        for column in columns
    }
    return [
        column if widths[column] == 1 else f"{column}_{feature.index}"
        for column, feature in zip(columns, features, strict=True)
    ]


def _number_column(feature: TreeFeature) -> str:
    """Returns the name of the numeric column that is read."""
    is_bucketized = feature.boundaries is not None
    return feature.column.removesuffix("_bucketized") if is_bucketized else feature.column


def _own_names(
    model: TreeModel, places: dict[str, list[int]], features: Sequence[TreeFeature]
) -> Sequence[str]:
    """Returns the names of the file; those of the only column, if the file has none."""
    is_unnamed = all(_UNNAMED.fullmatch(name) for name in model.features)
    if not is_unnamed or set(model.features) <= places.keys():
        return model.features
    if len({_number_column(each) for each in features}) > 1:
        raise ValueError(
            f"The file has no names for its {len(model.features)} features, and there are several "
            f"columns. Give feature_names: in the order of the file, out of {list(places)}."
        )
    return list(places)


def _renamed(model: TreeModel, names: Sequence[str]) -> TreeModel:
    if len(names) != len(model.features):
        raise ValueError(
            f"The file has {len(model.features)} features, and there are {len(names)} names for "
            f"them, {list(names)}. Give feature_names, one for each feature of the file."
        )
    fields: dict[str, Any] = vars(model) | {"features": tuple(names)}
    return TreeModel(**fields)
