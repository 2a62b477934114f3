"""tf.estimator's way to grow a forest: a few batches, and each tree has one more layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from premade.boosted_trees.explaining import Explainer
from premade.boosted_trees.forest import layout
from premade.boosted_trees.layers.batches import BatchMaker, most_bins
from premade.boosted_trees.layers.growth import LayerGrowth
from premade.boosted_trees.layers.model_fn import LayersModelFn
from premade.boosted_trees.layers.search import LayerSearch
from premade.boosted_trees.objective import Objective
from premade.boosted_trees.peers import Peers
from premade.boosted_trees.predicting import Predictor
from premade.boosted_trees.settings import POST_PRUNING, PRE_PRUNING, Settings
from premade.boosted_trees.tree_features import TreeFeatures
from premade.boosted_trees.way import Way


@final
class LayerByLayer(Way):
    """Grows trees from batches.

    Args:
        features: what the trees split.
        objective: what they make small.
        settings: how many trees, and how each grows.
        batches: of each layer.
        known_boundaries: returns the boundaries of the bins of an earlier training, or None.

    Raises:
        ValueError: the loss has leaves that are quantiles of all rows, or a forest of several
            logits is to be centered.
    """

    def __init__(
        self,
        features: TreeFeatures,
        objective: Objective,
        settings: Settings,
        batches: int,
        known_boundaries: Callable[[], np.ndarray[Any, Any] | None],
    ) -> None:
        if objective.quantile is not None:
            raise ValueError(
                f"The loss {objective.loss} has leaves that are quantiles of all rows, and layers "
                f"grow from n_batches_per_layer ({batches}) batches. Leave n_batches_per_layer out."
            )
        if settings.center_bias and objective.outputs > 1:
            raise ValueError(
                f"center_bias with n_batches_per_layer is for one logit, got {objective.outputs}. "
                "Leave one of them out."
            )
        self._features = features
        self._objective = objective
        self._settings = settings
        self._batches = batches
        self._known_boundaries = known_boundaries
        self._quantiles = int(1.0 / settings.quantile_sketch_epsilon)
        search = LayerSearch(
            settings.regularization,
            [feature.categories is not None for feature in features.all],
            only_gains=settings.pruning_mode == PRE_PRUNING,
        )
        is_pruned = settings.pruning_mode == POST_PRUNING
        self._growth = LayerGrowth(search, settings.max_depth, settings.learning_rate, is_pruned)

    @property
    def nodes(self) -> int:
        """See `Way`."""
        return self._growth.nodes

    @property
    def width(self) -> int:
        """See `Way`."""
        return self._objective.outputs

    def check(self, peers: Peers) -> None:
        """See `Way`."""
        replicas = peers.strategy.num_replicas_in_sync
        if replicas > 1:
            raise ValueError(
                f"Layers that grow from n_batches_per_layer ({self._batches}) batches grow in one "
                f"replica, and the strategy has {replicas}. Leave n_batches_per_layer out: the "
                "rows of all replicas grow a tree in each step then."
            )

    def model_fn(self, explainer: Explainer | None = None) -> LayersModelFn:
        """See `Way`."""
        by_category = bool(self._features.categorical)
        of_tree = layout(self.nodes, self.width, by_category=by_category)
        return LayersModelFn(
            Predictor(self._objective.head, self._features, of_tree, explainer),
            self._objective,
            self._growth,
            most_bins(self._features.all, self._quantiles),
            self._settings.n_trees,
            self._batches,
            self._settings.center_bias,
        )

    def gathered(self, dataset: Any) -> Any:
        """See `Way`."""
        maker = BatchMaker(
            self._features,
            self._objective.needed,
            self._known_boundaries,
            self._quantiles,
            self._batches,
            self._settings.train_in_memory,
        )
        return maker(dataset)
