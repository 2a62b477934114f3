"""A short name for everything that decides what a column computes.

Two columns may share a name and compute different things: `hash_bucket("city", 100)` for the
linear part of a model and `hash_bucket("city", 1000)` for its deep part. Transformed tensors are
therefore keyed by name *and* signature. `hash(column)` would not do: Python salts the hashes of
strings per process, and `tf.data` stores the elements of a prefetch buffer in key order, so the
order must survive a restart.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import re
from typing import Any

_TRANSFORMED_KEY = re.compile(r":(ids|values|weights|rows)/[0-9a-f]{8}$")


def transformed_key(name: str, kind: str, column: Any) -> str:
    """Returns the key of a transformed tensor; `kind` as in `_TRANSFORMED_KEY`.

    >>> transformed_key("age", "values", ("any", "column"))
    'age:values/905b0be1'
    """
    return f"{name}:{kind}/{signature(column)}"


def is_transformed_key(key: str) -> bool:
    """Returns whether `transformed_key` made this key.

    >>> is_transformed_key("age"), is_transformed_key("age:values/1f0c93ab")
    (False, True)
    """
    return _TRANSFORMED_KEY.search(key) is not None


def signature(value: Any) -> str:
    """Returns eight hexadecimal digits that are equal in every process for equal columns.

    >>> signature(("a", 1)) == signature(("a", 1)), signature(("a", 1)) == signature(("a", 2))
    (True, False)
    """
    return hashlib.blake2b(_describe(value).encode(), digest_size=4).hexdigest()


def is_same(left: Any, right: Any) -> bool:
    """Returns whether two columns compute the same.

    More than `==`: a function that is made anew by each call of the function around it is the
    same if it holds the same values.

    >>> first, second = (lambda x, by=by: x + by for by in (1, 1))
    >>> first == second, is_same(first, second)
    (False, True)
    """
    if left == right:
        return True
    if type(left) is not type(right):
        return False
    if inspect.isfunction(left):
        return left.__code__ == right.__code__ and is_same(_held(left), _held(right))
    if dataclasses.is_dataclass(left):
        return is_same(_fields(left), _fields(right))
    if isinstance(left, tuple) and len(left) == len(right):
        return all(map(is_same, left, right))
    return False


def _describe(value: Any) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__qualname__}{_describe(_fields(value))}"
    if isinstance(value, tuple | list):
        return f"({','.join(_describe(part) for part in value)})"
    if isinstance(value, functools.partial):
        keywords = sorted(value.keywords.items())
        return f"partial{_describe((value.func, value.args, keywords))}"
    if inspect.isfunction(value):
        # Two lambdas of one function share their name; the line they start on tells them apart.
        place = (value.__module__, value.__qualname__, value.__code__.co_firstlineno)
        return f"function{_describe((*place, _held(value)))}"
    if inspect.ismethod(value):
        return f"method{_describe((value.__func__, value.__self__))}"
    if type(value).__repr__ in (object.__repr__, type(len).__repr__):
        # The default text holds an address, which differs between processes.
        named = value if hasattr(value, "__qualname__") else type(value)
        return f"{named.__module__}.{named.__qualname__}"
    return repr(value)


def _fields(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value, field.name) for field in dataclasses.fields(value))


def _held(function: Any) -> tuple[Any, ...]:
    cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    return (function.__defaults__ or (), cells)
