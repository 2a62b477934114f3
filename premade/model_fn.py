"""A `model_fn` out of a head and networks: the only place where the three meet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import tensorflow as tf

import feature_columns as fc
from estimators import (
    EstimatorSpec,
    Head,
    ModeKeys,
    Part,
    SequentialHeadWrapper,
    group,
    minimize,
)
from premade.columns import check_named
from premade.networks import LinearModel

Tensor = Any


@dataclasses.dataclass(frozen=True)
class Tower:
    """A network and what trains it.

    Attributes:
        network: makes the network, given the number of outputs.
        optimizer: what `estimators.optimizers.get` takes; a callable is called on each trace.
    """

    network: Callable[[int], Any]
    optimizer: Any


@dataclasses.dataclass(frozen=True)
class Preprocess:
    """The part of the model without trainable state: strings to ids, buckets, crosses.

    Attributes:
        is_row_wise: a row comes out the same in any batch, so that each needs it only once.
        transform: of the columns.
        passed_on: raw features that the head reads, such as weights; None passes all on.
    """

    is_row_wise: ClassVar[bool] = True
    transform: fc.Transform
    passed_on: tuple[str, ...] | None = ()

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert
    def __call__(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Returns what the networks and the head read of a batch of raw features."""
        check_named(features)
        wanted = features if self.passed_on is None else self.passed_on
        kept = {key: features[key] for key in wanted if key in features}
        return {**kept, **self.transform(features)}

    def passing_on(self, key: str) -> Preprocess:
        """Returns this, handing on one more raw feature."""
        if self.passed_on is None:
            return self
        return dataclasses.replace(self, passed_on=(*self.passed_on, key))

    def tables(self) -> Any:
        """Returns the lookup tables; an exported module must have them as an attribute."""
        return self.transform.tables()


def preprocess(head: Head, *, linear: Iterable[Any] = (), dense: Iterable[Any] = ()) -> Preprocess:
    """Returns the preprocessing of a model over columns of a linear part and of a network."""
    return Preprocess(fc.Transform(list(dense), linear=list(linear)), head.feature_keys)


def build(head: Head, towers: Sequence[Tower]) -> Callable[..., EstimatorSpec]:
    """Returns the `model_fn` of a sum of networks.

    Every optimizer minimises the whole loss over the variables of its own network; those that
    networks share, tables of `shared_embeddings`, belong to the first. The first one counts the
    global step; the others count for themselves, as in tf.estimator's checkpoints.

    Args:
        head: says what the logits mean.
        towers: networks whose logits are added.
    """

    def model_fn(features: Mapping[str, Tensor], labels: Any, mode: str) -> EstimatorSpec:
        networks = [tower.network(head.logits_dimension) for tower in towers]
        is_training = mode == ModeKeys.TRAIN
        # A network without a use for `training` is not given it by Keras.
        logits = sum(network(features, training=is_training) for network in networks)

        def train_op(loss: Tensor) -> Any:
            return group(
                *(
                    minimize(loss, tower.optimizer, variables, owns_global_step=i == 0)
                    for i, (tower, variables) in enumerate(
                        zip(towers, _own_variables(networks), strict=True)
                    )
                )
            )

        features = _with_mask(features, head, networks)
        spec = head.create_estimator_spec(
            features, mode, logits, labels, train_op_fn=train_op if is_training else None
        )
        return dataclasses.replace(spec, saved_parts=saved_parts(networks))

    return model_fn


def _with_mask(
    features: Mapping[str, Tensor], head: Head, networks: Sequence[Any]
) -> Mapping[str, Tensor]:
    """Adds the mask that a head of each step reads, unless the input has one of its own."""
    if not isinstance(head, SequentialHeadWrapper) or head.input_sequence_mask_key in features:
        return features
    return {**features, head.input_sequence_mask_key: networks[0].compute_mask(features)}


def _own_variables(networks: Iterable[Any]) -> list[list[Any]]:
    """Returns the trainable variables of each network that no network before it has."""
    taken: set[int] = set()
    found = []
    for network in networks:
        found.append([each for each in network.trainable_variables if id(each) not in taken])
        taken.update(map(id, found[-1]))
    return found


def saved_parts(networks: Iterable[Any]) -> list[tuple[Any, tuple[Part, ...]]]:
    """Returns under which names the rows of the fused tables are saved."""
    found = []
    for network in networks:
        if not isinstance(network, LinearModel):
            continue
        table, parts = network.columns.fused_parts()
        if table is not None:
            scope = table.path.rpartition("/")[0]
            named = tuple(Part(f"{scope}/{p.name}", p.start, p.rows) for p in parts)
            found.append((table.value, named))
    return found
