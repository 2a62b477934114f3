"""The forest that a new one begins with: that of another model_dir."""

from __future__ import annotations

import dataclasses
from typing import Any, Self, final

import numpy as np

from estimators import WarmStartSettings
from estimators.checkpoints import Checkpoint
from estimators.warm_start import as_settings
from premade.boosted_trees.forest import layout
from premade.boosted_trees.predicting import SCOPE
from premade.boosted_trees.table import BOUNDARIES

_VALUE = f"{SCOPE}/value"


@final
@dataclasses.dataclass(frozen=True)
class EarlierForest:
    """Where a forest comes from whose trees are the first ones of another.

    Attributes:
        settings: how its variables get into an Estimator: all of them, or the trees would split
            bins of other boundaries.
    """

    settings: WarmStartSettings

    @classmethod
    def of(cls, warm_start_from: Any) -> Self | None:
        """Returns the forest that `warm_start_from` names; None if it is None.

        Raises:
            ValueError: it is neither a path nor settings.
        """
        settings = as_settings(warm_start_from)
        if settings is None:
            return None
        names = "|".join([*layout(1, 1), BOUNDARIES])
        return cls(dataclasses.replace(settings, vars_to_warm_start=[f"{SCOPE}/({names})$"]))

    def boundaries(self, nodes: int, width: int) -> np.ndarray[Any, Any]:
        """Returns the boundaries of its bins; see `ForestVariables`.

        Args:
            nodes: of the trees that are to go on.
            width: logits that each of them adds to.

        Raises:
            ValueError: there is no forest, or its trees have more or fewer nodes, or logits.
        """
        checkpoint = Checkpoint.open(self.settings.ckpt_to_initialize_from)
        shape = checkpoint.names_to_shapes().get(_VALUE)
        if shape is None:
            raise ValueError(
                f"warm_start_from ({checkpoint.prefix}) has no trees: there is no {_VALUE!r} in "
                "it. Give the model_dir of boosted trees."
            )
        if shape[1:] != (nodes, width):
            raise ValueError(
                f"warm_start_from ({checkpoint.prefix}) has trees of max_depth={_depth(shape[1])} "
                f"for {shape[2]} logits each, and this forest's are of max_depth={_depth(nodes)} "
                f"for {width}. Give it the same max_depth, and n_batches_per_layer if the other "
                "had that."
            )
        return checkpoint.read(f"{SCOPE}/{BOUNDARIES}")


def _depth(nodes: int) -> int:
    return (nodes + 1).bit_length() - 2
