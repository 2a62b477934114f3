"""`numpy_input_fn`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from estimators.aliases import Tensor
from estimators.inputs.arrays import ArrayInputFn, to_tensor
from estimators.inputs.options import ReadOptions
from estimators.inputs.table import row_count


def numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
    *,
    seed: int | None = None,
) -> ArrayInputFn:
    """Returns an input function that feeds arrays.

    Epochs follow one another without a break: with 5 rows, batches of 3 and 2 epochs, the batches
    are rows 0 1 2, 3 4 0, 1 2 3, 4. With `num_epochs=None` all batches are full.

    Args:
        x: array `[rows, ...]`, or dict of them by feature name; tensors, ragged and sparse ones
            too.
        y: labels: array `[rows, ...]`, dict of them, or None.
        batch_size: rows per batch and per replica.
        num_epochs: passes over the rows; None means without end.
        shuffle: whether each epoch is shuffled, anew and completely. Must be given.
        queue_capacity: not looked at; there is no queue, and shuffling needs no buffer.
        num_threads: not looked at.
        seed: of the shuffles; None means the `tf_random_seed` of the run.

    Returns:
        `input_fn(config=None, input_context=None)`, which gives a dataset of `features`, or of
        `(features, labels)` if there is a `y`. The arrays are checked at its first call: a
        TypeError names what is not an array, a ValueError what is empty, of another length, or
        in both `x` and `y`.

    Raises:
        ValueError: `shuffle` is not a bool, or a number is below 1.

    >>> input_fn = numpy_input_fn({"x": np.array([1., 2., 3.])}, batch_size=2, shuffle=False)
    >>> [batch["x"].tolist() for batch in input_fn().as_numpy_iterator()]
    [[1.0, 2.0], [3.0]]
    """
    del queue_capacity, num_threads
    options = ReadOptions(batch_size, num_epochs, shuffle, seed)  # type: ignore[arg-type]
    return ArrayInputFn(functools.partial(_read, x, y), options)


def _read(x: Any, y: Any) -> Any:
    if not isinstance(x, Mapping | np.ndarray):
        raise TypeError(f"x must be a dict or array; got {type(x).__name__}")
    if isinstance(x, Mapping) and not x:
        raise ValueError("x cannot be an empty dict")
    if isinstance(y, Mapping) and not y:
        raise ValueError("y cannot be empty dict, use None instead.")
    _refuse_duplicates(x, y)
    features, labels = _tensors("x", x), None if y is None else _tensors("y", y)
    _check_lengths(_by_name("x", features) | _by_name("y", labels))
    return features if labels is None else (features, labels)


def _refuse_duplicates(x: Any, y: Any) -> None:
    if isinstance(x, Mapping) and isinstance(y, Mapping):
        both = set(x) & set(y)
        if both:
            raise ValueError(f"{len(both)} duplicate keys are found in both x and y: {both}")


def _tensors(name: str, arrays: Any) -> Any:
    if isinstance(arrays, Mapping):
        return {key: to_tensor(key, value) for key, value in sorted(arrays.items())}
    return to_tensor(name, arrays)


def _by_name(name: str, columns: Any) -> dict[str, Tensor]:
    if isinstance(columns, Mapping):
        return {f"{name}[{key!r}]": value for key, value in columns.items()}
    return {} if columns is None else {name: columns}


def _check_lengths(columns: dict[str, Tensor]) -> None:
    for name, column in columns.items():
        if column.shape.rank == 0:
            raise ValueError(f"{name} must have a first dimension of rows, got a scalar.")
    lengths = {name: row_count(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "Length of tensors in x and y is mismatched. All elements must have the same number "
            f"of rows, got {lengths}."
        )
    if 0 in lengths.values():
        raise ValueError(f"There must be at least one row, got {lengths}.")
