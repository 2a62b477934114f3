"""The text file `checkpoint`, which says which checkpoint is the latest.

The format is TensorFlow's `CheckpointState` in protocol-buffer text form, with names relative to
the folder, so that a copied model_dir stays valid. It is parsed here and not by
`tf.train.get_checkpoint_state`, because that answers None for a file that is damaged as it does for
one that is not there, and a run must not start afresh for the first reason.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, final

from absl import logging

from estimators.checkpoints import naming
from estimators.checkpoints.folder import Folder

_SCRATCH = naming.STATE_FILE + ".staging"
_FIELD = re.compile(
    r"\s*(?P<key>\w+)\s*:\s*"
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.)*)\"|'(?P<single>(?:[^'\\\n]|\\.)*)'"
    r"|(?P<number>[-+\w.]+))\s*"
)
Entries: TypeAlias = tuple[tuple[str, float], ...]
"""(name, Unix time of the commit) of checkpoints, oldest first."""

_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")


@final
@dataclass(frozen=True)
class State:
    """What the state file says.

    >>> State("model.ckpt-7", (("model.ckpt-7", 1.0),), 0.0).latest
    'model.ckpt-7'

    Attributes:
      latest: name of the newest checkpoint.
      kept: those that deletion goes through; what is not listed stays for good.
      last_preserved: Unix time of the newest one that was kept for good.
    """

    latest: str
    kept: Entries
    last_preserved: float


def read_state(folder: Folder) -> State | None:
    """What the state file says; None when there is none.

    Raises:
      ValueError: it is there and cannot be trusted; says why.
      OSError: it is there and cannot be read.
    """
    try:
        content = folder.files.read(folder.at(naming.STATE_FILE))
    except FileNotFoundError:
        return None
    return parse(content, folder.path)


def write_state(folder: Folder, state: State) -> None:
    """Replaces the state file, atomically and durably."""
    folder.write_atomically(naming.STATE_FILE, render(state).encode(), scratch=_SCRATCH)
    folder.files.sync(folder.path)


def remove_scratch(folder: Folder) -> None:
    """Removes what a kill in the middle of `write_state` left."""
    if folder.has(_SCRATCH):
        folder.files.remove(folder.at(_SCRATCH))


def render(state: State) -> str:
    """The content of the file.

    >>> print(render(State("model.ckpt-7", (("model.ckpt-7", 1.5),), 0.5)), end="")
    model_checkpoint_path: "model.ckpt-7"
    all_model_checkpoint_paths: "model.ckpt-7"
    all_model_checkpoint_timestamps: 1.5
    last_preserved_timestamp: 0.5
    """
    lines = [f"model_checkpoint_path: {_quote(state.latest)}"]
    lines += [f"all_model_checkpoint_paths: {_quote(name)}" for name, _ in state.kept]
    lines += [f"all_model_checkpoint_timestamps: {time!r}" for _, time in state.kept]
    lines.append(f"last_preserved_timestamp: {state.last_preserved!r}")
    return "\n".join(lines) + "\n"


def parse(content: bytes, folder: str) -> State:
    """Reads the content of a state file.

    Names that lead out of `folder` are not followed: the file of a moved or an untrusted model_dir
    must not decide which other files are read.

    Raises:
      ValueError: the content is not whole, or its latest checkpoint lies outside `folder`.

    >>> parse(b'model_checkpoint_path: "model.ckpt-25"', "/models/a").latest
    'model.ckpt-25'
    """
    fields = list(_fields(content))
    latest = [_text(value) for key, value in fields if key == "model_checkpoint_path"]
    if len(latest) != 1:
        raise ValueError("it does not name exactly one latest checkpoint")
    name = _inside(latest[0], folder)
    if name is None:
        raise ValueError(f"its latest checkpoint {latest[0]!r} is not in this folder")
    paths = [_text(v) for key, v in fields if key == "all_model_checkpoint_paths"]
    times = [_number(v) for key, v in fields if key == "all_model_checkpoint_timestamps"]
    if len(times) != len(paths):
        times = [0.0] * len(paths)  # as old as can be: never kept for good on this account
    kept = [
        (inside, time)
        for path, time in zip(paths, times, strict=True)
        if (inside := _inside(path, folder)) is not None
    ]
    if name not in dict(kept):
        kept.append((name, 0.0))
    preserved = [_number(v) for key, v in fields if key == "last_preserved_timestamp"]
    return State(name, tuple(kept), preserved[-1] if preserved else 0.0)


def _fields(content: bytes) -> Iterator[tuple[str, str | float]]:
    text = content.decode("utf-8")  # UnicodeDecodeError is a ValueError
    position = 0
    while position < len(text):
        found = _FIELD.match(text, position)
        if found is None:
            raise ValueError(f"it cannot be read from byte {position} on")
        quoted = found["double"] if found["double"] is not None else found["single"]
        yield found["key"], float(found["number"]) if quoted is None else _unescape(quoted)
        position = found.end()


def _text(value: str | float) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a name was expected where it says {value}")
    return value


def _number(value: str | float) -> float:
    if isinstance(value, str) or not math.isfinite(value):
        raise ValueError(f"a time was expected where it says {value!r}")
    return value


def _inside(path: str, folder: str) -> str | None:
    """The name of `path` within `folder`, or None when it lies elsewhere."""
    absolute = os.path.normpath(os.path.join(os.path.abspath(folder), path))
    parent, name = os.path.split(absolute)
    if parent == os.path.abspath(folder) and name and "\0" not in name:
        return name
    logging.warning(
        "`%s` names %r, which is not in %s: not followed.", naming.STATE_FILE, path, folder
    )
    return None


def _quote(name: str) -> str:
    escaped = (
        chr(byte) if 32 <= byte < 127 and byte not in b"\"\\'" else f"\\{byte:03o}"
        for byte in name.encode()
    )
    return '"' + "".join(escaped) + '"'


def _unescape(text: str) -> str:
    """Undoes protocol-buffer escapes, which write UTF-8 bytes as octal numbers."""
    return _ESCAPE.sub(_plain, text.encode()).decode()


def _plain(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    if code.isdigit():
        return bytes([int(code, 8) % 256])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(code, code)
