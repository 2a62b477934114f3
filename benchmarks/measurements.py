"""What was measured: values as data, and the ratios between them."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

OURS, KERAS, TF_ESTIMATOR = "ours", "keras", "tf_estimator"


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing that is measured again and again.

    Attributes:
        system: who is measured.
        call: what it does.
        arguments: how.
    """

    system: str
    call: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        details = " ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"{self.system} {self.call} {details}".strip()

    def fits(self, wanted: Mapping[str, Any]) -> bool:
        """Whether the arguments have these values.

        >>> Case(KERAS, "train", {"batch": 40, "form": "arrays"}).fits({"batch": 40})
        True
        """
        return all(self.arguments.get(name) == value for name, value in wanted.items())


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A case and what came out, one value for each round.

    Attributes:
        case: what was measured.
        values: steps per second, or seconds.
    """

    case: Case
    values: Sequence[float]

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)


def ratio(upper: Measurement, lower: Measurement) -> float:
    """Returns the median of the rounds' ratios.

    Each round measures both within minutes, so that a slow spell of the machine, which hits both,
    cancels; it would not in the ratio of the medians.

    >>> case = Case(OURS, "train", {})
    >>> ratio(Measurement(case, [4.0, 2.0, 9.0]), Measurement(case, [2.0, 1.0, 3.0]))
    2.0
    """
    pairs = zip(upper.values, lower.values, strict=True)
    return statistics.median(one / other for one, other in pairs)


def find(
    measurements: Iterable[Measurement], system: str, call: str, **wanted: Any
) -> list[Measurement]:
    """Returns the measurements of a system's call with these arguments."""
    return [
        one
        for one in measurements
        if (one.case.system, one.case.call) == (system, call) and one.case.fits(wanted)
    ]
