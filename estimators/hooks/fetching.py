"""What hooks ask a step for, told apart: values of the body, the global step, variables."""

from __future__ import annotations

from typing import Any, final

import keras
import tensorflow as tf

from estimators.hooks.base import Outputs, Run

GLOBAL_STEP = "global_step"


def name_of(leaf: Any) -> str:
    """Returns the name of a tensor, an operation or a variable, without `:0`.

    Example:
        >>> name_of("softmax:0")
        'softmax'
    """
    if isinstance(leaf, str):
        name = leaf
    elif isinstance(leaf, keras.Variable):
        name = leaf.path
    else:
        name = leaf.name
    return name.removesuffix(":0")


def is_variable(leaf: Any) -> bool:
    """Says whether a leaf is a variable of TensorFlow or Keras."""
    return isinstance(leaf, tf.Variable | keras.Variable)


def is_global_step(leaf: Any) -> bool:
    """Says whether a leaf is the global step or a tensor that reads it, as v1 code makes them.

    Example:
        >>> is_global_step("global_step:0"), is_global_step("loss:0")
        (True, False)
    """
    symbolic = isinstance(leaf, tf.Tensor) and not isinstance(leaf, tf.__internal__.EagerTensor)
    if not (isinstance(leaf, str) or is_variable(leaf) or symbolic):
        return False
    name = name_of(leaf)
    return name == GLOBAL_STEP or name.startswith(f"{GLOBAL_STEP}/")


@final
class Fetches:
    """A structure that a hook asks for.

    Leaves are tensors of the body or their names, the global step, and variables. Only the first
    are outputs of the compiled step. The global step is known anyway, and a fetched one would be
    stale or not depending on the order of operations; variables are read between the calls. An
    operation has run with the step, so its value is None, as is that of None.

    Args:
        structure: nested tuples, lists and dicts of leaves.

    Example:
        >>> Fetches({"step": "global_step", "p": "softmax:0"}).asked()
        ('softmax:0',)
    """

    def __init__(self, structure: Any) -> None:
        self._structure = structure

    def asked(self) -> tuple[Any, ...]:
        """Returns the leaves that the step must put out: the answer of `Hook.fetches`."""
        return tuple(leaf for leaf in tf.nest.flatten(self._structure) if _is_output(leaf))

    def values(self, run: Run, outputs: Outputs, fetched: Any) -> Any:
        """Returns the structure filled with NumPy values.

        Args:
            run: where variables are read.
            outputs: of the last call.
            fetched: values of `asked()`, in its order.
        """
        fetched = iter(fetched)

        def value(leaf: Any) -> Any:
            if _is_output(leaf):
                return next(fetched)
            if leaf is None or isinstance(leaf, tf.Operation):
                return None
            return outputs.step if is_global_step(leaf) else run.read_variable(name_of(leaf))

        return tf.nest.map_structure(value, self._structure)


def _is_output(leaf: Any) -> bool:
    if leaf is None or isinstance(leaf, tf.Operation):
        return False
    return not is_variable(leaf) and not is_global_step(leaf)
