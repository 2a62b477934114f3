"""Lookup tables that live as long as the transform that owns them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import tensorflow as tf


@final
class LookupTables(tf.Module):
    """Makes each table once, outside of whatever graph asks for it first.

    As a `tf.Module` it is what an exporter attaches to the object that it saves, so that the
    tables, and the vocabulary files among them, become part of a SavedModel.
    """

    def __init__(self) -> None:
        super().__init__(name="lookup_tables")
        self._tables: dict[str, Any] = {}

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """Returns the table of `key`, made by `make` on first use."""
        if key not in self._tables:
            # A table made inside a dataset's map or a tf.function would die with that graph.
            with tf.init_scope():
                self._tables[key] = make()
        return self._tables[key]
