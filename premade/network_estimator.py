"""What the premade estimators have in common: a head over a sum of networks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import keras

from estimators import Estimator, EstimatorSpec, Head, RunConfig
from premade.model_fn import Tower, build
from premade.networks import DNNModel, LinearModel, WideDeepModel


class NetworkEstimator(Estimator):
    """An Estimator whose logits are a sum of networks.

    Args:
        head: says what the logits mean.
        towers: networks and what trains each.
        model_dir: see `Estimator`.
        config: see `Estimator`.
        model_fn: what runs them, instead of the one that minimises the whole loss with the
            optimizer of each.
        **options: those of `Estimator` by name.

    Example:
        >>> from estimators import RegressionHead
        >>> from premade.networks import BaselineModel
        >>> estimator = NetworkEstimator(RegressionHead(2), [Tower(BaselineModel, "SGD")])
        >>> estimator.make_network().name
        'baseline'
    """

    def __init__(
        self,
        head: Head,
        towers: Sequence[Tower],
        model_dir: str | os.PathLike[str] | None = None,
        config: RunConfig | None = None,
        *,
        model_fn: Callable[..., EstimatorSpec] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model_fn or build(head, towers), model_dir, config, **options)
        self.head = head
        self.towers = tuple(towers)

    def make_network(self) -> keras.Model:
        """Returns the network as a new Keras model, its weights named as on disk."""
        networks = [tower.network(self.head.logits_dimension) for tower in self.towers]
        for network in networks:
            network.build()  # Each by itself, or its weights would have the name of the sum.
        if len(networks) == 1:
            return networks[0]
        kinds = {type(network): network for network in networks}
        whole = WideDeepModel(kinds[LinearModel], kinds[DNNModel])
        whole.build()
        return whole
