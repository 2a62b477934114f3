"""A `model_fn` in one mode: run abstractly once to learn its variables, then traced as a step.

program = Program(model_fn, mode, ...)
spec = program.bind(element_spec)      # variables exist from here on
outputs = program.step(features, labels)   # inside a compiled loop, as often as it is traced
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from estimators import body_random, body_summaries, tracing
from estimators.aliases import Features, Labels, ModelFn, Params, Strategy, Tensor
from estimators.hooks import Hook, as_hook
from estimators.optimizers import Group, Minimize, apply_minimize
from estimators.pipeline import split_weighted
from estimators.spec import EstimatorSpec, ModeKeys
from estimators.variables import GLOBAL_STEP, Requests, VariableStore

_OPTIONAL_ARGUMENTS = ("labels", "mode", "params", "config", "sample_weight")


@dataclasses.dataclass(frozen=True)
class ModelFnCaller:
    """Calls a `model_fn` with those arguments that it names.

    Attributes:
        model_fn: the user's function.
        params: handed on as `params`.
        config: handed on as `config`.

    Raises:
        ValueError: the function lacks `features`, names an argument that nobody gives, or does not
            take `params` though there are some.
    """

    model_fn: ModelFn
    params: Params
    config: Any

    def __post_init__(self) -> None:
        names = self._argument_names()
        if "features" not in names:
            raise ValueError(
                f"model_fn ({self.model_fn}) must include features argument, got {names}."
            )
        unknown = [name for name in names if name not in ("features", *_OPTIONAL_ARGUMENTS)]
        if unknown:
            raise ValueError(
                f"model_fn ({self.model_fn}) has following not expected args: {unknown}. "
                f"It may take features and any of {_OPTIONAL_ARGUMENTS}."
            )
        if self.params and "params" not in names:
            raise ValueError(
                f"model_fn ({self.model_fn}) does not include params argument, but params "
                f"({dict(self.params)}) is passed to Estimator."
            )

    def _argument_names(self) -> list[str]:
        parameters = inspect.signature(self.model_fn).parameters.values()
        bound = getattr(self.model_fn, "keywords", None) or {}
        return [p.name for p in parameters if p.name not in bound and p.kind is not p.VAR_KEYWORD]

    def prepare(self, features: Any, labels: Any, mode: str) -> None:
        """Tells a `model_fn` that has a method `prepare` of what its body will be run on.

        An object that outlives the run, such as a Keras metric, makes variables of its own when it
        sees its first batch. Made here, before the body runs, they stay its own.

        Args:
            features: nested `tf.TypeSpec`.
            labels: as features, or None.
            mode: a `ModeKeys` value.
        """
        prepare = getattr(self.model_fn, "prepare", None)
        if prepare is not None:
            labels, weight = split_weighted(labels)
            prepare(features, labels, mode, sample_weight=weight)

    def __call__(self, features: Features, labels: Labels, mode: str) -> EstimatorSpec:
        """Runs the body.

        Raises:
            ValueError: it was given labels and takes none, or it returns no EstimatorSpec.
        """
        names = self._argument_names()
        labels, weight = split_weighted(labels)
        if weight is not None and "sample_weight" not in names:
            raise ValueError(
                "input_fn returns (features, labels, weights), and model_fn does not take "
                "`sample_weight`. Put the weights into the features, and name them in the "
                "`weight_column` of the model or head."
            )
        given = {
            "labels": labels,
            "mode": mode,
            "params": self.params,
            "config": self.config,
            "sample_weight": weight,
        }
        if labels is not None and "labels" not in names:
            raise ValueError("model_fn does not take labels, but input_fn returns labels.")
        # By name, because a partial may have bound an argument in front of it.
        spec = self.model_fn(features=features, **{k: v for k, v in given.items() if k in names})
        if not isinstance(spec, EstimatorSpec):
            raise ValueError(
                f"model_fn should return an EstimatorSpec, got {type(spec).__name__}: {spec!r}."
            )
        return spec


@dataclasses.dataclass(frozen=True)
class Bound:
    """What the abstract run of a body taught.

    Attributes:
        spec: the spec with the symbolic tensors of the abstract run. Its Keras metrics are the
            ones that count: those of later traces are copies.
        hooks: the hooks of the body for its mode, those of the chief last; again these count.
        names: names of the variables that the body uses, in order of request.
        output_specs: structure of `tf.TensorSpec` of what `Program.step` returns.
        steps_itself: whether the body advances the global step, as v1 optimizers do.
        graph: the graph of the abstract run.
    """

    spec: EstimatorSpec
    hooks: tuple[Hook, ...]
    names: tuple[str, ...]
    output_specs: Any
    steps_itself: bool
    graph: Any

    @property
    def state_names(self) -> list[str]:
        """Names of the variables that a checkpoint of the body holds: the global step, and its."""
        return [GLOBAL_STEP, *(name for name in self.names if name != GLOBAL_STEP)]


class Program:
    """One `model_fn` in one mode.

    Args:
        caller: the `model_fn`.
        mode: a `ModeKeys` value.
        store: where variables live.
        seed: default seeds are drawn from it; None draws them from the process.
        summaries: folder and interval in steps of the body's summaries; None writes none.
    """

    def __init__(
        self,
        caller: ModelFnCaller,
        mode: str,
        store: VariableStore,
        *,
        seed: int | None = None,
        summaries: tuple[str, int] | None = None,
    ) -> None:
        self._caller = caller
        self._mode = mode
        self._store = store
        self._seed = seed
        self._summaries = summaries
        self._recorder: body_summaries.Recorder | None = None
        self._bound: Bound | None = None

    @property
    def mode(self) -> str:
        """The mode of the body."""
        return self._mode

    @property
    def bound(self) -> Bound:
        """What `bind` returned."""
        assert self._bound is not None, "bind comes first"
        return self._bound

    @property
    def strategy(self) -> Strategy:
        """Training runs on every replica; evaluation and prediction on one."""
        is_train = self._mode == ModeKeys.TRAIN
        return self._store.strategy if is_train else tf.distribute.get_strategy()

    def bind(self, element_spec: tuple[Any, Any], fetches: Sequence[Any]) -> Bound:
        """Runs the body on symbolic inputs and creates the variables it asks for.

        Args:
            element_spec: (features, labels) as nested `tf.TypeSpec`.
            fetches: for each of the user's hooks, a structure of names of tensors to be returned
                from each step, before those that the body's hooks ask for.

        Returns:
            What was learned; also kept as `bound`.
        """
        self._caller.prepare(*element_spec, self._mode)
        requests = Requests(self._mode, may_create=True)
        known = set(self._store.names)
        graph = tracing.FuncGraph(f"abstract_{self._mode}")
        kept: list[tuple[EstimatorSpec, tuple[Hook, ...]]] = []
        watched = body_summaries.watched() if self._summaries else body_summaries.silenced()
        with graph.as_default():
            features, labels = (tracing.placeholders(spec) for spec in element_spec)
            with self._serving(requests), watched:
                outputs = self._run_body(features, labels, requests, fetches, kept.append)
            outputs = tf.nest.map_structure(self._first, outputs)
            steps_itself = self._assigns_global_step(graph)
        spec, hooks = kept[0]
        for variable, parts in spec.saved_parts:
            self._store.split(self._store.name_of(variable), parts)
        if self._summaries and body_summaries.writes_itself(graph):
            self._recorder = body_summaries.Recorder(*self._summaries, self._store.global_step)
        self._store.spread_seeds([name for name in requests.names if name not in known])
        self._bound = Bound(
            spec=spec,
            hooks=hooks,
            names=tuple(requests.names),
            output_specs=tf.nest.map_structure(tf.type_spec_from_value, outputs),
            steps_itself=steps_itself,
            graph=graph,
        )
        return self._bound

    def spec(self, features: Features, labels: Labels = None) -> EstimatorSpec:
        """Runs the body in the present graph and returns its spec: for exports.

        The variables must exist: call `bind` first, with the specs of the same inputs.
        """
        kept: list[tuple[EstimatorSpec, tuple[Hook, ...]]] = []
        requests = Requests(self._mode, may_create=False)
        with self._serving(requests), body_summaries.silenced(), tracing.exporting():
            self._body(features, labels, requests, (), kept.append)
        return kept[0][0]

    def step(self, features: Features, labels: Labels, fetches: Sequence[Any]) -> Any:
        """Runs the body in a compiled step and returns its outputs, reduced over replicas.

        Args:
            features: of one batch; a distributed value when there are several replicas.
            labels: as features.
            fetches: as for `bind`.
        """
        requests = Requests(self._mode, may_create=False)
        recording = self._recorder.recording() if self._recorder else body_summaries.silenced()
        seed = self._seed if self._mode == ModeKeys.TRAIN else None
        random = body_random.derived(seed, self._store.global_step)
        with self._serving(requests), recording, random:
            outputs = self._run_body(features, labels, requests, fetches)
            if self._mode == ModeKeys.TRAIN and not self.bound.steps_itself:
                counted = self._first(outputs["is_step"]) if "is_step" in outputs else 1
                self._store.global_step.assign_add(tf.cast(counted, tf.int64))
        if "loss" in outputs:
            mean = tf.distribute.ReduceOp.MEAN
            loss = self.strategy.reduce(mean, outputs.pop("loss"), axis=None)
            return {"loss": loss, **tf.nest.map_structure(self._first, outputs)}
        return tf.nest.map_structure(self._first, outputs)

    def flush_summaries(self) -> None:
        """Makes what the body's `tf.summary` calls wrote visible to readers."""
        if self._recorder is not None:
            self._recorder.flush()

    @contextlib.contextmanager
    def _serving(self, requests: Requests) -> Iterator[None]:
        """Prepares the thread that calls `strategy.run`; `_body` prepares each replica."""
        self._keras = tracing.KerasScope()
        with contextlib.ExitStack() as stack:
            if self._mode == ModeKeys.TRAIN:
                stack.enter_context(self.strategy.scope())
                if self._divides_losses:
                    stack.enter_context(tracing.whole_losses())
                stack.enter_context(self._store.serving(requests, cross_replica=True))
            else:
                stack.enter_context(tracing.updates_ignored())
            stack.enter_context(tracing.fresh_collections(self._store.global_step))
            stack.enter_context(tracing.seeded(self._seed))
            yield

    @property
    def _divides_losses(self) -> bool:
        """Whether the step divides by the number of replicas; the abstract run has yet to tell."""
        return self._bound is not None and isinstance(self._bound.spec.train_op, Minimize | Group)

    def _run_body(self, *args: Any) -> Any:
        """Runs the body on every replica when training; elsewhere on one, outside of any scope."""
        if self._mode == ModeKeys.TRAIN:
            return self.strategy.run(self._body, args=args)
        return self._body(*args)

    def _body(
        self,
        features: Features,
        labels: Labels,
        requests: Requests,
        fetches: Sequence[Any],
        keep: Callable[[tuple[EstimatorSpec, tuple[Hook, ...]]], Any] = lambda kept: None,
    ) -> dict[str, Any]:
        """Runs the body in one replica; returns the tensors that leave the step."""
        with (
            self._keras.entered(),
            # A loop puts `while/` before every name; hooks and dashboards look for the body's own.
            tracing.root_name_scope(),
            self._store.serving(requests, cross_replica=False),
        ):
            tracing.restart_seeds(self._seed)
            # Run eagerly there is no graph to differentiate, so the body is recorded.
            tape = tf.GradientTape(persistent=True) if tf.executing_eagerly() else None
            with tape or contextlib.nullcontext():
                spec = self._caller(features, labels, self._mode)
            if spec.mode != self._mode:
                raise ValueError(
                    f"model_fn was called in mode {self._mode!r} and returned an EstimatorSpec of "
                    f"mode {spec.mode!r}. Pass its `mode` argument on."
                )
            hooks = tuple(as_hook(hook) for hook in _hooks_of(spec))
            keep((spec, hooks))
            outputs = self._outputs(spec, requests, tape)
            asked = [*fetches, *(hook.fetches() for hook in hooks)]
            outputs["fetched"] = tf.nest.map_structure(_named_tensor, asked)
            return outputs

    def _outputs(self, spec: EstimatorSpec, requests: Requests, tape: Any) -> dict[str, Any]:
        if self._mode == ModeKeys.PREDICT:
            return {"predictions": spec.predictions}
        if self._mode == ModeKeys.EVAL:
            return {"loss": tf.cast(spec.loss, tf.float32), "metrics": _metric_pairs(spec)}
        self._run_train_op(spec.train_op, requests, tape)
        outputs = {"loss": tf.cast(spec.loss, tf.float32)}
        # Without the field nothing is added: the loop then counts without looking.
        return outputs if spec.is_step is None else {**outputs, "is_step": spec.is_step}

    def _run_train_op(self, train_op: Any, requests: Requests, tape: Any) -> None:
        """Runs a description or a callable; an operation has run where the body made it."""
        if isinstance(train_op, Minimize | Group):
            apply_minimize(
                train_op,
                step=self._store.global_step,
                variables=requests.trainable,
                disk_name=self._store.name_of,
                tape=tape,
            )
        elif callable(train_op) and not tf.is_tensor(train_op):
            train_op()

    def _first(self, value: Any) -> Any:
        return self.strategy.experimental_local_results(value)[0]

    def _assigns_global_step(self, graph: Any) -> bool:
        step = self._store[GLOBAL_STEP]
        handles = [component.handle for component in getattr(step, "values", (step,))]
        return any(any(h is handle for h in handles) for handle in tracing.assigned_handles(graph))


