"""`BoostedTreesClassifier` and `BoostedTreesRegressor`."""

from __future__ import annotations

import collections
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimators import Estimator, Head, RunConfig
from estimators.heads.losses import SUM_OVER_BATCH_SIZE
from premade.boosted_trees.explaining import BIAS, CONTRIBUTIONS, Explainer
from premade.boosted_trees.forest import Forest, layout
from premade.boosted_trees.growing import grower_of
from premade.boosted_trees.importances import GAIN, importances
from premade.boosted_trees.model_fn import SCOPE, TreesModelFn
from premade.boosted_trees.objective import Objective, regression_head
from premade.boosted_trees.options import TreeOptions
from premade.boosted_trees.peers import Peers
from premade.boosted_trees.settings import Settings
from premade.boosted_trees.splits import Regularization
from premade.boosted_trees.stopping import BEST_TREES
from premade.boosted_trees.subsampling import Subsampling
from premade.boosted_trees.table import BOUNDARIES, TableMaker
from premade.boosted_trees.tree_features import TreeFeatures
from premade.linear import class_head

Tensor = Any


class BoostedTrees(Estimator):
    """What the three classes share; they differ in the head and in how it is said.

    Args:
        head: see `BoostedTreesEstimator`.
        feature_columns: see `BoostedTreesEstimator`.
        model_dir: see `Estimator`.
        settings: how many trees, and how each grows.
        config: see `Estimator`.

    Attributes:
        features: the numbers of the columns, in the order in which the forest counts them.
        nodes: what each tree has room for.

    Raises:
        ValueError: a column is of a kind that trees do not take; or several replicas are to find
            a bias or quantiles.
    """

    def __init__(
        self,
        head: Head,
        feature_columns: Iterable[Any],
        model_dir: str | None,
        settings: Settings,
        config: RunConfig | None,
    ) -> None:
        features = TreeFeatures(feature_columns)
        self._objective = Objective.of(head)
        grower = grower_of(features, settings, self._objective)
        self._made_model_fn = functools.partial(
            TreesModelFn,
            self._objective,
            features,
            grower,
            settings.n_trees,
            self._peers,
            center_bias=settings.center_bias,
            patience=settings.options.early_stopping_trees,
            subsampling=_subsampling(settings.options, config),
        )
        super().__init__(self._made_model_fn(), model_dir, config, gather_fn=self._gathered)
        if settings.center_bias or self._objective.quantile is not None:
            self._peers().refuse_several(
                "center_bias" if settings.center_bias else f"The loss {self._objective.loss}"
            )
        self.head = head
        self.features = features.all
        self.nodes = grower.nodes
        self._features = features
        self._options = settings.options

    def forest(self) -> Forest:
        """Returns the trees that predict, of the newest checkpoint, as NumPy arrays.

        Raises:
            ValueError: nothing is trained yet.
        """
        names = layout(1, 1)
        arrays = {name: self.get_variable_value(f"{SCOPE}/{name}") for name in names}
        if self._options.early_stopping_trees is None:
            return Forest(**arrays)
        return Forest(**arrays).part(0, int(self.get_variable_value(f"{SCOPE}/{BEST_TREES}")))

    def experimental_feature_importances(
        self, normalize: bool = False
    ) -> collections.OrderedDict[str, float]:
        """Returns the gain of each column's splits; see `feature_importances`."""
        return self.feature_importances(normalize=normalize)

    def feature_importances(
        self, kind: str = GAIN, *, normalize: bool = False
    ) -> collections.OrderedDict[str, float]:
        """Returns how much each column matters to the forest, the most important one first.

        What a column is worth on rows that were not trained on, `permutation_importance` tells.

        Args:
            kind: `gain`, how much the column's splits lower the loss in training (twice that, in
                all); or `splits`, how many there are.
            normalize: divide by the sum, so that they add up to 1.

        Raises:
            ValueError: nothing is trained yet, or the kind is unknown.
        """
        return importances(self.forest(), self._columns, kind, normalize=normalize)

    def experimental_predict_with_explanations(
        self,
        input_fn: Any,
        predict_keys: Sequence[str] | str | None = None,
        hooks: Iterable[Any] | None = None,
        checkpoint_path: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yields predictions, and what each column adds to them.

        They have two more entries than those of `predict`: `bias`, where every prediction starts,
        and `dfc`, an OrderedDict of what each column adds, the greatest first. Together they are
        the probability of class 1, or the number that is predicted.

        Args:
            input_fn: see `Estimator.predict`.
            predict_keys: see `Estimator.predict`; the two are there anyway.
            hooks: see `Estimator.predict`.
            checkpoint_path: see `Estimator.predict`.

        Raises:
            ValueError: the head has several logits, or it is not known what they mean.
        """
        explainer = Explainer.of(self.head, self._columns)
        if predict_keys is not None:
            keys = [predict_keys] if isinstance(predict_keys, str) else predict_keys
            predict_keys = [*keys, BIAS, CONTRIBUTIONS]
        explained = Estimator(self._made_model_fn(explainer=explainer), self.model_dir, self.config)
        return explainer.named(explained.predict(input_fn, predict_keys, hooks, checkpoint_path))

    @property
    def _columns(self) -> list[str]:
        return [feature.column for feature in self.features]

    def _peers(self) -> Peers:
        return Peers(self.config.strategy)

    def _gathered(self, dataset: Any) -> Any:
        patience = self._options.early_stopping_trees
        maker = TableMaker(
            self._features,
            self._objective.targets,
            self._known_boundaries,
            threads=_threads(),
            peers=self._peers(),
            max_bins=self._options.max_bins,
            cache_dir=self._options.cache_dir,
            keeps_hashes=self._options.row_fraction < 1.0,
            validation_fraction=0.0 if patience is None else self._options.validation_fraction,
        )
        return maker(dataset)

    def _known_boundaries(self) -> np.ndarray[Any, Any] | None:
        # A checkpoint of a run that had no tree yet knows none either.
        if self.latest_checkpoint() is None or not len(self.get_variable_value(f"{SCOPE}/output")):
            return None
        return self.get_variable_value(f"{SCOPE}/{BOUNDARIES}")


class BoostedTreesEstimator(BoostedTrees):
    """Gradient boosted trees under any head.

    Training reads one pass of `input_fn`, bins the rows and keeps them in memory, a byte for each
    number; then each step grows one tree, level by level, on all of them: or one for each logit of
    the head, all from the same predictions. A run without `steps` and `max_steps` ends with
    `n_trees` steps; `train(steps=20)` makes 20 more. A run that was killed goes on to the very
    trees of one that was not, from the same rows in the same order.

    Trees take Newton steps, by the first and second derivatives of the loss. For the heads of this
    library they are formulas. For a head of your own, a `MultiHead` and any `loss_fn`, TensorFlow
    finds them: see `TapedLoss`. Each logit has trees of its own, which look at the second
    derivatives by that logit alone.

    Args:
        feature_columns: `numeric_column`s, whose bins are found in the data, NaN being a missing
            value, which learns its side at each split; `bucketized_column`s; categorical columns of
            one category per row, which are split many against many; and `indicator_column`s, of
            which each category is a number. Of many categories the most frequent have bins of
            their own, 253 of them, and the others share one. One that training did not see goes
            where those do; if there are none, as one that is missing or not in the vocabulary:
            where missing values go.
        n_batches_per_layer: None.
        head: says what the logits mean, and what the loss is.
        model_dir: see `Estimator`.
        n_trees: trees of the forest, for each logit.
        max_depth: levels of splits in a tree, 1 to 10.
        learning_rate: leaves are multiplied by it.
        l1_regularization: of leaves, times their absolute values.
        l2_regularization: of leaves, times half their squares. Losses are summed over the rows.
        tree_complexity: what a split must gain.
        min_node_weight: least sum of second derivatives in a child.
        config: see `Estimator`.
        center_bias: whether the forest begins with a tree for each logit that is one leaf: the
            constant that makes the loss smallest, without a learning rate or regularization. It
            is made in the first step, with the first trees, and is none of the `n_trees`.
        options: what tf.estimator's trees had no argument for; see `TreeOptions`.

    Raises:
        ValueError: there is no head, an argument is out of its range, or a column of a kind that
            trees do not take.

    Example:
        >>> import feature_columns as fc
        >>> x_column = fc.numeric_column("x")
        >>> trees = BoostedTreesEstimator([x_column], head=RegressionHead(), n_trees=20)
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, x > 0.5))
        >>> forest = trees.train(lambda: rows).forest()
        >>> forest.trees, int(forest.feature[0, 0])
        (20, 0)
    """

    def __init__(
        self,
        feature_columns: Iterable[Any],
        n_batches_per_layer: int | None = None,
        head: Head | None = None,
        model_dir: str | None = None,
        n_trees: int = 100,
        max_depth: int = 6,
        learning_rate: float = 0.1,
        l1_regularization: float = 0.0,
        l2_regularization: float = 0.0,
        tree_complexity: float = 0.0,
        min_node_weight: float = 0.0,
        config: RunConfig | None = None,
        center_bias: bool = False,
        options: TreeOptions | None = None,
    ) -> None:
        if head is None:
            raise ValueError(
                "BoostedTreesEstimator needs a head. Give head=RegressionHead(), say, or use "
                "BoostedTreesClassifier or BoostedTreesRegressor, which have their own."
            )
        super().__init__(
            head,
            feature_columns,
            model_dir,
            Settings(
                n_batches_per_layer,
                n_trees,
                max_depth,
                learning_rate,
                Regularization(
                    l1_regularization, l2_regularization, tree_complexity, min_node_weight
                ),
                options or TreeOptions(),
                center_bias,
            ),
            config,
        )


class BoostedTreesClassifier(BoostedTrees):
    """A classifier by gradient boosted trees: see `BoostedTreesEstimator`.

    Two classes have one logit and one tree in each step; more have a tree for each class.

    Args:
        feature_columns: see `BoostedTreesEstimator`.
        n_batches_per_layer: see `BoostedTreesEstimator`.
        model_dir: see `Estimator`.
        n_classes: number of classes.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        label_vocabulary: the classes, when labels are strings.
        n_trees: trees of the forest, for each logit.
        max_depth: levels of splits in a tree.
        learning_rate: leaves are multiplied by it.
        l1_regularization: see `BoostedTreesEstimator`.
        l2_regularization: see `BoostedTreesEstimator`.
        tree_complexity: see `BoostedTreesEstimator`.
        min_node_weight: see `BoostedTreesEstimator`.
        config: see `Estimator`.
        center_bias: see `BoostedTreesEstimator`.
        options: see `TreeOptions`.

    Example:
        >>> import feature_columns as fc
        >>> trees = BoostedTreesClassifier([fc.numeric_column("x")], n_trees=10, max_depth=1)
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, (x > 0.5).astype(int)))
        >>> trees.train(lambda: rows).evaluate(lambda: rows)["accuracy"].item()
        1.0
    """

    def __init__(
        self,
        feature_columns: Iterable[Any],
        n_batches_per_layer: int | None = None,
        model_dir: str | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        n_trees: int = 100,
        max_depth: int = 6,
        learning_rate: float = 0.1,
        l1_regularization: float = 0.0,
        l2_regularization: float = 0.0,
        tree_complexity: float = 0.0,
        min_node_weight: float = 0.0,
        config: RunConfig | None = None,
        center_bias: bool = False,
        options: TreeOptions | None = None,
    ) -> None:
        super().__init__(
            class_head(n_classes, weight_column, label_vocabulary, SUM_OVER_BATCH_SIZE),
            feature_columns,
            model_dir,
            Settings(
                n_batches_per_layer,
                n_trees,
                max_depth,
                learning_rate,
                Regularization(
                    l1_regularization, l2_regularization, tree_complexity, min_node_weight
                ),
                options or TreeOptions(),
                center_bias,
            ),
            config,
        )


class BoostedTreesRegressor(BoostedTrees):
    """A regression with boosted trees: see `BoostedTreesEstimator`.

    Args:
        feature_columns: see `BoostedTreesEstimator`.
        n_batches_per_layer: see `BoostedTreesEstimator`.
        model_dir: see `Estimator`.
        label_dimension: numbers per example; each has a tree in each step.
        weight_column: name of the feature that holds the weight of each example, or a numeric
            column.
        n_trees: trees of the forest, for each logit.
        max_depth: levels of splits in a tree.
        learning_rate: leaves are multiplied by it.
        l1_regularization: see `BoostedTreesEstimator`.
        l2_regularization: see `BoostedTreesEstimator`.
        tree_complexity: see `BoostedTreesEstimator`.
        min_node_weight: see `BoostedTreesEstimator`.
        config: see `Estimator`.
        center_bias: see `BoostedTreesEstimator`.
        options: see `TreeOptions`.
        loss: `squared`; `absolute` (see `AbsoluteError`); `poisson`, for counts, whose logarithm
            the trees add up to (see `PoissonRegressionHead`); a `HuberError` or `QuantileError`;
            or any `loss_fn` of a `RegressionHead`. `evaluate` reports it. Trees begin at 0: where
            labels are far from it, give `center_bias=True`.

    Example:
        >>> import feature_columns as fc
        >>> trees = BoostedTreesRegressor([fc.numeric_column("x")], n_trees=5, learning_rate=1.0)
        >>> x = np.linspace(0, 1, 100, dtype=np.float32)
        >>> rows = tf.data.Dataset.from_tensors(({"x": x}, 3 * x))
        >>> trees.train(lambda: rows).evaluate(lambda: rows)["average_loss"].item() < 1e-3
        True
    """

    def __init__(
        self,
        feature_columns: Iterable[Any],
        n_batches_per_layer: int | None = None,
        model_dir: str | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        n_trees: int = 100,
        max_depth: int = 6,
        learning_rate: float = 0.1,
        l1_regularization: float = 0.0,
        l2_regularization: float = 0.0,
        tree_complexity: float = 0.0,
        min_node_weight: float = 0.0,
        config: RunConfig | None = None,
        center_bias: bool = False,
        options: TreeOptions | None = None,
        loss: str | Callable[..., Tensor] = "squared",
    ) -> None:
        super().__init__(
            regression_head(loss, label_dimension, weight_column),
            feature_columns,
            model_dir,
            Settings(
                n_batches_per_layer,
                n_trees,
                max_depth,
                learning_rate,
                Regularization(
                    l1_regularization, l2_regularization, tree_complexity, min_node_weight
                ),
                options or TreeOptions(),
                center_bias,
            ),
            config,
        )


def _subsampling(options: TreeOptions, config: RunConfig | None) -> Subsampling:
    seed = (config.tf_random_seed if config else None) or 0
    return Subsampling(options.row_fraction, options.column_fraction, seed)


def _threads() -> int:
    """Returns how many compiled functions run side by side."""
    return int(tf.config.threading.get_inter_op_parallelism_threads()) or os.cpu_count() or 1
