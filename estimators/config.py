"""`RunConfig`: how to run, apart from what is trained and on what."""

from __future__ import annotations

import dataclasses
import inspect
import numbers
import os
from typing import Any, Final, final

import tensorflow as tf

from estimators.aliases import Strategy
from estimators.cluster import Cluster, from_environment


@final
class _Unset:
    """The value of an argument that was not given, where None means something else."""

    def __repr__(self) -> str:
        return "<unset>"


_UNSET: Final[Any] = _Unset()
_DEFAULT_SAVE_SECS = 600
_NOT_REPLACEABLE = ("cluster",)


@final
@dataclasses.dataclass(frozen=True)
class RunConfig:
    """How a run is distributed, saved and reported.

    Making one reads `TF_CONFIG`, through `cluster.from_environment`, unless `cluster` is given;
    that is the only look at the environment. What only sessions needed is accepted and ignored
    where ignoring it changes no result, and refused otherwise.

    Attributes:
        model_dir: where checkpoints and events go. None takes `TF_CONFIG`'s, or the Estimator's.
        tf_random_seed: makes initial values, shuffles and dropout the same in every run.
        save_summary_steps: steps between two summaries; 0 writes none.
        save_checkpoints_steps: steps between two checkpoints. Giving only this one or only
            `save_checkpoints_secs`, even as None, makes the other None; both None save nothing.
        save_checkpoints_secs: seconds between two checkpoints; 600 when neither is given.
        session_config: a `tf.compat.v1.ConfigProto`; ignored. Use `tf.config` instead.
        keep_checkpoint_max: number of newest checkpoints to keep; None or 0 keeps all.
        keep_checkpoint_every_n_hours: besides, keep one for every so many hours.
        log_step_count_steps: steps between two progress lines and `global_step/sec` events; None
            for neither.
        train_distribute: strategy of training; None is the strategy in scope.
        device_fn: must be None. Place variables with a strategy.
        protocol: None or "grpc".
        eval_distribute: ignored: evaluation runs on one replica, with the same result.
        experimental_distribute: an object with `train_distribute`, `eval_distribute` and
            `remote_cluster` (must be None), instead of the arguments of these names.
        experimental_max_worker_delay_secs: ignored; workers begin together.
        session_creation_timeout_secs: ignored.
        checkpoint_save_graph_def: ignored; there is no graph to save.
        run_eagerly: run `model_fn` step by step in Python, so that breakpoints work in it.
        progress: whether to draw a progress bar; None draws it on a terminal, and otherwise logs a
            line every `log_step_count_steps`.
        cluster: who this process is; by default what `TF_CONFIG` says.

    Raises:
        ValueError: a value is out of range, or two contradict one another.

    Example:
        >>> config = RunConfig(save_checkpoints_steps=100)
        >>> config.save_checkpoints_steps, config.save_checkpoints_secs
        (100, None)
        >>> config.replace(save_checkpoints_secs=60).save_checkpoints_steps is None
        True
    """

    model_dir: str | os.PathLike[str] | None = None
    tf_random_seed: int | None = None
    save_summary_steps: int = 100
    save_checkpoints_steps: int | None = _UNSET
    save_checkpoints_secs: float | None = _UNSET
    session_config: Any = None
    keep_checkpoint_max: int | None = 5
    keep_checkpoint_every_n_hours: float = 10000
    log_step_count_steps: int | None = 100
    train_distribute: Strategy | None = None
    device_fn: None = None
    protocol: str | None = None
    eval_distribute: Strategy | None = None
    experimental_distribute: Any = None
    experimental_max_worker_delay_secs: int | None = None
    session_creation_timeout_secs: float = 7200
    checkpoint_save_graph_def: bool = True
    _: dataclasses.KW_ONLY
    run_eagerly: bool = False
    progress: bool | None = None
    cluster: Cluster = dataclasses.field(default_factory=from_environment)

    def __post_init__(self) -> None:
        self._settle_model_dir()
        self._settle_saving()
        self._check_numbers()
        self._check_leftovers_of_sessions()
        self._check_distribution()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _settle_model_dir(self) -> None:
        given, asked = self.model_dir, self.cluster.model_dir
        given = None if given is None else os.fspath(given)
        if given == "":
            raise ValueError("model_dir should be non-empty. Leave it out for a temporary folder.")
        if given and asked and given != asked:
            raise ValueError(
                "`model_dir` provided in RunConfig construct, if set, must have the same value as "
                f"the model_dir in TF_CONFIG. RunConfig has {given!r}, TF_CONFIG has {asked!r}."
            )
        self._set("model_dir", given or asked)

    def _settle_saving(self) -> None:
        steps, secs = self.save_checkpoints_steps, self.save_checkpoints_secs
        if steps is _UNSET:
            secs = _DEFAULT_SAVE_SECS if secs is _UNSET else secs
            steps = None
        elif secs is _UNSET:
            secs = None
        if steps is not None and secs is not None:
            raise ValueError(
                "`save_checkpoints_steps` and `save_checkpoints_secs` cannot be both set, got "
                f"{steps} and {secs}."
            )
        self._set("save_checkpoints_steps", steps)
        self._set("save_checkpoints_secs", secs)

    def _check_numbers(self) -> None:
        for name in (
            "save_summary_steps",
            "save_checkpoints_steps",
            "save_checkpoints_secs",
            "keep_checkpoint_max",
        ):
            _check(name, getattr(self, name), lambda value: value >= 0, "should be >= 0")
        for name in (
            "keep_checkpoint_every_n_hours",
            "log_step_count_steps",
            "session_creation_timeout_secs",
        ):
            _check(name, getattr(self, name), lambda value: value > 0, "should be > 0")
        for name in ("tf_random_seed", "experimental_max_worker_delay_secs"):
            _check(name, getattr(self, name), _is_integer, "must be integer")

    def _check_leftovers_of_sessions(self) -> None:
        config, protocol = self.session_config, self.protocol
        if config is not None and not isinstance(config, tf.compat.v1.ConfigProto):
            raise ValueError(
                f"session_config must be instance of ConfigProto, got {type(config).__name__}."
            )
        if self.device_fn is not None:
            _refuse_device_fn(self.device_fn)
        if protocol not in (None, "grpc", "grpc+verbs"):
            raise ValueError(f"protocol should be grpc or grpc+verbs, got {protocol!r}.")
        if protocol == "grpc+verbs":
            raise ValueError("protocol 'grpc+verbs' left TensorFlow. Leave it out, or say 'grpc'.")

    def _check_distribution(self) -> None:
        both = self.experimental_distribute
        if both is None:
            return
        if getattr(both, "remote_cluster", None) is not None:
            raise ValueError(
                "`remote_cluster` of experimental_distribute drove workers through sessions. Start "
                "the same program in every worker, with its own TF_CONFIG."
            )
        for name in ("train_distribute", "eval_distribute"):
            given = getattr(both, name, None)
            if given is not None and getattr(self, name) not in (None, given):
                raise ValueError(
                    f"`{name}` and `experimental_distribute.{name}` cannot be both set."
                )
            self._set(name, getattr(self, name) or given)

    def replace(self, **changes: Any) -> RunConfig:
        """Returns a checked copy with some values changed.

        Setting one of `save_checkpoints_steps` and `save_checkpoints_secs` to a number makes the
        other None.

        Raises:
            ValueError: there is no such value, or a new one is wrong.

        Example:
            >>> RunConfig(tf_random_seed=1).replace(tf_random_seed=2).tf_random_seed
            2
        """
        names = [field.name for field in dataclasses.fields(self)]
        allowed = [name for name in names if name not in _NOT_REPLACEABLE]
        for name in changes:
            if name not in allowed:
                raise ValueError(
                    f"Replacing {name} is not supported. Allowed properties are {allowed}."
                )
        pair = ("save_checkpoints_steps", "save_checkpoints_secs")
        for one, other in (pair, pair[::-1]):
            if changes.get(one) is not None:
                changes.setdefault(other, None)
        return dataclasses.replace(self, **changes)

    @property
    def strategy(self) -> Strategy:
        """The strategy of training; without any it is the default strategy, not None."""
        return self.train_distribute or tf.distribute.get_strategy()

    @property
    def cluster_spec(self) -> tf.train.ClusterSpec:
        """See `Cluster.cluster_spec`."""
        return self.cluster.cluster_spec

    @property
    def is_chief(self) -> bool:
        """See `Cluster.is_chief`."""
        return self.cluster.is_chief

    @property
    def task_type(self) -> str:
        """See `Cluster`."""
        return self.cluster.task_type

    @property
    def task_id(self) -> int:
        """See `Cluster`."""
        return self.cluster.task_id

    @property
    def num_ps_replicas(self) -> int:
        """See `Cluster.num_ps_replicas`."""
        return self.cluster.num_ps_replicas

    @property
    def num_worker_replicas(self) -> int:
        """See `Cluster.num_worker_replicas`."""
        return self.cluster.num_worker_replicas

    @property
    def global_id_in_cluster(self) -> int | None:
        """See `Cluster.global_id_in_cluster`."""
        return self.cluster.global_id_in_cluster

    @property
    def master(self) -> str:
        """See `Cluster.master`."""
        return self.cluster.master

    @property
    def evaluation_master(self) -> str:
        """Address of the evaluation's session, as `TF_CONFIG` says; "" otherwise."""
        return self.cluster.eval_session_master

    @property
    def service(self) -> Any:
        """The `service` of `TF_CONFIG`, untouched."""
        return self.cluster.service


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _check(name: str, value: Any, is_good: Any, must: str) -> None:
    """Checks a value that may be None."""
    if value is None:
        return
    try:
        good = is_good(value)
    except TypeError:
        good = False
    if not good:
        raise ValueError(f"{name} {must}, got {value!r}.")


def _refuse_device_fn(device_fn: Any) -> None:
    if not callable(device_fn) or list(inspect.signature(device_fn).parameters) != ["op"]:
        raise ValueError(
            f'device_fn must be callable with exactly one argument "op", got {device_fn!r}.'
        )
    raise ValueError(
        "device_fn placed the operations of a graph one by one. Use train_distribute, for instance "
        "tf.distribute.OneDeviceStrategy('/gpu:0'), or tf.device in model_fn."
    )
