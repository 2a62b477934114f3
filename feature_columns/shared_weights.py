"""Weights that several layers share: each is made once."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterable, MutableMapping
from typing import Any

import tensorflow as tf

# Whoever runs the body of a `model_fn` puts a dict there, and takes it away afterwards; graphs that
# are made within inherit it.
_OF_BODY = "shared_in_this_body"
_OF_PROCESS = "feature_columns/shared_weights"


def shared(owner: Any, make: Callable[[], Any]) -> Any:
    """Returns the weight of `owner`, made by `make` when it is asked for first.

    There is one in each run of the body of a `model_fn`, and one for everything outside of these.
    Each replica has its own wrapper of it.

    Args:
        owner: a `SharedTable`; its name is that of the weight.
        make: makes the weight.

    Raises:
        ValueError: within a body, another owner has the same name.
    """
    of_replicas = _weights(owner).setdefault(owner, {})
    replica = _replica()
    if replica not in of_replicas:
        of_replicas[replica] = make()
    return of_replicas[replica]


def check_one_owner(owners: Iterable[Any]) -> None:
    """Refuses two owners of one name: the second weight would be stored as another one."""
    named: dict[str, Any] = {}
    for owner in owners:
        if named.setdefault(owner.name, owner) is not owner:
            raise ValueError(
                f"Two calls of shared_embeddings have the shared_embedding_collection_name "
                f"{owner.name!r}, the name of the table on disk. Make all columns that share it in "
                "one call, or give one of the calls another name."
            )


def _weights(owner: Any) -> MutableMapping[Any, dict[Hashable, Any]]:
    graph = tf.compat.v1.get_default_graph()
    of_body = graph.get_collection(_OF_BODY)
    if of_body:
        check_one_owner([*of_body[0], owner])
        return of_body[0]
    # Keras builds some layers within a graph of its own, which nobody sees again.
    while hasattr(graph, "outer_graph"):
        graph = graph.outer_graph
    of_process = graph.get_collection_ref(_OF_PROCESS)
    if not of_process:
        of_process.append(weakref.WeakKeyDictionary())
    return of_process[0]


def _replica() -> Hashable:
    context = tf.distribute.get_replica_context()
    if context is None:
        return None
    return int(tf.get_static_value(tf.convert_to_tensor(context.replica_id_in_sync_group)))
