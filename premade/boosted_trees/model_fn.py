"""The `model_fn` of boosted trees: a step of training grows one tree for each logit."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import tensorflow as tf

from estimators import EstimatorSpec, Hook, ModeKeys
from premade import replicas
from premade.boosted_trees import leaf_quantiles, row_logits, sums, walk
from premade.boosted_trees.bias import bias_trees, column
from premade.boosted_trees.derivatives import Looked
from premade.boosted_trees.drawn import Rows
from premade.boosted_trees.explaining import Explainer
from premade.boosted_trees.forest import Forest, joined, layout
from premade.boosted_trees.grower import Grown, LevelGrower
from premade.boosted_trees.objective import Objective
from premade.boosted_trees.partition import Shard
from premade.boosted_trees.peers import Peers
from premade.boosted_trees.predicting import SCOPE, ForestVariables, Predictor
from premade.boosted_trees.row_logits import RowLogits, RowLogitsHook
from premade.boosted_trees.stopping import Best, EarlyStoppingHook, EnoughTreesHook
from premade.boosted_trees.subsampling import Derivatives, Subsampling
from premade.boosted_trees.table import (
    BINS,
    BOUNDARIES,
    CENTER,
    HASHES,
    HELD_OUT,
    LABELS,
    ROOM,
    WEIGHTS,
)
from premade.boosted_trees.tree_features import TreeFeatures

Tensor = Any


@final
class TreesModelFn:
    """Grows trees, and predicts with them.

    Args:
        objective: says what the logits mean, and what is made small.
        features: the numbers of each row.
        grower: grows one tree.
        n_trees: where a run ends that was not told how many steps to make.
        peers: returns those who train together.
        bins: returns the bins of the rows of a run, of each shard of this process.
        patience: steps without a better forest on the rows held out, until the run ends; None for
            as many as are asked for.
        subsampling: which rows and features each tree sees; None for all.
        explainer: what predictions say besides; None for nothing.
    """

    def __init__(
        self,
        objective: Objective,
        features: TreeFeatures,
        grower: LevelGrower,
        n_trees: int,
        peers: Callable[[], Peers],
        bins: Callable[[], Sequence[Tensor]],
        *,
        patience: int | None = None,
        subsampling: Subsampling | None = None,
        explainer: Explainer | None = None,
    ) -> None:
        self._outputs = objective.outputs
        self._features = features
        self._grower = grower
        self._n_trees = n_trees
        self._look = objective.look
        self._quantile = objective.quantile
        by_category = bool(features.categorical)
        of_tree = layout(grower.nodes, 1, by_category=by_category)
        self._predictor = Predictor(objective.head, features, of_tree, explainer)
        self._peers = peers
        self._bins = bins
        self._patience = patience
        self._subsampling = subsampling or Subsampling()
        self._logits: list[list[RowLogits]] = []

    def prepare(self, features: Any, labels: Any, mode: str, sample_weight: Any = None) -> None:
        """Makes the variables that hold the logits of the table while trees are added."""
        del labels, sample_weight
        if mode == ModeKeys.TRAIN:
            sizes = [spec.shape[0] for spec in features[WEIGHTS]]
            self._logits = [
                [RowLogits.of(size, self._outputs) for size in sizes]
                for _ in range(self._peers().local_replicas)
            ]

    @tf.autograph.experimental.do_not_convert
    def __call__(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        """Returns what a `model_fn` answers."""
        saved = self._predictor.variables()
        best = Best.made(SCOPE) if self._patience is not None else None
        if mode == ModeKeys.TRAIN:
            return self._training(features, saved, best)
        trees = saved.read() if best is None else best.part(saved.read())
        boundaries = saved.boundaries.read_value()
        return self._predictor.spec(trees, boundaries, features, labels, mode)

    def _training(
        self, table: Mapping[str, Any], saved: ForestVariables, best: Best | None
    ) -> EstimatorSpec:
        kept = self._logits[replicas.local_index(len(self._logits))]
        trees, logits = saved.read(), [of_shard.read() for of_shard in kept]
        if CENTER in table:
            trees, logits = self._centered(trees, logits, table[CENTER])
        looked = [
            self._look(*each) for each in zip(table[LABELS], logits, table[WEIGHTS], strict=True)
        ]
        first = tf.shape(trees.feature)[0]
        grown = [
            self._grown(table, looked, logits, output=k, tree=first + k)
            for k in range(self._outputs)
        ]
        after = [
            tuple(self._after(old, x, i, bins) for old, x in zip(before, grown, strict=True))
            for i, (before, bins) in enumerate(zip(logits, table[BINS], strict=True))
        ]
        held_out = None if best is None else self._held_out_loss(table, after)

        def train_op() -> None:
            saved.assign(joined(trees, *(x.tree for x in grown)))
            saved.assign_boundaries(table[BOUNDARIES])
            count = tf.shape(trees.feature)[0] + self._outputs
            for of_shard, values in zip(kept, after, strict=True):
                of_shard.assign(values)
            if best is not None:
                best.take(held_out, count)

        return EstimatorSpec(
            ModeKeys.TRAIN,
            loss=_mean_loss(looked),
            train_op=train_op,
            training_hooks=self._hooks(),
        )

    def _seen(
        self, table: Mapping[str, Any], derivatives: Sequence[Derivatives], tree: Tensor
    ) -> list[Rows]:
        """Returns the rows that a tree sees, of each shard."""
        whole = [
            Rows.all(bins, *shard) for bins, shard in zip(table[BINS], derivatives, strict=True)
        ]
        if not self._subsampling.draws_rows:
            return whole
        factors = self._subsampling.factors(table[HASHES], derivatives, tree)
        return [
            rows.drawn(of_rows, room.shape[0])
            for rows, of_rows, room in zip(whole, factors, table[ROOM], strict=True)
        ]

    def _after(self, before: Tensor, grown: Grown, i: int, bins: Tensor) -> Tensor:
        """Returns the logits of the rows of shard i with those of a tree, float32 `[rows]`."""
        if self._subsampling.draws_rows:
            # Where its nodes are known is where it was grown: on some of them.
            return before + walk.logits_of_bins(grown.tree, bins, width=1)[0]
        return row_logits.added(before, grown.values, grown.nodes[i])

    def _hooks(self) -> list[Hook]:
        shards = list(itertools.chain(*self._logits))
        hooks = [
            RowLogitsHook(SCOPE, list(self._predictor.layout), self._bins, shards),
            EnoughTreesHook(self._n_trees),
        ]
        if self._patience is not None:
            hooks.append(EarlyStoppingHook(SCOPE, self._patience))
        return hooks

    def _held_out_loss(self, table: Mapping[str, Any], logits: Sequence[Any]) -> Tensor:
        """Returns the mean loss of the rows held out, and writes it for TensorBoard."""
        shards = zip(table[LABELS], logits, table[HELD_OUT], strict=True)
        loss = _mean_loss([self._look(*each) for each in shards])
        tf.summary.scalar("held_out_loss", loss)
        return loss

    def _centered(
        self, trees: Forest, logits: Sequence[tuple[Tensor, ...]], constants: Tensor
    ) -> tuple[Forest, list[tuple[Tensor, ...]]]:
        """Returns what is given; where there are no trees yet, that of a forest of constants.

        Args:
            trees: the forest.
            logits: what it says of the rows of each shard.
            constants: see `Bias.found`.
        """
        added = tf.unstack(constants[0])
        arrays, moved = tf.cond(
            tf.equal(tf.shape(trees.feature)[0], 0),
            lambda: (
                bias_trees(constants, self._predictor.layout).arrays(),
                [tuple(x + c for x, c in zip(each, added, strict=True)) for each in logits],
            ),
            lambda: (trees.arrays(), list(logits)),
        )
        return Forest(**arrays), moved

    def _grown(
        self,
        table: Mapping[str, Any],
        looked: Sequence[Looked],
        logits: Sequence[tuple[Tensor, ...]],
        *,
        output: int,
        tree: Tensor,
    ) -> Grown:
        """Returns a tree that adds to one of the logits."""
        seen = self._seen(table, [(x.g[output], x.h[output]) for x in looked], tree)
        packed, scale = sums.packed([(rows.g, rows.h) for rows in seen])
        shards = [
            Shard(rows.bins, units, rows.blocks) for rows, units in zip(seen, packed, strict=True)
        ]
        allowed = self._subsampling.features(len(self._features.all), tree)
        grown = self._grower.grow(shards, allowed, scale)
        if self._quantile is not None:
            left = [
                rows.of(column(labels, output) - of_shard[output])
                for rows, labels, of_shard in zip(seen, table[LABELS], logits, strict=True)
            ]
            rate = self._grower.learning_rate
            grown = leaf_quantiles.renewed(grown, left, packed, self._quantile, rate)
        of_output = dataclasses.replace(grown.tree, output=tf.constant([output]))
        return dataclasses.replace(grown, tree=of_output)


def _mean_loss(looked: Sequence[Looked]) -> Tensor:
    """Returns the mean loss of the rows of all shards and replicas, float32 scalar."""
    total, count = tf.unstack(
        replicas.total(tf.add_n([tf.stack([x.total, x.count]) for x in looked]))
    )
    return tf.cast(tf.math.divide_no_nan(total, count), tf.float32)