def _hooks_of(spec: EstimatorSpec) -> Sequence[Any]:
    return {
        ModeKeys.TRAIN: (*spec.training_hooks, *spec.training_chief_hooks),
        ModeKeys.EVAL: spec.evaluation_hooks,
        ModeKeys.PREDICT: spec.prediction_hooks,
    }[spec.mode]


def _metric_pairs(spec: EstimatorSpec) -> dict[str, Any]:
    """Returns the tensors of `tf.compat.v1.metrics` pairs; Keras metrics keep their own state.

    The update of such a pair returns the value after the update, so that the update of the last
    batch is the result. Where the update is a bare operation the value is read after it.
    """
    values = {}
    for name, metric in spec.eval_metric_ops.items():
        if isinstance(metric, tuple | list):
            value, update = metric
            if tf.is_tensor(update) and tf.is_tensor(value) and update.dtype == value.dtype:
                values[name] = update
            else:
                with tf.control_dependencies(tf.nest.flatten(update)):
                    values[name] = tf.nest.map_structure(tf.identity, value)
    return values


def _named_tensor(fetch: Any) -> Tensor:
    """Returns the tensor that a hook names, of the trace that is being made."""
    if not isinstance(fetch, str):
        return fetch
    graph = tf.compat.v1.get_default_graph()
    name = fetch if ":" in fetch else f"{fetch}:0"
    try:
        return graph.get_tensor_by_name(name)
    except (KeyError, ValueError) as error:
        names = [op.name for op in graph.get_operations() if op.type == "Identity"]
        raise ValueError(
            f"A hook asks for the tensor {fetch!r}, and the body of model_fn made none of that "
            f"name. Name it with tf.identity(x, name={fetch!r}). Named so far: {names[-10:]}."
        ) from error
