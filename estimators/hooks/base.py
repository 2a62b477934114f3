"""What a hook is: something that happens between compiled steps.

A run alternates between two worlds. Inside, many training steps run as one compiled call that
Python cannot interrupt. Outside, hooks look at the result. A hook therefore says in advance, with
`due`, at which step it wants to be called; the loop then runs exactly that many steps in one call.
A hook that is never due costs nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from estimators.aliases import Metrics
from estimators.clock import Clock
from estimators.writers import Writer


class Hook:
    """Base class of all hooks; every method may be left out.

    The order of calls is: `restore` (when there is saved state), `begin`, then `after` at each due
    step, then `end`. `end` runs also when the data is exhausted or a hook asked to stop, but not
    after an exception.

    Example:
        >>> class PrintLoss(Hook):
        ...     def due(self, step):
        ...         return step + 100
        ...     def after(self, run, outputs):
        ...         print(outputs.step, outputs.loss)

    Attributes:
        every_call: whether `after` is called at the end of every compiled call, whoever asked for
            that step, besides at the hook's own due steps. For guards (NaN) and for hooks that
            must know the last values when the run ends; the hook then costs no extra calls.
    """

    every_call: bool = False

    def fetches(self) -> Any:
        """Returns a structure of what `after` wants to see in `outputs.fetched[self]`.

        Leaves are tensors of the `model_fn` body that made this hook, or names of such tensors.
        """
        return ()

    def begin(self, run: Run) -> None:
        """Called once, when variables hold their initial or restored values."""

    def due(self, step: int) -> int | None:
        """Returns the first step after `step` at which `after` must be called, or None for never.

        Args:
            step: the global step reached so far.
        """
        return None

    def after(self, run: Run, outputs: Outputs) -> None:
        """Called at each due step, and at no other unless `every_call` is set.

        Where the data ends or several workers share the step, a due step may be passed rather
        than met; `after` is then called at the first step that is not before it.
        """

    def end(self, run: Run) -> None:
        """Called once, after the last step."""

    def state(self) -> Mapping[str, Any]:
        """Returns what the hook must remember over a restart, as JSON values."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes back what `state` returned, before `begin`."""


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What the last compiled call left behind.

    Attributes:
        step: global step after the last step of the call.
        loss: loss of that step, averaged over replicas.
        fetched: by hook, the values of its `fetches()` as NumPy arrays.
        losses: sum of the losses of all steps of the call, so that it is NaN if one of them was;
            None when only the last is known.

    Example:
        >>> Outputs(step=100, loss=0.25).loss
        0.25
    """

    step: int
    loss: float
    fetched: Mapping[Any, Any] = dataclasses.field(default_factory=dict)
    losses: float | None = None


class Run(Protocol):
    """What a hook may know of the run, and do to it."""

    @property
    def step(self) -> int:
        """Global step reached so far."""

    @property
    def first_step(self) -> int:
        """Global step at which this run began."""

    @property
    def last_step(self) -> int | None:
        """Global step at which this run will end; None when only the data knows."""

    @property
    def expected_last_step(self) -> int | None:
        """Global step at which this run will likely end: `last_step`, or what a hook expects."""

    def expect_end(self, step: int) -> None:
        """Says at which step a hook will stop the run, for those who show how far it is."""

    @property
    def is_finished(self) -> bool:
        """Whether the last step is done or the data has ended: nothing is left to be resumed."""

    @property
    def mode(self) -> str:
        """A `ModeKeys` value."""

    @property
    def model_dir(self) -> str:
        """Where checkpoints and events go."""

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints and events."""

    @property
    def clock(self) -> Clock:
        """The time of this run."""

    @property
    def writer(self) -> Writer:
        """Event files of this run; a null writer on workers that are not the chief."""

    @property
    def last_evaluation(self) -> Metrics | None:
        """What the newest evaluation during this run found; None before the first."""

    def request_stop(self, reason: str) -> None:
        """Ends the run after the hooks of this step."""

    def save(self) -> str:
        """Commits a checkpoint of the present step, unless it exists; returns its prefix."""

    def evaluate(self, input_fn: Callable[..., Any], **options: Any) -> Metrics:
        """Evaluates with the weights in memory; options as in `Estimator.evaluate`."""

    def read_variable(self, name: str) -> Any:
        """Returns the present value of a variable as a NumPy array."""

    def variables_changed(self) -> None:
        """Says that a hook has assigned variables, so that what is saved of this step is old."""
