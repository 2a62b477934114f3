"""How the trees of a forest are grown: what the ways to do it have in common."""

from __future__ import annotations

import abc
from typing import Any

from estimators.aliases import ModelFn
from premade.boosted_trees.explaining import Explainer
from premade.boosted_trees.peers import Peers


class Way(abc.ABC):
    """A way to grow trees."""

    @property
    @abc.abstractmethod
    def nodes(self) -> int:
        """What each tree has room for."""

    @property
    @abc.abstractmethod
    def width(self) -> int:
        """Logits that each tree adds to."""

    @abc.abstractmethod
    def check(self, peers: Peers) -> None:
        """Refuses what these peers cannot do together.

        Raises:
            ValueError: they cannot.
        """

    @abc.abstractmethod
    def model_fn(self, explainer: Explainer | None = None) -> ModelFn:
        """Returns the `model_fn`.

        Args:
            explainer: what predictions say besides; None for nothing.
        """

    @abc.abstractmethod
    def gathered(self, dataset: Any) -> Any:
        """Returns what a training run trains on, out of the batches of its `input_fn`."""
