"""Time as a parameter: whatever waits, throttles or stamps takes a `Clock`.

wait = Throttle(clock=SystemClock())       # in production
wait = Throttle(clock=ManualClock())       # in a test, which then never sleeps
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol, final


class Clock(Protocol):
    """What the runtime may ask about time."""

    def now(self) -> float:
        """Unix time in seconds. It may jump, backwards too, so never measure with it."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back. For measuring durations."""

    def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""


@final
@dataclass(frozen=True)
class SystemClock:
    """The clock of the machine.

    >>> clock = SystemClock()
    >>> clock.monotonic() <= clock.monotonic()
    True
    """

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread for `seconds`."""
        time.sleep(seconds)


@final
@dataclass
class ManualClock:
    """A clock that stands still until it is told to move; sleeping moves it.

    >>> clock = ManualClock(unix_time=1000.0)
    >>> clock.sleep(2.5)
    >>> clock.now(), clock.monotonic()
    (1002.5, 2.5)
    >>> clock.jump(-3600.0)  # somebody set the wall clock back
    >>> clock.now(), clock.monotonic()
    (-2597.5, 2.5)

    Attributes:
      unix_time: what `now` answers, in seconds.
      elapsed: what `monotonic` answers, in seconds.
    """

    unix_time: float = 0.0
    elapsed: float = 0.0

    def now(self) -> float:
        """The Unix time set last, in seconds."""
        return self.unix_time

    def monotonic(self) -> float:
        """Seconds this clock was advanced in all."""
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        """Advances the clock and returns at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Lets `seconds` pass.

        Raises:
          ValueError: `seconds` is negative; a wall clock set back is `jump`.
        """
        if seconds < 0:
            raise ValueError(f"`seconds` ({seconds}) must not be negative; use `jump` instead.")
        self.unix_time += seconds
        self.elapsed += seconds

    def jump(self, seconds: float) -> None:
        """Sets the wall clock forward or back, as a time server does; no time passes."""
        self.unix_time += seconds
