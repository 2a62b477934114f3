"""Which checkpoints to delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from estimators.checkpoints.state_file import Entries, State

_SECONDS_PER_HOUR = 3600.0
_ALWAYS_KEPT = 2


@final
@dataclass(frozen=True)
class Retention:
    """How many checkpoints stay.

    >>> state = State("c", (("a", 0.0), ("b", 1.0), ("c", 2.0)), 0.0)
    >>> Retention(keep_max=2).apply(state, good=lambda name: True)[1]
    (('a', 0.0),)

    Attributes:
      keep_max: the newest so many stay; None or 0 keeps all. At least the newest two that are good
        stay in any case: with one, a file that rots leaves nothing to go back to.
      keep_every_n_hours: besides, one in so many hours is kept for good.
    """

    keep_max: int | None = 5
    keep_every_n_hours: float = 10000.0

    def __post_init__(self) -> None:
        if self.keep_max is not None and self.keep_max < 0:
            raise ValueError(f"`keep_max` ({self.keep_max}) must not be negative; 0 keeps all.")
        if not self.keep_every_n_hours > 0:
            raise ValueError(f"`keep_every_n_hours` ({self.keep_every_n_hours}) must be positive.")

    def apply(self, state: State, *, good: Callable[[str], bool]) -> tuple[State, Entries]:
        """Divides what the state lists.

        Args:
          state: as it would be if nothing were deleted.
          good: whether a checkpoint can be restored from.

        Returns:
          The state that is to be in the end, and the entries of the checkpoints that must be
          deleted before, oldest first.
        """
        if not self.keep_max:
            # As tf.estimator: the list would grow for ever, and nothing in it is ever deleted.
            return State(state.latest, state.kept[-1:], state.last_preserved), ()
        kept, doomed, last_preserved = list(state.kept), [], state.last_preserved
        safe = self._newest_good(state, good) if len(kept) > self.keep_max else set()
        for name, time in state.kept[: -self.keep_max]:
            if name in safe:
                continue
            kept.remove((name, time))
            if time >= last_preserved + self.keep_every_n_hours * _SECONDS_PER_HOUR:
                last_preserved = time
            else:
                doomed.append((name, time))
        return State(state.latest, tuple(kept), last_preserved), tuple(doomed)

    def _newest_good(self, state: State, good: Callable[[str], bool]) -> set[str]:
        found: set[str] = set()
        for name, _ in reversed(state.kept):
            if len(found) == _ALWAYS_KEPT:
                break
            if good(name):
                found.add(name)
        return found
