"""The variables of one Estimator, found by name.

A `model_fn` builds its layers afresh on every run of its body, so no layer can own a variable. The
store does: the first request for a name makes the variable, every later one gets the same back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from estimators import replicas, tracing
from estimators.aliases import Strategy, Tensor, Variable
from estimators.spec import ModeKeys, Part

GLOBAL_STEP = "global_step"
SEED_STATE = "seed_generator_state"
_ARGUMENTS = frozenset(inspect.signature(tf.Variable.__init__).parameters) - {"self"}


@dataclasses.dataclass
class Requests:
    """What one run of a body asked for.

    Attributes:
        mode: mode of the body.
        may_create: whether unknown names make new variables.
        names: model variables in order of request.
        trainable: the trainable ones among them, as Keras variables where Keras made them: those
            know their constraint.
    """

    mode: str
    may_create: bool
    names: list[str] = dataclasses.field(default_factory=list)
    trainable: list[Variable] = dataclasses.field(default_factory=list)


class VariableStore:
    """Makes, finds, reads and writes variables by name.

    Metric variables are kept apart, one set for each mode: they are reset, not saved.

    Args:
        strategy: variables are made in its scope.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._variables: dict[str, Variable] = {}
        self._metrics: dict[tuple[str, str], tuple[Variable, Tensor]] = {}
        self._names: dict[int, str] = {}
        self._parts: dict[str, tuple[Part, ...]] = {}
        self._is_creating = False
        with strategy.scope():
            self.global_step = tf.Variable(
                0,
                dtype=tf.int64,
                name=GLOBAL_STEP,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        self._add(GLOBAL_STEP, self.global_step)

    def __contains__(self, name: str) -> bool:
        return name in self._variables

    def __getitem__(self, name: str) -> Variable:
        return self._variables[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the model's variables, in order of creation."""
        return tuple(self._variables)

    def name_of(self, variable: Variable) -> str:
        """Returns the name of a variable of this store, also of one replica's component of it."""
        name = self._names.get(id(variable))
        return variable.name.partition(":")[0] if name is None else name

    # Creation

    @contextlib.contextmanager
    def serving(self, requests: Requests, *, cross_replica: bool) -> Iterator[None]:
        """Answers the variable requests of the code inside.

        Args:
            requests: takes note of what was asked for.
            cross_replica: answer only code that runs between replicas: a v1 optimizer makes its
                slots in a merge call, which does not see the scope entered inside the replicas.
        """
        seen: dict[str, int] = {}

        def answer(next_creator: Callable[..., Variable], **asked: Any) -> Variable:
            elsewhere = cross_replica != tf.distribute.in_cross_replica_context()
            if elsewhere or self._is_creating:
                return next_creator(**asked)
            path = tracing.variable_path(asked)
            count = seen[path] = seen.get(path, 0) + 1
            name = path if count == 1 else f"{path}_{count - 1}"
            return self._answer(requests, name, next_creator, asked)

        with tf.variable_creator_scope(answer):
            yield

    def _answer(
        self, requests: Requests, name: str, next_creator: Callable[..., Variable], asked: Any
    ) -> Variable:
        if tracing.is_metric_variable(asked):
            return self._metric(requests, name, next_creator, asked)
        variable = self._variables.get(name)
        if variable is None:
            variable = self._create(requests, name, next_creator, asked)
            self._add(name, variable)
        elif requests.may_create:
            self._check_shape(name, variable, asked)
        if name not in requests.names:
            requests.names.append(name)
            if variable.trainable:
                owner = tracing.keras_owner(asked.get("initial_value"))
                requests.trainable.append(variable if owner is None else owner)
                _collect_trainable(variable)
        return variable

    def _metric(
        self, requests: Requests, name: str, next_creator: Callable[..., Variable], asked: Any
    ) -> Variable:
        key = (requests.mode, name)
        if key not in self._metrics:
            variable = self._create(requests, name, next_creator, asked)
            with tf.init_scope():
                self._metrics[key] = variable, tf.identity(_primary(variable))
        return self._metrics[key][0]

    def _create(
        self, requests: Requests, name: str, next_creator: Callable[..., Variable], asked: Any
    ) -> Variable:
        if not requests.may_create:
            raise ValueError(
                f"`model_fn` asked for a new variable {name!r} when its body ran again in mode "
                f"{requests.mode!r}. Every run of the body must make the same variables: give "
                "layers explicit names, and make none under a condition that changes."
            )
        is_model, initial = not tracing.is_metric_variable(asked), asked["initial_value"]
        if tf.is_tensor(initial) and not hasattr(initial, "numpy"):
            asked["initial_value"] = _evaluated(name, initial)
        asked = {**asked, "name": name, "collections": None}
        with tf.init_scope(), tracing.root_name_scope():
            if is_model and requests.mode != ModeKeys.TRAIN:
                # Evaluation runs on one replica, but what it finds must be made for all.
                with self.strategy.scope(), self._creating():
                    return tf.Variable(**{k: v for k, v in asked.items() if k in _ARGUMENTS})
            return next_creator(**asked)

    @contextlib.contextmanager
    def _creating(self) -> Iterator[None]:
        """Lets requests through: the default strategy's scope does not leave `serving`."""
        self._is_creating = True
        try:
            yield
        finally:
            self._is_creating = False

    def _check_shape(self, name: str, variable: Variable, asked: Any) -> None:
        shape = _asked_shape(asked)
        if shape is not None and not variable.shape.is_compatible_with(shape):
            raise ValueError(
                f"The variable {name!r} has shape {variable.shape}, and `model_fn` now asks for "
                f"shape {shape}. The features changed their width, or two layers share a name."
            )

    def _add(self, name: str, variable: Variable) -> None:
        self._variables[name] = variable
        for component in (variable, *getattr(variable, "values", ())):
            self._names[id(component)] = name

    def reset_metrics(self, mode: str) -> None:
        """Sets the metric variables of a mode to their initial values."""
        for (of_mode, _), (variable, initial) in self._metrics.items():
            if of_mode == mode:
                for component in getattr(variable, "values", (variable,)):
                    component.assign(initial)

    # Reading and writing

    def split(self, name: str, parts: Iterable[Part]) -> None:
        """Saves the rows of a variable under several names instead of its own.

        Rows that belong to no part are not saved.
        """
        self._parts[name] = tuple(parts)

    def layout(self, names: Iterable[str]) -> dict[str, tuple[str, slice | None]]:
        """Returns, by name in checkpoints, the variable and the rows that it names."""
        saved: dict[str, tuple[str, slice | None]] = {}
        for name in names:
            whole = self._split_variable_in(name)
            for part in self._parts.get(whole, ()):
                rows = slice(part.start, part.start + part.rows)
                saved[name.replace(whole, part.name)] = name, rows
            if not whole:
                saved[name] = name, None
        return saved

    def _split_variable_in(self, name: str) -> str:
        """Returns the split variable that `name` is, or is an optimizer slot of; or nothing."""
        for whole in self._parts:
            if f"/{whole}/" in f"/{name}/":
                return whole
        return ""

    def shapes(self, names: Iterable[str]) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Returns shape and dtype by name in checkpoints."""
        found = {}
        for saved, (name, rows) in self.layout(names).items():
            variable = self._variables[name]
            shape = tuple(variable.shape)
            if rows is not None:
                shape = (rows.stop - rows.start, *shape[1:])
            found[saved] = shape, variable.dtype
        return found

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Returns present values by name in checkpoints."""
        values = {}
        for saved, (name, rows) in self.layout(names).items():
            value = _primary(self._variables[name])
            values[saved] = value if rows is None else value[rows]
        return values

    def write(self, values: Mapping[str, Any], names: Iterable[str]) -> None:
        """Assigns values given by name in checkpoints to the variables of `names`."""
        with self.strategy.scope():
            for saved, (name, rows) in self.layout(names).items():
                variable = self._variables[name]
                if rows is None:
                    variable.assign(tf.cast(values[saved], variable.dtype))
                else:
                    for component in getattr(variable, "values", (variable,)):
                        component[rows].assign(tf.cast(values[saved], variable.dtype))
        self.spread_seeds(names)

    def spread_seeds(self, names: Iterable[str]) -> None:
        """Gives each replica random numbers of its own, when all replicas hold the same state.

        Keras seed generators start alike on every replica and advance alike, so that all replicas
        would drop the same units. The second component is a counter; each replica counts in a
        stretch of its own. Only the first replica's state is saved: the others follow from it.
        """
        generators = [name for name in names if name.endswith(SEED_STATE)]
        if self.strategy.num_replicas_in_sync == 1 or not generators:
            return
        local = replicas.local_ids(self.strategy)
        for name in generators:
            components = getattr(self._variables[name], "values", (self._variables[name],))
            for replica, component in zip(local, components, strict=True):
                component.assign_add(tf.cast([0, replica << 24], component.dtype))


def _evaluated(name: str, initial: Tensor) -> Tensor:
    try:
        return tracing.evaluated(initial)
    except ValueError as error:
        raise ValueError(
            f"The variable {name!r} must have an initial value that needs no features, labels or "
            f"other variables: {error}"
        ) from error


def _primary(variable: Variable) -> Tensor:
    """Returns the value that a checkpoint holds: of the first replica, or summed on read."""
    return variable.read_value()


def _collect_trainable(variable: Variable) -> None:
    key = tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES
    tf.compat.v1.get_default_graph().add_to_collection(key, variable)


def _asked_shape(asked: Mapping[str, Any]) -> Any:
    shape = asked.get("shape")
    if shape is not None:
        return tf.TensorShape(shape)
    initial = asked.get("initial_value")
    if callable(initial):
        with tracing.FuncGraph("shape_of_initial_value").as_default():
            initial = initial()
    return getattr(initial, "shape", None)
