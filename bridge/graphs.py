"""A `GraphDef` made fit for other runtimes: pruned, without asserts, text and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

_TEXT = tf.string.as_datatype_enum
_HANDLES = (tf.resource.as_datatype_enum, tf.variant.as_datatype_enum)


def node_of(name: str) -> str:
    """Returns the name of the node that an input or a tensor comes from.

    Example:
        >>> node_of("^dense/MatMul:0")
        'dense/MatMul'
    """
    return name.lstrip("^").partition(":")[0]


def pruned(graph: Any, outputs: Iterable[str]) -> Any:
    """Returns the part of a graph that some tensors are computed by.

    Order of execution is left out, and with it asserts, of shapes too: other runtimes have none.

    Args:
        graph: a `GraphDef` without function calls.
        outputs: names of tensors.
    """
    nodes = {node.name: node for node in graph.node}
    wanted = set(_upstream(nodes, map(node_of, outputs)))
    made = tf.compat.v1.GraphDef(versions=graph.versions)
    for node in graph.node:
        if node.name not in wanted:
            continue
        copy = made.node.add()
        copy.CopyFrom(node)
        del copy.input[:]
        copy.input.extend(each for each in node.input if not each.startswith("^"))
        copy.attr.pop("_class", None)  # may name a node that is no longer there
        if node.op == "EnsureShape":
            copy.op = "Identity"
            del copy.attr["shape"]
    return made


def spelled_out(graph: Any) -> Any:
    """Returns a graph with common operations in the place of some that only LiteRT has too.

    Args:
        graph: a `GraphDef`.
    """
    made = tf.compat.v1.GraphDef(versions=graph.versions)
    for node in graph.node:
        made.node.extend(_spelled_out(node) if node.op in _EQUALS else [node])
    return made


def _upstream(nodes: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    """Yields nodes and all that their values depend on, each once."""
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        waiting += [node_of(each) for each in nodes[name].input if not each.startswith("^")]


def _spelled_out(node: Any) -> list[Any]:
    """Returns nodes of operations that all runtimes have, in the place of one."""
    graph = tf.Graph()
    with graph.as_default():
        number = tf.compat.v1.placeholder(tf.as_dtype(node.attr["T"].type), name="number")
        with tf.name_scope(node.name):
            answer = _EQUALS[node.op](node, number)
    renamed = {"number": node.input[0], answer.op.name: node.name}
    made = [each for each in graph.as_graph_def().node if each.name != "number"]
    for each in made:
        each.name = renamed.get(each.name, each.name)
        inputs = [renamed.get(name, name) for name in each.input]
        del each.input[:]
        each.input.extend(inputs)
    return made


def _bucketize(node: Any, number: Any) -> Any:
    """Counts the boundaries up to a number."""
    boundaries = np.array(node.attr["boundaries"].list.f, np.float32)
    column = tf.cast(tf.expand_dims(number, -1), tf.float32)
    return tf.reduce_sum(tf.cast(column >= tf.constant(boundaries), tf.int32), axis=-1)


def _erfc(node: Any, number: Any) -> Any:
    """Less exact than the operation for large numbers; `gelu` has it."""
    del node
    return 1.0 - tf.math.erf(number)


_EQUALS = {"Bucketize": _bucketize, "Erfc": _erfc}


def check_numeric(graph: Any) -> None:
    """Raises a ValueError if a graph needs text or tables; it names the operation and the feature.

    Args:
        graph: pruned.
    """
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        # Tables are placeholders too, of the type resource.
        features = sorted(
            name
            for name in _upstream(nodes, [node.name])
            if nodes[name].op == "Placeholder" and nodes[name].attr["dtype"].type not in _HANDLES
        )
        sources = [node, *(nodes[node_of(name)] for name in node.input)]
        is_bare = node.op in ("Placeholder", "Identity")
        if is_bare or not features or not any(map(_is_not_numeric, sources)):
            continue
        raise ValueError(
            f"The features {features} are read by the operation {node.op} ({node.name}), which "
            "works on text or a table and is in no other runtime. Export the numeric part behind "
            "the transform, with transformed=True, and feed it what bridge.transformed makes of "
            "the features; or leave their columns out."
        )


def _is_not_numeric(node: Any) -> bool:
    kinds = [attribute.type for attribute in node.attr.values()]
    return any(kind in (_TEXT, *_HANDLES) for kind in kinds)
