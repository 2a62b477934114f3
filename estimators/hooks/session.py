"""`SessionRunHook`: hooks written for sessions go on working, one step for each call.

Such a hook sees every step, so a run that has one leaves the compiled loop after each. Rewriting it
as a `Hook` that is due every N steps gives the speed back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import tensorflow as tf

from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.fetching import GLOBAL_STEP, Fetches, is_global_step
from estimators.hooks.session_api import (
    Session,
    SessionRunArgs,
    SessionRunContext,
    SessionRunValues,
    refuse_feeding,
)


class SessionRunHook:
    """Base class of hooks as `tf.estimator` had them. New hooks extend `Hook`.

    Example:
        >>> class Losses(SessionRunHook):
        ...     def before_run(self, run_context):
        ...         return SessionRunArgs("total_loss:0")
        ...     def after_run(self, run_context, run_values):
        ...         print(run_values.results)
        >>> as_hook(Losses()).due(7)
        8
    """

    def begin(self) -> None:
        """Called before the variables exist; may look up tensors of the body by name."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Called once, when variables hold their values; `session.run(variable)` reads them."""

    def before_run(self, run_context: Any) -> Any:
        """Called before each step; returns `SessionRunArgs` or None.

        The first call comes before `after_create_session`, because what is asked for must be known
        when the step is compiled.
        """

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Called after each step with the values that `before_run` asked for."""

    def end(self, session: Any) -> None:
        """Called once, after the last step."""


def as_hook(hook: Any) -> Hook:
    """Returns a hook of either kind as a `Hook`.

    Args:
        hook: a `Hook`; a `SessionRunHook`, ours or TensorFlow's; anything with their methods.

    Raises:
        TypeError: it is no hook, or one of TensorFlow's that needs a session.

    Example:
        >>> isinstance(as_hook(tf.compat.v1.train.SessionRunHook()), Hook)
        True
    """
    if isinstance(hook, Hook):
        return hook
    _refuse_builtin(hook)
    methods = ("begin", "after_create_session", "before_run", "after_run", "end")
    if isinstance(hook, type) or not all(callable(getattr(hook, m, None)) for m in methods):
        raise TypeError(f"Hooks must be a Hook or a SessionRunHook, given: {hook!r}")
    return _Adapter(hook)


def _refuse_builtin(hook: Any) -> None:
    """Refuses hooks of TensorFlow that save, feed, or run operations by themselves."""
    ours = (
        "CheckpointSaverHook",
        "FinalOpsHook",
        "GlobalStepWaiterHook",
        "ProfilerHook",
        "StepCounterHook",
        "SummarySaverHook",
    )
    for name in ours:
        if isinstance(hook, getattr(tf.compat.v1.train, name)):
            raise TypeError(
                f"tf.compat.v1.train.{name} needs a session. Write estimators.{name}, which takes "
                "the same arguments."
            )
    if isinstance(hook, tf.compat.v1.train.FeedFnHook):
        FeedFnHook()


class FeedFnHook:
    """Cannot be kept: nothing can be fed into a compiled step.

    Example:
        >>> FeedFnHook(lambda: {})
        Traceback (most recent call last):
        ...
        TypeError: FeedFnHook cannot feed a compiled step. Let `input_fn` return what it fed, as \
