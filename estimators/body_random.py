"""Random operations of a `model_fn` body, made to depend on the step and on nothing that is lost.

`tf.random.normal`, `tf.nn.dropout` and their kind draw from a state inside their operation, which
no checkpoint can hold: a run that was killed and taken up again would draw other numbers than the
run that was not. In a training step they are therefore computed from the seed of the run, the place
of the call in the body, the global step and the replica. Keras layers need none of this, their
state is a variable.
"""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.ops import gen_random_ops

from estimators.aliases import Tensor, Variable


@contextlib.contextmanager
def derived(seed: int | None, global_step: Variable) -> Iterator[None]:
    """Derives the random numbers of the operations made inside, in all replicas.

    Those made inside a loop or a branch of the body keep their own state, since each iteration must
    draw anew.

    Args:
        seed: of the run; None leaves all operations as they are.
        global_step: steps finished so far.
    """
    if seed is None:
        yield
        return
    maker = _Maker(seed, global_step)
    originals = {name: getattr(gen_random_ops, name) for name in _STATELESS}
    for name, original in originals.items():
        setattr(gen_random_ops, name, maker.instead_of(original, _STATELESS[name]))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(gen_random_ops, name, original)


def _uniform_int(shape: Any, minval: Any, maxval: Any, *, seed: Tensor) -> Tensor:
    return tf.random.stateless_uniform(shape, seed, minval, maxval, maxval.dtype)


def _uniform(shape: Any, dtype: Any, *, seed: Tensor) -> Tensor:
    return tf.random.stateless_uniform(shape, seed, dtype=dtype)


def _normal(shape: Any, dtype: Any, *, seed: Tensor) -> Tensor:
    return tf.random.stateless_normal(shape, seed, dtype=dtype)


def _truncated_normal(shape: Any, dtype: Any, *, seed: Tensor) -> Tensor:
    return tf.random.stateless_truncated_normal(shape, seed, dtype=dtype)


_STATELESS: dict[str, Callable[..., Tensor]] = {
    "random_standard_normal": _normal,
    "random_uniform": _uniform,
    "random_uniform_int": _uniform_int,
    "truncated_normal": _truncated_normal,
}


class _Maker:
    """Makes operations whose seed is of the run, the place, the step and the replica."""

    def __init__(self, seed: int, global_step: Variable) -> None:
        self._seed = seed
        self._global_step = global_step
        self._graph = _graph()
        # Replicas are traced in threads of their own, and all must count alike.
        self._made: collections.Counter[int] = collections.Counter()

    def instead_of(
        self, original: Callable[..., Tensor], stateless: Callable[..., Tensor]
    ) -> Callable[..., Tensor]:
        """Returns what to call in the place of `original`."""

        def make(*args: Any, seed: int = 0, seed2: int = 0, name: str | None = None) -> Tensor:
            if _graph() is not self._graph:
                return original(*args, seed=seed, seed2=seed2, name=name)
            return stateless(*args, seed=self._next_seed())

        return make

    def _next_seed(self) -> Tensor:
        """Returns a pair of integers that no other place, step or replica has."""
        place = self._made[threading.get_ident()]
        self._made[threading.get_ident()] += 1
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        step = tf.cast(self._global_step.read_value(), tf.int64)
        first = ((place << 32) + self._seed) % 2**63
        return tf.stack([first, step * context.num_replicas_in_sync + replica])


def _graph() -> Any:
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
