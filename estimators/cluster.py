"""Who this process is among those that train together, as `TF_CONFIG` says.

`from_environment` is the only function of the project that reads the environment.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, final

import tensorflow as tf

CHIEF, MASTER, WORKER, PS, EVALUATOR = "chief", "master", "worker", "ps", "evaluator"
_MAX_BYTES = 64 * 1024
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")
_ROLES = {
    CHIEF: "trains, writes checkpoints and events",
    MASTER: "trains, writes checkpoints and events, evaluates",
    WORKER: "trains",
    PS: "holds variables",
    EVALUATOR: "evaluates checkpoints, exports",
}


@final
@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes of one job, and which of them this is. The default is a process alone.

    Attributes:
        jobs: addresses by job, without evaluators, which nobody talks to.
        task_type: job of this process; "evaluator" need not be among `jobs`.
        task_id: index of this process in its job.
        model_dir: folder that `TF_CONFIG` asks for; None when it does not.
        service: settings handed to `RunConfig.service` untouched.
        session_master: address that overrides the own one; "" does not.
        eval_session_master: as `session_master`, for evaluation.

    Raises:
        ValueError: the parts contradict one another.

    Example:
        >>> cluster = Cluster({"chief": ("a:1",), "worker": ("b:1", "c:1")}, "worker", 1)
        >>> cluster.is_chief, cluster.num_worker_replicas, cluster.master
        (False, 3, 'grpc://c:1')
    """

    jobs: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    task_type: str = WORKER
    task_id: int = 0
    model_dir: str | None = None
    service: Mapping[str, Any] | None = None
    session_master: str = ""
    eval_session_master: str = ""

    def __post_init__(self) -> None:
        jobs = {job: tuple(addresses) for job, addresses in self.jobs.items()}
        jobs.pop(EVALUATOR, None)
        object.__setattr__(self, "jobs", jobs)
        if self.task_id < 0:
            raise ValueError(f"Task index must be non-negative number, got {self.task_id}.")
        if not jobs:
            self._check_alone()
            return
        _check_jobs(jobs)
        self._check_task()

    def _check_alone(self) -> None:
        if self.task_type != WORKER:
            raise ValueError(
                'If "cluster" is not set in TF_CONFIG, task type must be WORKER, got '
                f"{self.task_type!r}."
            )
        if self.task_id:
            raise ValueError(
                f'If "cluster" is not set in TF_CONFIG, task index must be 0, got {self.task_id}.'
            )

    def _check_task(self) -> None:
        if self.task_type == EVALUATOR:
            if MASTER in self.jobs:
                raise ValueError(
                    "If `master` node exists in `cluster`, task_type `evaluator` is not supported: "
                    "the master evaluates. Call it `chief`."
                )
            return
        if self.task_type not in self.jobs:
            raise ValueError(
                f"{self.task_type} is not a valid task_type in the cluster_spec: {dict(self.jobs)}"
            )
        if self.task_id >= len(self.jobs[self.task_type]):
            raise ValueError(
                f"{self.task_id} is not a valid task_id for task_type {self.task_type} in the "
                f"cluster_spec: {dict(self.jobs)}"
            )

    @property
    def chief(self) -> str:
        """The job whose task 0 is the chief. Without a chief job worker 0 is."""
        return next((job for job in (CHIEF, MASTER) if job in self.jobs), WORKER)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints and events."""
        return self.task_type == self.chief and self.task_id == 0

    @property
    def cluster_spec(self) -> tf.train.ClusterSpec:
        """The addresses by job; empty for a process alone, and for an evaluator."""
        jobs = {} if self.task_type == EVALUATOR else self.jobs
        return tf.train.ClusterSpec({job: list(addresses) for job, addresses in jobs.items()})

    @property
    def num_ps_replicas(self) -> int:
        """Number of parameter servers; 0 for an evaluator, who knows none."""
        return 0 if self.task_type == EVALUATOR else len(self.jobs.get(PS, ()))

    @property
    def num_worker_replicas(self) -> int:
        """Number of processes that train, with the chief; 0 for an evaluator."""
        if self.task_type == EVALUATOR:
            return 0
        return sum(len(self.jobs.get(job, ())) for job in (CHIEF, MASTER, WORKER)) or 1

    @property
    def worker_index(self) -> int:
        """Place among the processes that train, the chief first; 0 for all others."""
        if self.task_type == WORKER and self.chief != WORKER:
            return self.task_id + 1
        return self.task_id if self.task_type == WORKER else 0

    @property
    def global_id_in_cluster(self) -> int | None:
        """Number of this process: the chief first, other jobs by name, parameter servers last.

        None for an evaluator.
        """
        if self.task_type == EVALUATOR:
            return None
        ranks = {self.chief: 0, PS: 2}
        jobs = sorted(self.jobs, key=lambda job: (ranks.get(job, 1), job))
        before = jobs[: jobs.index(self.task_type)] if jobs else []
        return sum(len(self.jobs[job]) for job in before) + self.task_id

    @property
    def master(self) -> str:
        """Address of this process, `grpc://host:port`; "" when it is alone or an evaluator."""
        if self.session_master or self.task_type == EVALUATOR:
            return self.session_master
        if sum(len(addresses) for addresses in self.jobs.values()) <= 1:
            return ""
        return f"grpc://{self.jobs[self.task_type][self.task_id]}"

    def describe(self) -> str:
        """Returns a table of roles for the log, this process marked by an arrow.

        Example:
            >>> print(Cluster({"chief": ["a:1"], "worker": ["b:1"]}, "worker", 0).describe())
               chief 0   a:1  trains, writes checkpoints and events
            -> worker 0  b:1  trains
        """
        if not self.jobs:
            return "-> one process, trains and evaluates"
        tasks = [(job, i, address) for job in self.jobs for i, address in enumerate(self.jobs[job])]
        if self.task_type == EVALUATOR:
            tasks.append((EVALUATOR, self.task_id, "-"))
        names = [f"{job} {index}" for job, index, _ in tasks]
        wide, wider = max(map(len, names)), max(len(address) for *_, address in tasks)
        mine = f"{self.task_type} {self.task_id}"
        return "\n".join(
            f"{'->' if name == mine else '  '} {name:<{wide}}  {address:<{wider}}  "
            f"{self._role(job, index)}"
            for name, (job, index, address) in zip(names, tasks, strict=True)
        )

    def _role(self, job: str, index: int) -> str:
        is_chief = job == self.chief and index == 0
        return _ROLES.get(CHIEF if is_chief and job == WORKER else job, "takes no part")


def _check_jobs(jobs: Mapping[str, Sequence[str]]) -> None:
    """Checks who is there, and that every address is one process."""
    if CHIEF in jobs and MASTER in jobs:
        raise ValueError(
            'If "master" is set in the "cluster" of TF_CONFIG, there must be no "chief": they are '
            "the same part."
        )
    for job in (CHIEF, MASTER):
        if job in jobs and len(jobs[job]) != 1:
            raise ValueError(
                f'The "cluster" in TF_CONFIG must have only one "{job}" node, got {jobs[job]}.'
            )
    has_chief = CHIEF in jobs or MASTER in jobs
    if not has_chief and (PS in jobs or not jobs.get(WORKER)):
        raise ValueError(
            'If "cluster" is set in TF_CONFIG, it must have one "chief" node. Only a cluster of '
            f'nothing but "worker" nodes may leave it out; worker 0 is then the chief. Got {jobs}.'
        )
    owners: dict[str, str] = {}
    for job, addresses in jobs.items():
        for index, address in enumerate(addresses):
            _check_address(f"{job} {index}", address, owners)


def _check_address(task: str, address: Any, owners: dict[str, str]) -> None:
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if match is None or not 0 < int(match.group(2)) < 65536:
        raise ValueError(
            f'The address of {task} in TF_CONFIG must be "host:port", as "10.0.0.1:2222", got '
            f"{address!r}."
        )
    if address in owners:
        raise ValueError(
            f"{task} and {owners[address]} have the same address in TF_CONFIG: {address!r}. Every "
            "task needs its own."
        )
    owners[address] = task


def from_environment(environ: Mapping[str, str] = os.environ) -> Cluster:
    """Returns the cluster that `TF_CONFIG` describes; a process alone when it is not set.

    Args:
        environ: the environment. Only `TF_CONFIG` is looked at, a JSON object with any of
            `cluster` {job: [address]}, `task` {type, index}, `model_dir`, `service`,
            `session_master`, `eval_session_master`; other keys are ignored.

    Raises:
        ValueError: it is no such JSON, is longer than 64 KiB, or contradicts itself.
        TypeError: `service` is not an object.

    Example:
        >>> from_environment({}).is_chief
        True
        >>> from_environment({"TF_CONFIG": '''
        ...     {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
        ... '''}).worker_index
        1
    """
    config = _parse(environ.get("TF_CONFIG", ""))
    service = config.get("service")
    if service is not None and not isinstance(service, dict):
        raise TypeError(
            f'If "service" is set in TF_CONFIG, it must be a dict. Given {type(service)}'
        )
    model_dir = config.get("model_dir")
    if model_dir is not None and not (isinstance(model_dir, str) and model_dir):
        raise ValueError(f"model_dir in TF_CONFIG should be non-empty text, got {model_dir!r}.")
    jobs = _jobs(config)
    task = _object(config, "task")
    if jobs:
        for key in ("type", "index"):
            if task.get(key) is None:
                raise ValueError(
                    f'If "cluster" is set in TF_CONFIG, task {key} must be set. Got task {task}.'
                )
    return Cluster(
        jobs,
        task_type=str(task.get("type") or WORKER),
        task_id=_index(task.get("index") or 0),
        model_dir=model_dir,
        service=service,
        session_master=str(config.get("session_master") or ""),
        eval_session_master=str(config.get("eval_session_master") or ""),
    )


def _parse(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    if len(text.encode()) >= _MAX_BYTES:
        raise ValueError(
            f"TF_CONFIG must be shorter than 64 KiB, got {len(text.encode())} bytes, beginning "
            f"{text[:40]!r}."
        )
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ValueError(f"TF_CONFIG is not JSON: {error}. It begins {text[:40]!r}.") from error
    if not isinstance(config, dict):
        raise ValueError(f"TF_CONFIG must be a JSON object, got {type(config).__name__}: {config}.")
    return config


def _object(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(
            f'"{key}" in TF_CONFIG must be a JSON object, got {type(value).__name__}: {value!r}.'
        )
    return value


def _jobs(config: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    jobs = {}
    for job, addresses in _object(config, "cluster").items():
        if not isinstance(addresses, list) or not addresses:
            raise ValueError(
                f'"{job}" in the "cluster" of TF_CONFIG must be a list of addresses, got '
                f"{addresses!r}."
            )
        jobs[job] = tuple(addresses)
    return jobs


def _index(value: Any) -> int:
    """Returns a task index; some launchers write it as a string."""
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"Task index in TF_CONFIG must be a number, got {value!r}.")
    return value
