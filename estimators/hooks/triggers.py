"""When a hook wants to be called: values that answer with the next step of interest.

A trigger is asked, not polled: between two due steps nothing of Python runs, so a trigger must
name a step in advance. `EverySteps` and `AtSteps` know it; `EverySeconds` measures how fast steps
go by and names a step that is not too late.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol, final

from estimators.clock import Clock, SystemClock


@dataclasses.dataclass(frozen=True)
class Moment:
    """A point of a run.

    Attributes:
        step: global step.
        secs: monotonic time in seconds.
    """

    step: int
    secs: float


@dataclasses.dataclass(frozen=True)
class Pace:
    """How fast steps go by.

    Attributes:
        rate: steps per second since the last look at the clock.
        longest: steps of the longest way between two looks so far.
    """

    rate: float
    longest: int


class Trigger(Protocol):
    """Says when something happens; knows nothing of what."""

    def is_due(self, now: Moment, last: Moment | None) -> bool:
        """Says whether it is time, given when it last happened."""

    def next_due(self, now: Moment, last: Moment | None, pace: Pace | None) -> int | None:
        """Returns the next step to look at, after `now`; None for never.

        Args:
            now: the present.
            last: when it last happened; None if never.
            pace: as measured until now; None before there was a step.
        """


@final
@dataclasses.dataclass(frozen=True)
class EverySteps:
    """At the first step of a run, and then every so many steps.

    Example:
        >>> EverySteps(2).next_due(Moment(0, 0.0), last=None, pace=None)
        1
        >>> EverySteps(2).next_due(Moment(1, 0.5), last=Moment(1, 0.5), pace=None)
        3
    """

    steps: int

    def __post_init__(self) -> None:
        if self.steps <= 0:
            raise ValueError(f"A number of steps between two calls must be > 0, got {self.steps}.")

    def is_due(self, now: Moment, last: Moment | None) -> bool:
        """Says whether so many steps have passed."""
        return last is None or now.step >= last.step + self.steps

    def next_due(self, now: Moment, last: Moment | None, pace: Pace | None) -> int:
        """Returns the step at which so many will have passed."""
        return now.step + 1 if last is None else max(now.step + 1, last.step + self.steps)


@final
@dataclasses.dataclass(frozen=True)
class EverySeconds:
    """At the first step of a run, and then whenever so many seconds have passed.

    The step is found by measuring. A look goes as far as the present rate promises to be in time,
    but at most twice as far as any look went before: a rate measured over one or two steps may be
    off by thousands, because of compilation on one side and coarse clocks on the other.

    Example:
        >>> trigger = EverySeconds(10.0)
        >>> now, begin = Moment(64, 2.0), Moment(0, 0.0)  # 32 steps a second, 8 seconds left
        >>> trigger.next_due(now, last=begin, pace=Pace(rate=32.0, longest=64))
        192
        >>> trigger.next_due(now, last=begin, pace=Pace(rate=32.0, longest=1000))
        320
    """

    secs: float

    def __post_init__(self) -> None:
        if self.secs <= 0:
            raise ValueError(f"A number of seconds between two calls must be > 0, got {self.secs}.")

    def is_due(self, now: Moment, last: Moment | None) -> bool:
        """Says whether so many seconds have passed."""
        return last is None or now.secs >= last.secs + self.secs

    def next_due(self, now: Moment, last: Moment | None, pace: Pace | None) -> int:
        """Returns a step that is expected not to be later than that."""
        if last is None or pace is None:
            return now.step + 1
        left = last.secs + self.secs - now.secs
        return now.step + max(1, round(min(pace.rate * left, 2 * pace.longest)))


@final
@dataclasses.dataclass(frozen=True)
class AtSteps:
    """At given global steps, once each.

    Example:
        >>> AtSteps((100, 1000)).next_due(Moment(100, 0.0), last=None, pace=None)
        1000
    """

    steps: tuple[int, ...]

    def is_due(self, now: Moment, last: Moment | None) -> bool:
        """Says whether one of the steps has come since the last time."""
        after = now.step - 1 if last is None else last.step
        return any(after < step <= now.step for step in self.steps)

    def next_due(self, now: Moment, last: Moment | None, pace: Pace | None) -> int | None:
        """Returns the nearest of the steps ahead."""
        return min((step for step in self.steps if step > now.step), default=None)


@final
@dataclasses.dataclass(frozen=True)
class Never:
    """At no step.

    Example:
        >>> Never().next_due(Moment(0, 0.0), last=None, pace=None) is None
        True
    """

    def is_due(self, now: Moment, last: Moment | None) -> bool:
        """Says no."""
        return False

    def next_due(self, now: Moment, last: Moment | None, pace: Pace | None) -> None:
        """Returns None."""
        return


def every(
    *, secs: float | None, steps: int | None, names: tuple[str, str] = ("every_secs", "every_steps")
) -> Trigger:
    """Returns the trigger of two arguments of which one must be given.

    Args:
        secs: seconds between two times.
        steps: steps between two times.
        names: what the caller calls the two, for the error.

    Raises:
        ValueError: none is given, or both, or it is not positive.

    Example:
        >>> every(secs=None, steps=100)
        EverySteps(steps=100)
    """
    if (secs is None) == (steps is None):
        given = "neither" if secs is None else f"{names[0]}={secs} and {names[1]}={steps}"
        raise ValueError(f"Exactly one of {names[0]} and {names[1]} must be given, got {given}.")
    return EverySteps(steps) if steps is not None else EverySeconds(secs or 0.0)


@final
class Timer:
    """A trigger with its memory: when it last fired, and how fast steps go by.

    Args:
        trigger: when to fire.

    Example:
        >>> timer = Timer(EverySteps(10))
        >>> timer.start()
        >>> timer.fired(20)
        >>> timer.next_due(20)
        30
        >>> timer.state()
        {'last_step': 20}
    """

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._clock: Clock = SystemClock()
        self._last: Moment | None = None
        self._looked: Moment | None = None
        self._longest = 0
        self._restored: int | None = None
        self._elapsed_is_known = False

    @property
    def last_step(self) -> int | None:
        """The step at which it last fired; None if it has not."""
        return None if self._last is None else self._last.step

    def start(self, clock: Clock | None = None) -> None:
        """Begins a run: forgets the one before, remembers what was restored."""
        self._clock = clock or SystemClock()
        self._last = None if self._restored is None else self._now(self._restored)
        self._looked = self._restored = None
        self._longest = 0
        self._elapsed_is_known = False

    def _now(self, step: int) -> Moment:
        return Moment(step, self._clock.monotonic())

    def is_due(self, step: int) -> bool:
        """Says whether it is time; never twice at one step."""
        return step != self.last_step and self._trigger.is_due(self._now(step), self._last)

    def next_due(self, step: int) -> int | None:
        """Returns the next step to look at: see `Hook.due`."""
        now = self._now(step)
        return self._trigger.next_due(now, self._last, self._measured(now))

    def _measured(self, now: Moment) -> Pace | None:
        looked, self._looked = self._looked, now
        if looked is None or now.step <= looked.step:
            return None
        steps, secs = now.step - looked.step, now.secs - looked.secs
        self._longest = max(self._longest, steps)
        return Pace(steps / secs if secs > 0 else float(self._longest), self._longest)

    def fired(self, step: int) -> tuple[float, int] | None:
        """Takes note; returns the seconds and steps since the last time, if that was in this run.

        A restored time gives the phase only: how long ago it was belongs to another process.
        """
        now, last, known = self._now(step), self._last, self._elapsed_is_known
        self._last, self._elapsed_is_known = now, True
        return (now.secs - last.secs, now.step - last.step) if last and known else None

    def state(self) -> Mapping[str, Any]:
        """Returns what a restart needs."""
        return {"last_step": self.last_step}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes back `state`; it counts from the next `start`."""
        self._restored = state.get("last_step")
