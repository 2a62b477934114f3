"""A few numbers for each example of a data set, found by the example's name, in variables.

A hash table of TensorFlow would not be in a checkpoint, and would not be the same on all replicas.
This one is made of variables, which are both: open addressing with linear probing, twice as large
when it is half full. It holds two 64-bit fingerprints for each name, so that two names meet with a
probability of 2^-128 for each pair.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import tensorflow as tf

Tensor = Any
Variable = Any

_FIRST_CAPACITY = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class ExampleTable:
    """The variables of the table; made by `of`. Each replica changes its own copy, all alike.

    Attributes:
        keys: int64 `[capacity, 2]`, zeros where there is no example.
        numbers: float64 `[capacity, width]`.
        count: scalar int64, the number of examples.

    Example:
        >>> table = ExampleTable.of("training/LinearSDCA", width=1)
        >>> places = table.find(fingerprints(tf.constant(["a", "b", "a"])))
        >>> table.write(places, tf.constant([[1.0], [2.0], [1.0]], tf.float64))
        >>> table.read(table.find(fingerprints(tf.constant(["b", "c"])))).numpy().tolist()
        [[2.0], [0.0]]
        >>> int(table.count)
        3
    """

    keys: Variable
    numbers: Variable
    count: Variable

    @classmethod
    def of(cls, scope: str, width: int) -> Self:
        """Asks for the variables `<scope>/example_keys`, `/example_numbers` and `/examples`.

        Args:
            scope: first part of their names.
            width: numbers for each example.
        """
        size = _FIRST_CAPACITY
        keys, numbers, count = (
            tf.Variable(
                lambda shape=shape, dtype=dtype: tf.zeros(shape, dtype),
                shape=[None, *shape[1:]] if shape else [],
                trainable=False,
                dtype=dtype,
                name=f"{scope}/{name}",
            )
            for name, shape, dtype in (
                ("example_keys", [size, 2], tf.int64),
                ("example_numbers", [size, width], tf.float64),
                ("examples", [], tf.int64),
            )
        )
        return cls(keys, numbers, count)

    def find(self, keys: Tensor) -> Tensor:
        """Returns the places of examples, int64 `[n]`; new ones get a place, and zeros.

        Args:
            keys: int64 `[n, 2]`.
        """
        self._make_room(tf.size(keys[:, 0], tf.int64))
        places, added = self._placed(keys)
        total = self.count.read_value() + added
        tf.raw_ops.AssignVariableOp(resource=self.count.handle, value=total)
        return places

    def read(self, places: Tensor) -> Tensor:
        """Returns the numbers at some places, float64 `[n, width]`."""
        return _gathered(self.numbers, places, tf.float64)

    def write(self, places: Tensor, values: Tensor) -> None:
        """Changes the numbers at some places."""
        tf.raw_ops.ResourceScatterUpdate(
            resource=self.numbers.handle, indices=places, updates=values
        )

    def _capacity(self) -> Tensor:
        # Not of the value: after a scatter each read of it is a copy.
        return tf.raw_ops.VariableShape(input=self.numbers.handle, out_type=tf.int64)[0]

    def _make_room(self, added: Tensor) -> None:
        """Doubles the capacity until the table is at most half full with so many more."""
        capacity = self._capacity()
        needed = 2 * (self.count.read_value() + added)

        def grow() -> Tensor:
            keys, numbers = self.keys.read_value(), self.numbers.read_value()
            is_used = tf.reduce_any(tf.not_equal(keys, 0), axis=1)
            keys, numbers = tf.boolean_mask(keys, is_used), tf.boolean_mask(numbers, is_used)
            (size,) = tf.while_loop(lambda s: s < needed, lambda s: (2 * s,), (capacity,))
            _assign(self.keys, tf.zeros([size, 2], tf.int64))
            _assign(self.numbers, tf.zeros([size, self.numbers.shape[1]], tf.float64))
            places, _ = self._placed(keys)
            self.write(places, numbers)
            return size

        tf.cond(capacity < needed, grow, lambda: capacity)

    def _placed(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the places of keys, written there if they are new, and how many were."""
        capacity = self._capacity()
        order = tf.range(tf.shape(keys, tf.int64)[0])

        def probe(places: Tensor, is_done: Tensor, added: Tensor) -> Any:
            found = _gathered(self.keys, places, tf.int64)
            is_here = tf.reduce_all(tf.equal(found, keys), axis=1)
            is_free = tf.reduce_all(tf.equal(found, 0), axis=1)
            # Of several that want one place the first gets it, and the others look again.
            wants = is_free & ~is_done & ~is_here
            takes = wants & is_first(tf.where(wants, places, -1 - order))
            tf.raw_ops.ResourceScatterUpdate(
                resource=self.keys.handle,
                indices=tf.boolean_mask(places, takes),
                updates=tf.boolean_mask(keys, takes),
            )
            is_done = is_done | is_here | takes
            stays = is_done | wants
            places = tf.where(stays, places, tf.math.floormod(places + 1, capacity))
            return places, is_done, added + tf.reduce_sum(tf.cast(takes, tf.int64))

        start = tf.math.floormod(keys[:, 0], capacity)
        places, _, added = tf.while_loop(
            lambda _, is_done, __: ~tf.reduce_all(is_done),
            probe,
            (start, tf.zeros_like(start, tf.bool), tf.constant(0, tf.int64)),
        )
        return places, added


def fingerprints(names: Tensor) -> Tensor:
    """Returns the keys of names, int64 `[n, 2]`.

    >>> fingerprints(tf.constant(["a", "b"])).shape
    TensorShape([2, 2])
    """
    return tf.raw_ops.SdcaFprint(input=names)


def is_first(values: Tensor) -> Tensor:
    """Returns, for each of some integers `[n]`, whether none before it is equal.

    >>> is_first(tf.constant([7, 8, 7])).numpy().tolist()
    [True, True, False]
    """
    distinct, which = tf.unique(values)
    order = tf.range(tf.size(values))
    first = tf.math.unsorted_segment_min(order, which, tf.size(distinct))
    return tf.equal(tf.gather(first, which), order)


def _gathered(variable: Variable, places: Tensor, dtype: tf.DType) -> Tensor:
    return tf.raw_ops.ResourceGather(resource=variable.handle, indices=places, dtype=dtype)


def _assign(variable: Variable, value: Tensor) -> None:
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
