"""Values of the last step, kept."""

from __future__ import annotations

from typing import Any, final

from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.fetching import Fetches
from estimators.hooks.session_api import refuse_feeding


@final
class FinalOpsHook(Hook):
    """Keeps values of the last step: `final_ops_values` after the run.

    Args:
        final_ops: nested structure of tensors of the body, their names, or variables.
        final_ops_feed_dict: must be empty.

    Raises:
        TypeError: something is fed.

    Example:
        >>> hook = FinalOpsHook({"p": "softmax"})
        >>> hook.final_ops_values is None  # nothing has run yet
        True
    """

    every_call = True

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        refuse_feeding(final_ops_feed_dict)
        self._fetches = Fetches(final_ops)
        self._last: Outputs | None = None
        self._values: Any = None

    @property
    def final_ops_values(self) -> Any:
        """`final_ops` filled with NumPy values; None before the end, or when no step ran."""
        return self._values

    def fetches(self) -> Any:
        """Returns the tensors."""
        return self._fetches.asked()

    def begin(self, run: Run) -> None:
        """Forgets the run before."""
        self._last = self._values = None

    def after(self, run: Run, outputs: Outputs) -> None:
        """Remembers."""
        self._last = outputs

    def end(self, run: Run) -> None:
        """Reads variables and keeps the values."""
        if self._last is not None:
            fetched = self._last.fetched.get(self, ())
            self._values = self._fetches.values(run, self._last, fetched)
