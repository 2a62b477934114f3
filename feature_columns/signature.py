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
from typing import Any


def signature(value: Any) -> str:
    """Returns eight hexadecimal digits that are equal in every process for equal columns.

    >>> signature(("a", 1)) == signature(("a", 1)), signature(("a", 1)) == signature(("a", 2))
    (True, False)
    """
    return hashlib.blake2b(_describe(value).encode(), digest_size=4).hexdigest()


def _describe(value: Any) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return f"{type(value).__qualname__}{_describe(parts)}"
    if isinstance(value, tuple | list):
        return f"({','.join(_describe(part) for part in value)})"
    if isinstance(value, functools.partial):
        keywords = sorted(value.keywords.items())
        return f"partial{_describe((value.func, value.args, keywords))}"
    if callable(value):
        return _describe_callable(value)
    return repr(value)


def _describe_callable(value: Any) -> str:
    # No address may enter, and two lambdas of one function share their qualified name: the
    # line they start on tells them apart.
    named = value if hasattr(value, "__qualname__") else type(value)
    line = getattr(getattr(value, "__code__", None), "co_firstlineno", "")
    return f"{named.__module__}.{named.__qualname__}:{line}"
