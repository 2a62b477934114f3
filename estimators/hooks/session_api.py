"""What is left of sessions: the values that `SessionRunHook`s and saving listeners are handed."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn, final

import tensorflow as tf

from estimators.hooks.base import Run
from estimators.hooks.fetching import is_global_step, is_variable, name_of


class SessionRunArgs(NamedTuple):
    """What a `SessionRunHook` asks a step for.

    Attributes:
        fetches: nested structure of tensors of the body, names of tensors, variables.
        feed_dict: must be empty.
        options: must be None.

    Example:
        >>> SessionRunArgs("global_step").fetches
        'global_step'
    """

    fetches: Any
    feed_dict: Any = None
    options: Any = None


class SessionRunValues(NamedTuple):
    """What a step left for a `SessionRunHook`.

    Attributes:
        results: the asked `fetches`, filled with NumPy values.
        options: None.
        run_metadata: None.

    Example:
        >>> SessionRunValues({"loss": 0.5}).results["loss"]
        0.5
    """

    results: Any
    options: Any = None
    run_metadata: Any = None


@final
class Session:
    """Stands where a session stood: it reads variables, and says what to write for the rest.

    Example:
        >>> Session().run("dense/kernel")
        Traceback (most recent call last):
        ...
        RuntimeError: `session.run` was called before the variables exist. Do it in \
`after_create_session`.
    """

    def __init__(self) -> None:
        self._run: Run | None = None

    def bind(self, run: Run) -> None:
        """From now on answers from this run."""
        self._run = run

    def run(self, fetches: Any, feed_dict: Any = None) -> Any:
        """Returns the present values of variables.

        Args:
            fetches: nested structure of variables, their names, or the global step.
            feed_dict: must be empty.

        Raises:
            RuntimeError: the run has not begun.
            TypeError: something else than a variable is asked for, or something is fed.
        """
        refuse_feeding(feed_dict)
        if self._run is None:
            raise RuntimeError(
                "`session.run` was called before the variables exist. Do it in "
                "`after_create_session`."
            )
        return tf.nest.map_structure(self._value, fetches)

    def _value(self, leaf: Any) -> Any:
        assert self._run is not None
        if is_global_step(leaf):
            return self._run.step
        if isinstance(leaf, str) or is_variable(leaf):
            return self._run.read_variable(name_of(leaf))
        raise TypeError(
            f"`session.run` reads variables only, got {type(leaf).__name__}: {leaf!r}. Ask for "
            "tensors in `before_run`, as SessionRunArgs(fetches), or in "
            "`estimators.Hook.fetches`."
        )

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"There are no sessions any more, so `session.{name}` is gone; `session.run(variable)` "
            "reads variables. Write the hook as an estimators.Hook, whose `after(run, outputs)` "
            "sees the step, the loss and what it fetched."
        )


def refuse_feeding(feed_dict: Any) -> None:
    """Checks that nothing is fed.

    Raises:
        TypeError: something is.
    """
    if feed_dict:
        raise TypeError(
            f"Nothing can be fed into a compiled step, got feed_dict={feed_dict!r}. Put the value "
            "into the features in `input_fn`, or into a variable that `model_fn` reads."
        )


@final
class SessionRunContext:
    """What `before_run` and `after_run` of a `SessionRunHook` may do.

    Attributes:
        session: reads variables.
        original_args: of the step itself: nothing.
        stop_requested: whether `request_stop` was called.

    Example:
        >>> context = SessionRunContext(Session())
        >>> context.request_stop()
        >>> context.stop_requested
        True
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.original_args = SessionRunArgs(())
        self.stop_requested = False

    def request_stop(self) -> None:
        """Ends the run after this step."""
        self.stop_requested = True
