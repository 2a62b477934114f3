"""What the files of a model_dir are called.

    checkpoint                                     the state file: which checkpoint is the latest
    model.ckpt-7.data-00000-of-00001               values
    model.ckpt-7.index                             names, shapes, where the values are
    model.ckpt-7.manifest.json                     hashes of all of these, and what else is known
    model.ckpt-7.input-00000-of-00002.index, ...   a sidecar: input position of worker 0 of 2
    model.ckpt-7.staging/                          a save in progress, or what a kill left of one
    *.corrupt                                      damaged, set aside, never read again

The first three names are those of `tf.estimator` and of TensorFlow's own tools.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

STATE_FILE = "checkpoint"
CORRUPT = ".corrupt"
INDEX = ".index"
MANIFEST = ".manifest.json"

_CHECKPOINT = re.compile(r"model\.ckpt-(\d+)")
_STAGING = re.compile(r"model\.ckpt-(\d+)\.staging")
_STEP_AT_END = re.compile(r"-(\d+)$")
_DATA = re.compile(r"\.data-\d{5}-of-\d{5}")
_SIDECAR = re.compile(r"[a-z][a-z0-9_]*(-\d{5}-of-\d{5})?")
_RESERVED_SIDECARS = ("index", "manifest", "staging", "meta", "data")


def checkpoint_name(step: int) -> str:
    """The checkpoint of a step.

    >>> checkpoint_name(7)
    'model.ckpt-7'
    """
    return f"model.ckpt-{step}"


def staging_name(step: int) -> str:
    """The folder in which the checkpoint of a step is prepared.

    The same for every process of a run and every attempt: several workers write into it.

    >>> staging_name(7)
    'model.ckpt-7.staging'
    """
    return f"{checkpoint_name(step)}.staging"


def staged_step(name: str) -> int | None:
    """The step of a staging folder; None for any other name.

    >>> staged_step("model.ckpt-7.staging"), staged_step("model.ckpt-7.index")
    (7, None)
    """
    found = _STAGING.fullmatch(name)
    return int(found[1]) if found else None


def step_in(name: str) -> int | None:
    """The step that ends a checkpoint's name, if one does.

    >>> step_in("model.ckpt-25"), step_in("keras_model.ckpt")
    (25, None)
    """
    found = _STEP_AT_END.search(name)
    return int(found[1]) if found else None


def worker_sidecar(worker: int, workers: int) -> str:
    """The sidecar that holds the input position of one worker.

    Raises:
      ValueError: `worker` is not in `[0, workers)`.

    >>> worker_sidecar(0, 2)
    'input-00000-of-00002'
    """
    if not 0 <= worker < workers:
        raise ValueError(f"`worker` ({worker}) must be at least 0 and below `workers` ({workers}).")
    return f"input-{worker:05d}-of-{workers:05d}"


def check_sidecar(name: str) -> None:
    """Raises ValueError unless `name` can be a part of our file names.

    >>> check_sidecar("input-00000-of-00002")
    """
    if not _SIDECAR.fullmatch(name) or name.startswith(_RESERVED_SIDECARS):
        raise ValueError(
            f"A sidecar cannot be called {name!r}: it must be small letters, digits and "
            "underscores, as 'input', or that and a shard, as 'input-00000-of-00002', and must "
            f"not begin with any of {', '.join(_RESERVED_SIDECARS)}."
        )


def checkpoints_among(names: Iterable[str]) -> list[str]:
    """Checkpoints that have an index, the highest step first.

    >>> checkpoints_among(["model.ckpt-9.index", "model.ckpt-10.index", "checkpoint"])
    ['model.ckpt-10', 'model.ckpt-9']
    """
    stems = (name.removesuffix(INDEX) for name in names if name.endswith(INDEX))
    steps = sorted(int(found[1]) for stem in stems if (found := _CHECKPOINT.fullmatch(stem)))
    return [checkpoint_name(step) for step in reversed(steps)]


def files_of(checkpoint: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that belong to `checkpoint`, in the order in which they may be deleted.

    The index goes first: without it nothing takes the rest for a checkpoint.

    >>> files_of("m-1", ["m-1.manifest.json", "m-1.data-00000-of-00001", "m-1.index", "m-12.index"])
    ['m-1.index', 'm-1.data-00000-of-00001', 'm-1.manifest.json']
    """
    mine = [n for n in names if n.startswith(checkpoint) and _is_part(n[len(checkpoint) :])]
    return sorted(mine, key=lambda name: (name != checkpoint + INDEX, name))


def _is_part(suffix: str) -> bool:
    if suffix in (INDEX, MANIFEST, ".meta") or _DATA.fullmatch(suffix):
        return True
    sidecar, dot, rest = suffix.removeprefix(".").partition(".")
    return (
        suffix.startswith(".")
        and bool(_SIDECAR.fullmatch(sidecar))
        and (dot + rest == INDEX or bool(_DATA.fullmatch(dot + rest)))
    )
