"""The variables of a forest, and what a head makes of its logits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, final

import tensorflow as tf

from estimators import EstimatorSpec, Head, ModeKeys, tracing
from premade.boosted_trees import walk
from premade.boosted_trees.binning import MOST_BINS, NO_BOUNDARY, bins_of
from premade.boosted_trees.explaining import Explainer
from premade.boosted_trees.forest import MISSING, Forest, Layout
from premade.boosted_trees.table import BOUNDARIES
from premade.boosted_trees.tree_features import TreeFeatures

Tensor = Any
Variable = Any

SCOPE = "boosted_trees"


@final
@dataclasses.dataclass(frozen=True, eq=False)
class ForestVariables:
    """What is saved of a forest.

    Attributes:
        arrays: of the forest, by name; the first dimension is that of the trees.
        boundaries: float32 `[features, boundaries]`; see `binning.table_of`.
    """

    arrays: Mapping[str, Variable]
    boundaries: Variable

    def read(self) -> Forest:
        """Returns all trees."""
        return Forest(**{name: variable.read_value() for name, variable in self.arrays.items()})

    def assign(self, forest: Forest) -> None:
        """Has a forest take the place of what was saved."""
        for name, value in forest.arrays().items():
            _put(self.arrays[name], value)

    def assign_boundaries(self, boundaries: Tensor) -> None:
        """Has others take the place of the boundaries that were saved."""
        _put(self.boundaries, boundaries)


@final
@dataclasses.dataclass(frozen=True)
class Predictor:
    """Predicts with a forest.

    Attributes:
        head: says what the logits mean.
        features: the numbers of each row.
        layout: of a tree; see `forest.layout`.
        explainer: what predictions say besides; None for nothing.
    """

    head: Head
    features: TreeFeatures
    layout: Layout
    explainer: Explainer | None = None

    def variables(self) -> ForestVariables:
        """Makes the variables in a body; without trees."""
        arrays = {
            name: _growing_variable(f"{SCOPE}/{name}", dtype, shape)
            for name, (dtype, shape) in self.layout.items()
        }
        shape = [len(self.features.all), MOST_BINS - 1]
        boundaries = tf.Variable(
            lambda: tf.fill(shape, NO_BOUNDARY), trainable=False, name=f"{SCOPE}/{BOUNDARIES}"
        )
        return ForestVariables(arrays, boundaries)

    def spec(
        self, trees: Forest, boundaries: Tensor, features: Any, labels: Any, mode: str
    ) -> EstimatorSpec:
        """Returns what a `model_fn` answers in all modes but training."""
        numbers = self.features.numbers(features)
        logits = self.logits(trees, numbers, boundaries)
        spec = self.head.create_estimator_spec(features, mode, logits, labels)
        if self.explainer is None or mode != ModeKeys.PREDICT:
            return spec
        said = self.explainer.predictions(trees, self.bins(numbers, boundaries))
        return dataclasses.replace(spec, predictions={**spec.predictions, **said})

    def logits(self, forest: Forest, numbers: Tensor, boundaries: Tensor) -> Tensor:
        """Returns what a forest says of rows, float32 `[batch, outputs]`."""
        outputs = self.head.logits_dimension
        by_category = self.features.by_category if self.features.categorical else None
        if not tracing.is_exporting():
            return walk.logits_of_numbers(forest, numbers, boundaries, outputs, by_category)
        return forest.logits(self.bins(numbers, boundaries), outputs)

    def bins(self, numbers: Tensor, boundaries: Tensor) -> Tensor:
        """Returns the bin of each number, int32 `[features, batch]`."""
        bins = bins_of(numbers, boundaries, MISSING)
        return self.features.by_category(bins, numbers, boundaries, MISSING)


def _put(variable: Variable, value: Tensor) -> None:
    """Assigns on the handle: each replica changes its own copy, and all come to the same."""
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def _growing_variable(name: str, dtype: Any, shape: Any) -> Variable:
    return tf.Variable(
        lambda: tf.zeros([0, *shape], dtype),
        shape=[None, *shape],
        trainable=False,
        dtype=dtype,
        name=name,
    )
