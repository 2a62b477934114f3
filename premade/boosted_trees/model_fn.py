"""The `model_fn` of boosted trees: a step of training grows one tree."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from estimators import EstimatorSpec, Head, Hook, ModeKeys, tracing
from premade import replicas
from premade.boosted_trees import sums, walk
from premade.boosted_trees.binning import MOST_BINS, NO_BOUNDARY, bins_of
from premade.boosted_trees.derivatives import Loss
from premade.boosted_trees.forest import MISSING, Forest, layout
from premade.boosted_trees.grower import LevelGrower
from premade.boosted_trees.table import BINS, BOUNDARIES, LABELS, WEIGHTS
from premade.boosted_trees.tree_features import TreeFeatures

Tensor = Any
Variable = Any

SCOPE = "boosted_trees"

_NONE = -1


@final
class TreesModelFn:
    """Grows trees, and predicts with them.

    Args:
        head: says what the logit means.
        features: the numbers of each row.
        loss: that of the head.
        grower: grows one tree.
        n_trees: where a run ends that was not told how many steps to make.
    """

    def __init__(
        self,
        head: Head,
        features: TreeFeatures,
        loss: Loss,
        grower: LevelGrower,
        n_trees: int,
    ) -> None:
        self._head = head
        self._features = features
        self._grower = grower
        self._n_trees = n_trees
        self._look = tf.function(_looker(loss), jit_compile=True, autograph=False)
        self._caches: tuple[_Cache, ...] = ()

    def prepare(self, features: Any, labels: Any, mode: str, sample_weight: Any = None) -> None:
        """Makes the variables that hold the logits of the table while trees are added."""
        del labels, sample_weight
        if mode == ModeKeys.TRAIN:
            self._caches = tuple(_Cache.of(spec.shape[0]) for spec in features[LABELS])

    @tf.autograph.experimental.do_not_convert
    def __call__(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        """Returns what a `model_fn` answers."""
        forest = {
            name: _grown_variable(f"{SCOPE}/{name}", dtype, shape)
            for name, (dtype, shape) in self._layout().items()
        }
        shape = [len(self._features.all), MOST_BINS - 1]
        boundaries = tf.Variable(
            lambda: tf.fill(shape, NO_BOUNDARY), trainable=False, name=f"{SCOPE}/{BOUNDARIES}"
        )
        if mode == ModeKeys.TRAIN:
            return self._training(features, forest, boundaries)
        numbers = self._features.numbers(features)
        logits = self._logits(_read(forest), numbers, boundaries.read_value())
        return self._head.create_estimator_spec(features, mode, logits, labels)

    def _layout(self) -> dict[str, tuple[Any, tuple[int, ...]]]:
        by_category = bool(self._features.categorical)
        return layout(self._grower.nodes, 1, by_category=by_category)

    def _logits(self, forest: Forest, numbers: Tensor, boundaries: Tensor) -> Tensor:
        """Returns what a forest says of rows, float32 `[batch, 1]`."""
        by_category = self._features.by_category if self._features.categorical else None
        if not tracing.is_exporting():
            return walk.logits_of_numbers(forest, numbers, boundaries, 1, by_category)
        bins = bins_of(numbers, boundaries, MISSING)
        if by_category is not None:
            bins = by_category(bins, numbers, boundaries, MISSING)
        return forest.logits(bins, width=1)

    def _training(
        self, table: Mapping[str, Any], forest: Mapping[str, Variable], boundaries: Variable
    ) -> EstimatorSpec:
        trees = _read(forest)
        shards = list(zip(table[BINS], self._caches, strict=True))
        logits = [cache.logits(trees, bins) for bins, cache in shards]
        looked = [
            self._look(*each) for each in zip(table[LABELS], logits, table[WEIGHTS], strict=True)
        ]
        packed, scale = sums.packed([(g, h) for g, h, _, _ in looked])
        allowed = tf.ones([len(self._features.all)], tf.bool)
        grown = self._grower.grow(table[BINS], packed, allowed, scale)
        totals = replicas.total(tf.add_n([tf.stack(rest) for _, _, *rest in looked]))

        def train_op() -> None:
            # On the handles: each replica changes its own copy, and all come to the same.
            for name, array in grown.tree.arrays().items():
                longer = tf.concat([getattr(trees, name), array], axis=0)
                tf.raw_ops.AssignVariableOp(resource=forest[name].handle, value=longer)
            tf.raw_ops.AssignVariableOp(resource=boundaries.handle, value=table[BOUNDARIES])
            count = tf.shape(trees.feature)[0] + 1
            for cache, before, node in zip(self._caches, logits, grown.nodes, strict=True):
                cache.add(before, tf.gather(grown.values, node), count)

        return EstimatorSpec(
            ModeKeys.TRAIN,
            loss=tf.cast(tf.math.divide_no_nan(totals[0], totals[1]), tf.float32),
            train_op=train_op,
            training_hooks=[_NewRowsHook(self._caches), EnoughTreesHook(self._n_trees)],
        )


@final
@dataclasses.dataclass(frozen=True, eq=False)
class _Cache:
    """The logits of the rows of a shard. Not saved: they are what the forest says of the rows.

    Attributes:
        values: float32 `[rows]`.
        trees: int32 scalar, how many trees are in the values.
    """

    values: Variable
    trees: Variable

    @classmethod
    def of(cls, rows: int) -> _Cache:
        return cls(
            tf.Variable(tf.zeros([rows]), trainable=False),
            tf.Variable(_NONE, trainable=False, dtype=tf.int32),
        )

    def logits(self, forest: Forest, bins: Tensor) -> Tensor:
        """Returns the logits of a forest; from the rows, if its last tree was not added here."""
        return tf.cond(
            tf.equal(self.trees, tf.shape(forest.feature)[0]),
            lambda: self.values.read_value(),
            lambda: walk.logits_of_bins(forest, bins, width=1)[0],
        )

    def add(self, before: Tensor, values: Tensor, trees: Tensor) -> None:
        """Takes note of the logits with one more tree."""
        self.values.assign(before + values)
        self.trees.assign(trees)

    def forget(self) -> None:
        """Has the next logits computed from the rows."""
        self.trees.assign(_NONE)


@final
class _NewRowsHook(Hook):
    """Forgets the logits of the rows of the last run: those of this one may be others.

    Args:
        caches: of the shards.
    """

    def __init__(self, caches: Sequence[_Cache]) -> None:
        self._caches = caches

    def begin(self, run: Any) -> None:
        """Forgets."""
        for cache in self._caches:
            cache.forget()


def _looker(loss: Loss) -> Any:
    def look(labels: Tensor, logits: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """Returns weighted derivatives, and the sums of weighted losses and of rows."""
        g, h = loss.derivatives(labels, logits)
        total = tf.reduce_sum(tf.cast(loss.values(labels, logits) * weights, tf.float64))
        # A row whose weight is 0 may be one that fills a block; it counts for nothing.
        rows = tf.reduce_sum(tf.cast(weights > 0.0, tf.float64))
        return g * weights, h * weights, total, rows

    return look


def _grown_variable(name: str, dtype: Any, shape: Any) -> Variable:
    return tf.Variable(
        lambda: tf.zeros([0, *shape], dtype),
        shape=[None, *shape],
        trainable=False,
        dtype=dtype,
        name=name,
    )


def _read(variables: Mapping[str, Variable]) -> Forest:
    return Forest(**{name: variable.read_value() for name, variable in variables.items()})


@final
class EnoughTreesHook(Hook):
    """Ends a run that was not told how many steps to make.

    Args:
        n_trees: trees of the whole forest.

    Example:
        >>> EnoughTreesHook(100).due(3)
        100
    """

    def __init__(self, n_trees: int) -> None:
        self._n_trees = n_trees

    def begin(self, run: Any) -> None:
        """Stops a run that has them all from the start."""
        self._stop(run)

    def due(self, step: int) -> int | None:
        """Returns the step of the last tree."""
        return max(self._n_trees, step + 1)

    def after(self, run: Any, outputs: Any) -> None:
        """Stops."""
        self._stop(run)

    def _stop(self, run: Any) -> None:
        if run.last_step is None and run.step >= self._n_trees:
            run.request_stop(f"there are {self._n_trees} trees")
