"""`BoostedTreesEstimator`, `BoostedTreesClassifier` and `BoostedTreesRegressor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from estimators import Head, RunConfig, WarmStartSettings
from estimators.heads.losses import SUM_OVER_BATCH_SIZE
from premade.boosted_trees.base import BoostedTrees
from premade.boosted_trees.objective import regression_head
from premade.boosted_trees.options import TreeOptions
from premade.boosted_trees.settings import Settings
from premade.boosted_trees.splits import Regularization
from premade.linear import class_head

Tensor = Any


class BoostedTreesEstimator(BoostedTrees):
    """Gradient boosted trees under any head.

    Training reads one pass of `input_fn`, bins the rows and keeps them in memory, a byte for each
    number; then each step grows one tree, level by level, on all of them: or one for each logit of
    the head, all from the same predictions. A run without `steps` and `max_steps` ends with
    `n_trees` steps; `train(steps=20)` makes 20 more. A run that was killed goes on to the very
    trees of one that was not, from the same rows in the same order.

    With `n_batches_per_layer` trees grow as tf.estimator's did: each layer from the mean of so many
    batches, and to the same trees. A run then ends when all `n_trees` are grown, whatever `steps`
    it was given, or when twice as many layers were tried. One tree has leaves for all logits, by
    the second derivatives by each logit alone; categorical columns are split one category against
    all others; numbers find their bins in the first batches, which grow nothing; a forest of one
    logit is centered step by step, in the root of its first tree.

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
        n_batches_per_layer: batches that a layer grows from; None, which makes better trees faster,
            grows a tree from all rows.
        head: says what the logits mean, and what the loss is.
        model_dir: see `Estimator`.
        weight_column: None, or that of the head, which is the one that counts.
        n_trees: trees of the forest, for each logit.
        max_depth: levels of splits in a tree, 1 to 10.
        learning_rate: leaves are multiplied by it.
        l1_regularization: of leaves, times their absolute values.
        l2_regularization: of leaves, times half their squares. Losses are summed over the rows;
            their mean is taken where layers grow from batches.
        tree_complexity: what a split must gain; where layers grow from batches, as `pruning_mode`
            says.
        min_node_weight: least sum of second derivatives in a child; of layers that grow from
            batches, what a node must have more of to be split.
        config: see `Estimator`.
        center_bias: whether the forest begins with a tree for each logit that is one leaf: the
            constant that makes the loss smallest, without a learning rate or regularization. It
            is made in the first step, with the first trees, and is none of the `n_trees`.
        pruning_mode: `none`; `pre`, where a split is not made whose gain is less than
            `tree_complexity`; or `post`, where such splits are taken back when the tree is grown,
            from its leaves upwards. Trees of all rows take `none` for `pre`.
        quantile_sketch_epsilon: of layers that grow from batches: numbers have about 1 / epsilon
            bins of as many rows each, of at least 1 / 254.
        options: what tf.estimator's trees had no argument for; see `TreeOptions`. Not for layers
            that grow from batches.
        warm_start_from: another forest's model_dir, or one of its checkpoints. This one begins with
            its trees, of the same columns and depth, whose bins it goes on with; `n_trees` are
            those that come to them. What model_dir holds already counts more. Of
            `WarmStartSettings` only the path is looked at: a forest is whole.

    Raises:
        TypeError: something else is given for a number.
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
        pruning_mode: str = "none",
        quantile_sketch_epsilon: float = 0.01,
        options: TreeOptions | None = None,
        warm_start_from: str | WarmStartSettings | None = None,
    ) -> None:
        if head is None:
            raise ValueError(
                "BoostedTreesEstimator needs a head. Give head=RegressionHead(), say, or use "
                "BoostedTreesClassifier or BoostedTreesRegressor, which have their own."
            )
        _check_weights(head, weight_column)
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
                pruning_mode,
                quantile_sketch_epsilon,
            ),
            config,
            warm_start_from,
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
        pruning_mode: see `BoostedTreesEstimator`.
        quantile_sketch_epsilon: see `BoostedTreesEstimator`.
        train_in_memory: of layers that grow from batches: the first batch has all rows, is kept,
            and each layer grows from it.
        options: see `TreeOptions`.
        warm_start_from: see `BoostedTreesEstimator`.

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
        pruning_mode: str = "none",
        quantile_sketch_epsilon: float = 0.01,
        train_in_memory: bool = False,
        options: TreeOptions | None = None,
        warm_start_from: str | WarmStartSettings | None = None,
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
                pruning_mode,
                quantile_sketch_epsilon,
                train_in_memory,
            ),
            config,
            warm_start_from,
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
        pruning_mode: see `BoostedTreesEstimator`.
        quantile_sketch_epsilon: see `BoostedTreesEstimator`.
        train_in_memory: of layers that grow from batches: the first batch has all rows, is kept,
            and each layer grows from it.
        options: see `TreeOptions`.
        loss: `squared`; `absolute` (see `AbsoluteError`); `poisson`, for counts, whose logarithm
            the trees add up to (see `PoissonRegressionHead`); a `HuberError` or `QuantileError`;
            or any `loss_fn` of a `RegressionHead`. `evaluate` reports it. Trees begin at 0: where
            labels are far from it, give `center_bias=True`.
        warm_start_from: see `BoostedTreesEstimator`.

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
        pruning_mode: str = "none",
        quantile_sketch_epsilon: float = 0.01,
        train_in_memory: bool = False,
        options: TreeOptions | None = None,
        loss: str | Callable[..., Tensor] = "squared",
        warm_start_from: str | WarmStartSettings | None = None,
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
                pruning_mode,
                quantile_sketch_epsilon,
                train_in_memory,
            ),
            config,
            warm_start_from,
        )


def _check_weights(head: Head, weight_column: Any) -> None:
    key = getattr(weight_column, "key", weight_column)
    if key is not None and head.feature_keys is not None and key not in head.feature_keys:
        raise ValueError(
            f"weight_column ({key!r}) is not what {type(head).__name__} weights examples with, and "
            "the head does it. Give the head this weight_column."
        )
