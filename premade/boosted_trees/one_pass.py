"""The modern way to grow a forest: all rows of one pass, and a tree for each logit in each step."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import tensorflow as tf

from premade.boosted_trees import row_logits, sums
from premade.boosted_trees.bias import Bias
from premade.boosted_trees.derivatives import KnownLoss
from premade.boosted_trees.explaining import Explainer
from premade.boosted_trees.growing import grower_of, subsampling_of
from premade.boosted_trees.model_fn import TreesModelFn
from premade.boosted_trees.objective import Objective
from premade.boosted_trees.peers import Peers
from premade.boosted_trees.rehearsal import Nothing, Rehearsal
from premade.boosted_trees.settings import Settings
from premade.boosted_trees.table import TableMaker
from premade.boosted_trees.tree_features import TreeFeatures
from premade.boosted_trees.way import Way

_MOST_REHEARSED = 2**27
"""Numbers of a shard at the most that are made up for a rehearsal, a byte each."""


@final
class OnePass(Way):
    """Grows trees from a table of all rows.

    Args:
        features: what the trees split.
        objective: what they make small.
        settings: how many trees, and how each grows.
        seed: of the draws of rows and features.
        peers: returns those who train together.
        known_boundaries: returns the boundaries of the bins of an earlier training, or None.
    """

    def __init__(
        self,
        features: TreeFeatures,
        objective: Objective,
        settings: Settings,
        seed: int,
        peers: Callable[[], Peers],
        known_boundaries: Callable[[], np.ndarray[Any, Any] | None],
    ) -> None:
        self._features = features
        self._objective = objective
        self._settings = settings
        self._peers = peers
        self._known_boundaries = known_boundaries
        self._grower = grower_of(features, settings, objective)
        self._subsampling = subsampling_of(settings.options, seed)
        self._bins: Sequence[Any] = ()

    @property
    def nodes(self) -> int:
        """See `Way`."""
        return self._grower.nodes

    @property
    def width(self) -> int:
        """See `Way`."""
        return 1

    def check(self, peers: Peers) -> None:
        """See `Way`: all can be done by several replicas."""

    def model_fn(self, explainer: Explainer | None = None) -> TreesModelFn:
        """See `Way`."""
        options = self._settings.options
        return TreesModelFn(
            self._objective,
            self._features,
            self._grower,
            self._settings.n_trees,
            self._peers,
            self._take_bins,
            patience=options.early_stopping_trees,
            subsampling=self._subsampling,
            explainer=explainer,
        )

    def gathered(self, dataset: Any) -> Any:
        """See `Way`."""
        # Replicas are devices, and each would compile for itself.
        if self._peers().strategy.num_replicas_in_sync > 1:
            return self._maker()(dataset)
        with Rehearsal(max(1, _threads() - 1)) as rehearsal:
            rehearsal(self._grower.rehearse_nodes)
            return self._maker(functools.partial(self._rehearse, rehearsal))(dataset)

    def _maker(self, when_read: Callable[[int, int, Any, Any], None] | None = None) -> TableMaker:
        options = self._settings.options
        is_held_out = options.early_stopping_trees is not None
        return TableMaker(
            self._features,
            self._objective.targets,
            self._known_boundaries,
            threads=_threads(),
            peers=self._peers(),
            max_bins=options.max_bins,
            cache_dir=options.cache_dir,
            most_drawn=self._subsampling.most_rows if self._subsampling.draws_rows else None,
            validation_fraction=options.validation_fraction if is_held_out else 0.0,
            center=self._center if self._settings.center_bias else None,
            when_read=when_read,
            when_binned=self._keep_bins,
        )

    def _keep_bins(self, bins: Sequence[Any]) -> None:
        self._bins = bins

    def _take_bins(self) -> Sequence[Any]:
        """Returns the bins that were kept, and keeps them no longer."""
        bins, self._bins = self._bins, ()
        return bins

    def _center(self, labels: Sequence[Any], weights: Sequence[Any], is_new: bool) -> Any:
        """Returns the constants of a forest that has no trees yet, and zeros for another."""
        objective = self._objective
        if not is_new:
            return tf.zeros([2, objective.outputs])
        bias = Bias(objective.look, objective.outputs, objective.quantile, self._peers())
        return bias.found(labels, weights)

    def _rehearse(
        self, rehearsal: Rehearsal, rows: int, room: int, labels: Any, weights: Any
    ) -> None:
        """Has what grows trees compiled while bins are found and the step is traced."""
        # Where there are so many rows that memory is short, nobody sees a second more.
        if rows * len(self._features.all) > _MOST_REHEARSED:
            return

        def programs(nothing: Nothing) -> Any:
            derivatives = nothing(tf.float32, room)
            found = [*self._grower.rehearse_rows(room, nothing)]
            if not self._subsampling.draws_rows:
                values = nothing(tf.float32, self._grower.leaves)
                leaf = nothing(tf.int32, rows)
                found.append(row_logits.added(nothing(tf.float32, rows), values, leaf))
            found += sums.packed([(derivatives, derivatives)])[0]
            if isinstance(self._objective.loss, KnownLoss):
                logits = (nothing(tf.float32, rows),) * self._objective.outputs
                y, weight = (nothing(x.dtype, rows, *x.shape[1:]) for x in (labels, weights))
                found += self._objective.look(y, logits, weight).g
            return found

        rehearsal(programs)


def _threads() -> int:
    """Returns how many compiled functions run side by side."""
    return int(tf.config.threading.get_inter_op_parallelism_threads()) or os.cpu_count() or 1
