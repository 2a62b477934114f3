"""Lookup tables that code makes while a graph is traced, made outside of it instead.

A table made inside a graph is filled by an operation of that graph, which a SavedModel does not
run; and it is deleted with the Python object, which a function body soon forgets. TensorFlow lets
the creation of resources be intercepted, but not publicly; so this module uses its private way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

from estimators import tracing

_KINDS = (
    "StaticHashTable",
    "StaticHashTableV1",
    "HashTable",
    "StaticVocabularyTable",
    "StaticVocabularyTableV1",
    "MutableHashTable",
    "DenseHashTable",
)


@contextlib.contextmanager
def lifted() -> Iterator[list[Any]]:
    """Makes tables outside of the present graph; yields them, as they are made.

    Their contents may be given by tensors of the graph, if these depend on no placeholder.
    """
    made: list[Any] = []

    def make(next_creator: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        args = tuple(_outside(value) for value in args)
        kwargs = {name: _outside(value) for name, value in kwargs.items()}
        with tf.init_scope():
            table = next_creator(*args, **kwargs)
        made.append(table)
        return table

    with contextlib.ExitStack() as stack:
        for kind in _KINDS:
            stack.enter_context(ops.resource_creator_scope(kind, make))
        yield made


def _outside(value: Any) -> Any:
    """Returns an argument of a table without tensors of the present graph."""
    if isinstance(value, tf.lookup.KeyValueTensorInitializer):
        keys, values = _outside(value._keys), _outside(value._values)
        with tf.init_scope():
            return tf.lookup.KeyValueTensorInitializer(keys, values)
    if tf.is_tensor(value) and not hasattr(value, "numpy"):
        return tracing.evaluated(value)
    return value


def owners(function: Any) -> list[Any]:
    """Returns the tables and variables that a function reads.

    Args:
        function: a concrete function.
    """
    found = {}
    for handle, _ in function.graph.captures:
        owner = getattr(handle, "_parent_trackable", lambda: None)()
        if owner is not None:
            found[id(owner)] = owner
    return list(found.values())
