"""`pandas_input_fn`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from estimators.inputs.arrays import ArrayInputFn, to_tensor
from estimators.inputs.options import ReadOptions


def pandas_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int | None = 1000,
    num_threads: int = 1,
    target_column: str = "target",
    *,
    seed: int | None = None,
) -> ArrayInputFn:
    """Returns an input function that feeds a pandas DataFrame.

    Epochs follow one another without a break, as in `numpy_input_fn`.

    Args:
        x: DataFrame of features. Each column becomes a tensor `[batch]` under its name; the index
            is dropped. Missing strings become "", categories become strings.
        y: labels: a Series with the index of `x`, a DataFrame (labels are then a dict by its
            column names), or None.
        batch_size: rows per batch and per replica.
        num_epochs: passes over the rows; None means without end.
        shuffle: whether each epoch is shuffled, anew and completely. Must be given.
        queue_capacity: not looked at; there is no queue, and shuffling needs no buffer.
        num_threads: not looked at.
        target_column: a name that `x` must not use if there is a `y`.
        seed: of the shuffles; None means the `tf_random_seed` of the run.

    Returns:
        `input_fn(config=None, input_context=None)`, which gives a dataset of `features`, or of
        `(features, labels)` if there is a `y`.

    Raises:
        TypeError: pandas is not installed, `x` is not a DataFrame, or `target_column` is no str.
        ValueError: `shuffle` is not a bool, a number is below 1, there are no rows, `x` has a
            column `target_column`, or the indices of `x` and `y` differ.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [30, 40], "job": ["a", None]})
    >>> next(pandas_input_fn(frame, shuffle=False)().as_numpy_iterator())
    {'age': array([30, 40]), 'job': array([b'a', b''], dtype=object)}
    """
    del queue_capacity, num_threads
    try:
        import pandas as pd
    except ImportError as error:
        raise TypeError("pandas_input_fn should not be called without pandas installed") from error
    options = ReadOptions(batch_size, num_epochs, shuffle, seed)  # type: ignore[arg-type]
    if not isinstance(target_column, str):
        raise TypeError("target_column must be a string type")
    if not isinstance(x, pd.DataFrame):
        raise TypeError(f"x must be a pandas DataFrame; got {type(x).__name__}")
    if not len(x):
        raise ValueError("x must have at least one row, got an empty DataFrame.")
    if y is not None:
        _check_target(x, y, target_column)
    return ArrayInputFn(functools.partial(_read, x, y), options)


def _check_target(x: Any, y: Any, target_column: str) -> None:
    if target_column in x:
        raise ValueError(
            f"Cannot use name {target_column} for target column: DataFrame already has a column "
            f"with that name: {list(x.columns)}"
        )
    if not np.array_equal(x.index, y.index):
        raise ValueError(
            "Index for x and y are mismatched. They must be equal, row by row; to pair rows by "
            f"place, call reset_index(drop=True) on both.\nIndex for x: {x.index}\n"
            f"Index for y: {y.index}"
        )


def _read(x: Any, y: Any) -> Any:
    features = _columns(x)
    if y is None:
        return features
    labels = _columns(y) if hasattr(y, "columns") else _column(str(y.name), y)
    return features, labels


def _columns(frame: Any) -> dict[str, Any]:
    return {name: _column(name, frame[name]) for name in frame.columns}


def _column(name: str, series: Any) -> Any:
    missing = series.isna().to_numpy()
    if series.dtype.kind == "O":  # strings, whatever pandas keeps them in, and categories
        return to_tensor(name, np.where(missing, "", series.astype(object)))
    if series.dtype.kind != "f" and missing.any():
        raise ValueError(
            f"Column {name!r} of dtype {series.dtype} has {missing.sum()} missing values, which no "
            "TensorFlow dtype can hold. Fill them (fillna) or convert the column to float."
        )
    return to_tensor(name, series.to_numpy(getattr(series.dtype, "numpy_dtype", None)))
