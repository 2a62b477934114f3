"""Names of variables in object-based checkpoints, those of `tf.train.Checkpoint`.

Such a checkpoint stores values under the path of Python attributes that leads to a variable
(`layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`), and beside them a graph of objects that
holds each variable's own name (`h/kernel`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tensorflow.core.protobuf import trackable_object_graph_pb2

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_ATTRIBUTES = "/.ATTRIBUTES/"
_VALUE = _ATTRIBUTES + "VARIABLE_VALUE"


def keys_by_name(graph: bytes, keys: Iterable[str]) -> dict[str, str]:
    """Checkpoint key by variable name.

    A name that several variables share (two unnamed layers' "kernel") does not say which is
    meant; such variables go by their path instead, as do those without a name. What is no variable
    (the graph itself, the save counter's relatives, iterators) has no name here.

    Args:
      graph: the serialized object graph.
      keys: the keys of the checkpoint.

    >>> keys_by_name(b"", ["net/w/.ATTRIBUTES/VARIABLE_VALUE"])
    {'net/w': 'net/w/.ATTRIBUTES/VARIABLE_VALUE'}
    """
    full_names = {
        attribute.checkpoint_key: attribute.full_name
        for node in trackable_object_graph_pb2.TrackableObjectGraph.FromString(graph).nodes
        for attribute in node.attributes
    }
    variables = [key for key in keys if key.endswith(_VALUE)]
    uses = Counter(full_names.get(key, "") for key in variables)
    named: dict[str, str] = {}
    for key in variables:
        name = full_names.get(key, "")
        named[name if name and uses[name] == 1 else key.removesuffix(_VALUE)] = key
    return named
