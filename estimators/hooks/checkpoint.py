"""Saving: when a checkpoint is committed, and who is told."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, final

from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.session_api import Session
from estimators.hooks.triggers import Timer, every


class CheckpointSaverListener:
    """Base class of those who are told of every checkpoint; every method may be left out.

    The `session` that they are handed reads variables: `session.run("dense/kernel")`.

    Example:
        >>> class Announce(CheckpointSaverListener):
        ...     def after_save(self, session, global_step_value):
        ...         print("saved step", global_step_value)
        >>> Announce().after_save(None, 10)
        saved step 10
    """

    def begin(self) -> None:
        """Called once, before the first save."""

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Called before each save."""

    def after_save(self, session: Any, global_step_value: int) -> Any:
        """Called after each save; a true answer ends the run."""

    def end(self, session: Any, global_step_value: int) -> None:
        """Called once, after the last save."""


def checked_listeners(listeners: Iterable[Any] | None) -> list[Any]:
    """Returns listeners as a list; TensorFlow's own base class is taken too.

    Raises:
        TypeError: one of them is no listener.

    Example:
        >>> checked_listeners([3])
        Traceback (most recent call last):
        ...
        TypeError: saving_listeners must be a list of CheckpointSaverListener, given: 3
    """
    listeners = list(listeners or ())
    for listener in listeners:
        methods = ("begin", "before_save", "after_save", "end")
        if not all(callable(getattr(listener, name, None)) for name in methods):
            raise TypeError(
                f"saving_listeners must be a list of CheckpointSaverListener, given: {listener!r}"
            )
    return listeners


@final
class CheckpointSaverHook(Hook):
    """Commits a checkpoint when the run begins, at intervals, and when it ends.

    It must be the last hook of a run: what the other hooks remember is saved with it.

    Args:
        checkpoint_dir: None or the run's model_dir.
        save_secs: seconds between two checkpoints. Give this or `save_steps`.
        save_steps: steps between two checkpoints.
        saver: must be None.
        checkpoint_basename: must be "model.ckpt".
        scaffold: must be None.
        listeners: are told of every checkpoint.
        save_graph_def: ignored; there is no graph to save.

    Raises:
        ValueError: not exactly one interval is given, or a part of a session.

    Example:
        >>> hook = CheckpointSaverHook(save_steps=1000)
        >>> hook.due(0)  # not begun: the first save is at once
        1
    """

    def __init__(
        self,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: None = None,
        checkpoint_basename: str = "model.ckpt",
        scaffold: None = None,
        listeners: Iterable[Any] | None = None,
        save_graph_def: bool = True,
    ) -> None:
        if saver is not None or scaffold is not None:
            raise ValueError(
                "`saver` and `scaffold` were parts of a session. Remove them: the run saves all "
                "its variables."
            )
        if checkpoint_basename != "model.ckpt":
            raise ValueError(
                f"`checkpoint_basename` ({checkpoint_basename!r}) must be 'model.ckpt': restarting "
                "and exporting look for that name."
            )
        self._directory = os.fspath(checkpoint_dir) if checkpoint_dir else None
        self._timer = Timer(
            every(secs=save_secs, steps=save_steps, names=("save_secs", "save_steps"))
        )
        self._listeners = checked_listeners(listeners)
        self._session = Session()

    def add_listeners(self, listeners: Iterable[Any]) -> None:
        """Adds listeners that are not among its own, to be told after those."""
        new = [one for one in checked_listeners(listeners) if one not in self._listeners]
        self._listeners += new

    def begin(self, run: Run) -> None:
        """Saves where the run begins: step 0, or again the step it was resumed at.

        Raises:
            ValueError: `checkpoint_dir` is not the run's model_dir.
        """
        if self._directory not in (None, run.model_dir):
            raise ValueError(
                f"`checkpoint_dir` ({self._directory!r}) must be the run's model_dir "
                f"({run.model_dir!r}), where a restart looks. Leave it out."
            )
        self._session.bind(run)
        self._timer.start(run.clock)
        for listener in self._listeners:
            listener.begin()
        self._save(run)

    def due(self, step: int) -> int | None:
        """Returns the next step to save at, or to look at the clock at."""
        return self._timer.next_due(step)

    def after(self, run: Run, outputs: Outputs) -> None:
        """Saves if it is time."""
        if self._timer.is_due(outputs.step):
            self._save(run)

    def end(self, run: Run) -> None:
        """Saves the last step, unless it is saved."""
        if self._timer.last_step != run.step:
            self._save(run)
        else:
            # Saved when nobody knew that the data would end here: the next run would go on at the
            # end of the data, and make no step.
            run.save()
        for listener in self._listeners:
            listener.end(self._session, run.step)

    def _save(self, run: Run) -> None:
        for listener in self._listeners:
            listener.before_save(self._session, run.step)
        self._timer.fired(run.step)
        run.save()
        for listener in self._listeners:
            if listener.after_save(self._session, run.step):
                run.request_stop(f"{type(listener).__name__}.after_save asked to stop")
