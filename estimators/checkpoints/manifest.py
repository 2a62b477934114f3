"""The manifest: a JSON sidecar that says what a whole checkpoint is made of.

It names its files by what follows the checkpoint's name (".index"), and holds neither paths nor
times of change, so a copied or renamed checkpoint stays valid. A checkpoint without one was written
by another program and is validated by reading it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, final, get_args

import numpy as np

from estimators.errors import CheckpointError

FORMAT = 1

ResumeGrade: TypeAlias = Literal["exact", "afresh", "unknown"]
"""How the input goes on after a restart: from its saved state; by skipping batches; nobody said."""


@final
@dataclass(frozen=True)
class FileRecord:
    """What a file must be.

    >>> FileRecord(bytes=3, sha256="ab").bytes
    3

    Attributes:
      bytes: its size.
      sha256: hex digest of its content.
    """

    bytes: int
    sha256: str


@final
@dataclass(frozen=True)
class Manifest:
    """All that is known about a checkpoint besides the values.

    >>> manifest = Manifest(step=7, files={}, variables={}, metadata={"best": 0.5})
    >>> Manifest.parse(manifest.render()) == manifest
    True

    Attributes:
      step: training steps it holds.
      files: record by suffix of the file name, as ".index".
      variables: (shape, dtype name) by variable name.
      metadata: what the caller of `commit` gave, JSON values.
      sidecars: names of the sidecars bound to it.
      resume: how the input goes on from it.
      committed_at: Unix time in seconds, for people; nothing is decided by it.
      versions: version by package name.
    """

    step: int
    files: Mapping[str, FileRecord]
    variables: Mapping[str, tuple[tuple[int, ...], str]]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    sidecars: tuple[str, ...] = ()
    resume: ResumeGrade = "unknown"
    committed_at: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> bytes:
        """The content of the file.

        Raises:
          TypeError: `metadata` holds what JSON cannot.
        """
        body: dict[str, Any] = {
            "format": FORMAT,
            "step": self.step,
            "resume": self.resume,
            "committed_at": self.committed_at,
            "versions": dict(self.versions),
            "sidecars": list(self.sidecars),
            "files": {k: {"bytes": r.bytes, "sha256": r.sha256} for k, r in self.files.items()},
            "variables": {
                name: {"shape": list(shape), "dtype": dtype}
                for name, (shape, dtype) in self.variables.items()
            },
            "metadata": dict(self.metadata),
        }
        # Through JSON once before hashing: a key 1 comes back as "1", which sorts elsewhere.
        body = json.loads(_dump(body))
        return _dump({**body, "checksum": _checksum(body)}, indent=1)

    @staticmethod
    def parse(content: bytes) -> Manifest:
        """Reads the content of a manifest.

        Raises:
          ValueError: the content is damaged.
          CheckpointError: it was written by a newer version of this library.
        """
        try:
            body = json.loads(content)
            # Before the format, or a flipped bit would pass for a newer version.
            if body.pop("checksum") != _checksum(body):
                raise ValueError("its checksum does not match its content")
            if body["format"] > FORMAT:
                raise CheckpointError(
                    f"The manifest has format {body['format']}; this version reads up to {FORMAT}. "
                    "Install the version of tf-estimators that wrote it, or a newer one."
                )
            return _from_json(body)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"it is not a manifest ({type(error).__name__}: {error})") from error


def _from_json(body: Mapping[str, Any]) -> Manifest:
    if body["resume"] not in get_args(ResumeGrade):
        raise ValueError(f"it has an unknown resume grade {body['resume']!r}")
    return Manifest(
        step=int(body["step"]),
        files={k: FileRecord(int(r["bytes"]), str(r["sha256"])) for k, r in body["files"].items()},
        variables={n: (tuple(v["shape"]), v["dtype"]) for n, v in body["variables"].items()},
        metadata=body["metadata"],
        sidecars=tuple(body["sidecars"]),
        resume=body["resume"],
        committed_at=float(body["committed_at"]),
        versions=body["versions"],
    )


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_dump(body)).hexdigest()


def _dump(body: Mapping[str, Any], indent: int | None = None) -> bytes:
    # Infinity and NaN are allowed: a hook's "best value so far" starts at infinity.
    return json.dumps(body, sort_keys=True, indent=indent, default=_plain_value).encode()


def _plain_value(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"`metadata` holds {value!r} of {type(value)}, which JSON cannot hold. Give numbers, "
        "strings, booleans, None, and lists and dicts of these."
    )
