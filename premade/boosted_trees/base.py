"""What the three public classes of boosted trees share."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from estimators import Estimator, Head, RunConfig, WarmStartSettings
from premade.boosted_trees.earlier import EarlierForest
from premade.boosted_trees.explaining import BIAS, CONTRIBUTIONS, Explainer
from premade.boosted_trees.forest import Forest, layout
from premade.boosted_trees.importances import GAIN, importances
from premade.boosted_trees.layers.layer_by_layer import LayerByLayer
from premade.boosted_trees.objective import Objective
from premade.boosted_trees.one_pass import OnePass
from premade.boosted_trees.peers import Peers
from premade.boosted_trees.predicting import SCOPE
from premade.boosted_trees.settings import Settings
from premade.boosted_trees.stopping import BEST_TREES
from premade.boosted_trees.table import BOUNDARIES
from premade.boosted_trees.tree_features import TreeFeatures
from premade.boosted_trees.way import Way


class BoostedTrees(Estimator):
    """What the three classes share; they differ in the head and in how it is said.

    Args:
        head: see `BoostedTreesEstimator`.
        feature_columns: see `BoostedTreesEstimator`.
        model_dir: see `Estimator`.
        settings: how many trees, and how each grows.
        config: see `Estimator`.
        warm_start_from: see `BoostedTreesEstimator`.

    Attributes:
        features: the numbers of the columns, in the order in which the forest counts them.
        categories: takes the place of one of the features; returns the categories of its column
            by id, or None if it has numbers.
        nodes: what each tree has room for.
        grows_by_layers: whether a few batches grow a layer, and not all rows a tree.

    Raises:
        ValueError: a column is of a kind that trees do not take; or several replicas are to do what
            one has to do alone.
    """

    def __init__(
        self,
        head: Head,
        feature_columns: Iterable[Any],
        model_dir: str | None,
        settings: Settings,
        config: RunConfig | None,
        warm_start_from: str | WarmStartSettings | None,
    ) -> None:
        features = TreeFeatures(feature_columns)
        self._way = self._way_of(features, Objective.of(head), settings, config)
        self._earlier = EarlierForest.of(warm_start_from)
        super().__init__(
            self._way.model_fn(),
            model_dir,
            config,
            warm_start_from=self._earlier and self._earlier.settings,
            gather_fn=self._way.gathered,
        )
        self._way.check(self._peers())
        self.head = head
        self.features = features.all
        self.categories = features.names
        self.nodes = self._way.nodes
        self.grows_by_layers = settings.n_batches_per_layer is not None
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
        explained = Estimator(
            self._way.model_fn(explainer),
            self.model_dir,
            self.config,
            warm_start_from=self._earlier and self._earlier.settings,
        )
        return explainer.named(explained.predict(input_fn, predict_keys, hooks, checkpoint_path))

    @property
    def _columns(self) -> list[str]:
        return [feature.column for feature in self.features]

    def _peers(self) -> Peers:
        return Peers(self.config.strategy)

    def _way_of(
        self,
        features: TreeFeatures,
        objective: Objective,
        settings: Settings,
        config: RunConfig | None,
    ) -> Way:
        batches = settings.n_batches_per_layer
        if batches is not None:
            return LayerByLayer(features, objective, settings, batches, self._known_boundaries)
        seed = (config.tf_random_seed if config else None) or 0
        return OnePass(features, objective, settings, seed, self._peers, self._known_boundaries)

    def _known_boundaries(self) -> np.ndarray[Any, Any] | None:
        if self.latest_checkpoint() is None:
            return self._earlier and self._earlier.boundaries(self.nodes, self._way.width)
        # A checkpoint of a run that has not begun knows none, unless it was given trees.
        has_trees = len(self.get_variable_value(f"{SCOPE}/output")) > 0
        if not has_trees and not self.get_variable_value("global_step"):
            return None
        return self.get_variable_value(f"{SCOPE}/{BOUNDARIES}")