another feature: dataset.map(lambda x, y: ({**x, "fed": value}, y)).
    """

    def __init__(self, feed_fn: Any = None) -> None:
        raise TypeError(
            "FeedFnHook cannot feed a compiled step. Let `input_fn` return what it fed, as another "
            'feature: dataset.map(lambda x, y: ({**x, "fed": value}, y)).'
        )


@final
class _Adapter(Hook):
    """Drives a `SessionRunHook`.

    What the hook fetches must be known when the step is compiled, so `fetches` calls `begin` and
    the first `before_run`. Calling `before_run` once more only to look would be wrong: hooks count
    their calls. So each answer is kept until the step that it was made for.
    """

    def __init__(self, hook: Any) -> None:
        self._hook = hook
        self._session = Session()
        self._context = SessionRunContext(self._session)
        self._coordinator = tf.train.Coordinator()
        self._prepared = False
        self._fetches: tuple[Any, ...] = ()
        self._pending = Fetches(None)

    def fetches(self) -> Any:
        """Returns what the hook's first `before_run` asks for."""
        self._prepare()
        self._fetches = self._pending.asked()
        return self._fetches

    def _prepare(self) -> None:
        self._session = Session()
        self._context = SessionRunContext(self._session)
        with _graph_of_names():
            self._hook.begin()
            self._before_run()
        self._prepared = True

    def _before_run(self) -> None:
        self._context = SessionRunContext(self._session)
        args = self._hook.before_run(self._context)
        if args is None:
            args = SessionRunArgs(None)
        if not isinstance(args, SessionRunArgs | tf.compat.v1.train.SessionRunArgs):
            raise TypeError(
                f"{type(self._hook).__name__}.before_run must return SessionRunArgs or None, got "
                f"{type(args).__name__}: {args!r}."
            )
        refuse_feeding(args.feed_dict)
        self._pending = Fetches(tf.nest.map_structure(_portable, args.fetches))

    def begin(self, run: Run) -> None:
        """Calls `after_create_session`; `begin` as well if `fetches` has not."""
        if not self._prepared:
            self._prepare()
        self._prepared = False
        self._session.bind(run)
        self._coordinator = tf.train.Coordinator()
        self._hook.after_create_session(self._session, self._coordinator)
        self._pass_on_stop(run)

    def due(self, step: int) -> int:
        """Returns the next step."""
        return step + 1

    def after(self, run: Run, outputs: Outputs) -> None:
        """Calls `after_run`, and `before_run` for the next step."""
        results = self._pending.values(run, outputs, self._asked_of(outputs))
        self._hook.after_run(self._context, SessionRunValues(results))
        self._pass_on_stop(run)
        if run.step != run.last_step:
            with _graph_of_names():
                self._before_run()
            self._pass_on_stop(run)

    def _asked_of(self, outputs: Outputs) -> list[Any]:
        fetched = outputs.fetched.get(self, ())
        known = {_key(leaf): value for leaf, value in zip(self._fetches, fetched, strict=True)}
        missing = [leaf for leaf in self._pending.asked() if _key(leaf) not in known]
        if missing:
            raise ValueError(
                f"{type(self._hook).__name__}.before_run asks for {missing[0]!r}, for which its "
                "first call did not ask. The step is compiled once: ask for the same at each step, "
                "or write an estimators.Hook."
            )
        return [known[_key(leaf)] for leaf in self._pending.asked()]

    def _pass_on_stop(self, run: Run) -> None:
        if self._context.stop_requested or self._coordinator.should_stop():
            run.request_stop(f"{type(self._hook).__name__} asked to stop")

    def end(self, run: Run) -> None:
        """Calls `end`."""
        self._hook.end(self._session)


def _key(leaf: Any) -> Any:
    return leaf if isinstance(leaf, str) else id(leaf)


class _NamesOnly(tf.Graph):
    """A graph that has a tensor of every name that is asked for.

    Hooks look tensors up in `begin`, long before the body of `model_fn` runs. The answer stands for
    the name; whether the body has such a tensor is checked when the step is compiled.
    """

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """Returns the element, made now if there is none of this name."""
        if isinstance(obj, str):
            self._make(obj.split(":")[0])
        return super().as_graph_element(obj, allow_tensor, allow_operation)

    def _make(self, name: str) -> None:
        if name in {operation.name for operation in self.get_operations()}:
            return
        # v1 code finds the global step by its name, too, and checks its type.
        is_step = name == GLOBAL_STEP
        with self.as_default(), self.name_scope(None):
            tf.compat.v1.placeholder(
                tf.int64 if is_step else tf.float32, [] if is_step else None, name=name
            )


@contextmanager
def _graph_of_names() -> Iterator[None]:
    """Lets a hook look up tensors: in the body if that is running, else by name."""
    if not tf.executing_eagerly():
        yield
        return
    with _NamesOnly().as_default():
        yield


def _portable(leaf: Any) -> Any:
    """Turns what was looked up by name back into the name."""
    if not isinstance(getattr(leaf, "graph", None), _NamesOnly):
        return leaf
    if is_global_step(leaf):
        return GLOBAL_STEP
    if not tf.is_tensor(leaf) or leaf.op.type != "Placeholder":
        raise TypeError(
            f"A hook asks for {leaf!r}, which it made itself. Hooks cannot add operations to a "
            "compiled step: compute the value in `model_fn`, name it with tf.identity(x, name=...) "
            "and ask for the name."
        )
    return leaf.name
