"""What a `BestExporter` remembers: the best evaluation that it exported, in one small file.

`tf.estimator` read the best value back from event files, whose last record a kill leaves damaged,
and did not look at it at the first export after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from absl import logging

from estimators.checkpoints import LocalFileSystem
from estimators.checkpoints.folder import Folder

_FILE = "best.json"
_SCRATCH = "best.json.temp"


@final
@dataclass(frozen=True)
class Best:
    """The best export so far.

    Attributes:
        eval_result: metrics by name, as Python numbers, strings and lists.
        step: global step of the evaluation; None when the metrics do not say.
        export: name of the export in its folder.
    """

    eval_result: Mapping[str, Any]
    step: int | None
    export: str


def read(folder: str) -> Best | None:
    """Returns what was exported best into a folder; None if nothing was, or it is not known."""
    held = Folder(folder, LocalFileSystem())
    if not held.has(_FILE):
        return None
    try:
        best = Best(**json.loads(held.files.read(held.at(_FILE))))
    except (ValueError, TypeError) as error:
        logging.warning("%s/%s cannot be read and is begun anew: %s", folder, _FILE, error)
        return None
    if not held.has(best.export):
        logging.info("The best export, %s/%s, is gone; the next one counts.", folder, best.export)
        return None
    return best


def write(folder: str, best: Best) -> None:
    """Replaces what is remembered of a folder, atomically."""
    content = json.dumps(asdict(best), indent=1, sort_keys=True).encode()
    held = Folder(folder, LocalFileSystem())
    held.write_atomically(_FILE, content, scratch=_SCRATCH)
    held.files.sync(folder)


def plain(eval_result: Mapping[str, Any]) -> dict[str, Any]:
    """Returns metrics as JSON can hold them, without losing a digit."""
    return {str(name): _plain(value) for name, value in eval_result.items()}


def _plain(value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
