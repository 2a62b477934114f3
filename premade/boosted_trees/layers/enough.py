"""When a forest that grows layer by layer has enough."""

from __future__ import annotations

from typing import Any, final

from estimators import Hook
from premade.boosted_trees.layers.state import ATTEMPTS, FINISHED, LAYERS
from premade.boosted_trees.predicting import SCOPE


@final
class EnoughLayersHook(Hook):
    """Ends a run that has all trees, or that has tried twice as many layers as they have.

    Args:
        n_trees: of the whole forest.
        depth: layers of a tree.
        batches: of each layer.

    Example:
        >>> hook = EnoughLayersHook(n_trees=2, depth=5, batches=1)
        >>> hook.due(3)
        4
    """

    def __init__(self, n_trees: int, depth: int, batches: int) -> None:
        self._n_trees = n_trees
        self._depth = depth
        self._batches = batches
        self._due = 0

    def begin(self, run: Any) -> None:
        """Says where the run will end, and stops one that has all trees from the start."""
        self._look(run)
        if run.last_step is None:
            run.expect_end(self._due)

    def due(self, step: int) -> int | None:
        """Returns the first step that can have all trees."""
        return max(self._due, step + 1)

    def after(self, run: Any, outputs: Any) -> None:
        """Stops."""
        self._look(run)

    def _look(self, run: Any) -> None:
        layers, finished, attempts = (
            int(run.read_variable(f"{SCOPE}/{name}")) for name in (LAYERS, FINISHED, ATTEMPTS)
        )
        tried = 2 * self._n_trees * self._depth
        left = self._depth * (self._n_trees - finished) - max(0, layers)
        layers_to_go = min(left, tried + 1 - attempts)
        if finished >= self._n_trees:
            run.request_stop(f"there are {self._n_trees} trees")
        elif layers_to_go <= 0:
            run.request_stop(
                f"{tried} layers were tried, twice as many as {self._n_trees} trees have, and "
                f"{finished} trees are finished: other splits gain too little"
            )
        self._due = run.step + max(1, (layers_to_go - 1) * self._batches + 1)
