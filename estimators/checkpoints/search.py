"""Which checkpoint of a model_dir is the latest that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from absl import logging

from estimators.checkpoints import naming, state_file
from estimators.checkpoints.folder import Folder
from estimators.checkpoints.manifest import Manifest
from estimators.checkpoints.validation import Damage, Level, Validator
from estimators.errors import DamagedCheckpointError

_TRIES = 5


@final
@dataclass(frozen=True)
class Survey:
    """What a model_dir claims to hold.

    Attributes:
      candidates: checkpoint names, the one to trust first first.
      state: what the state file says; None when it is missing or cannot be trusted.
      has_state_file: whether there is one, of whatever content. It is written after the first
        commit only, so where it is, a checkpoint once was.
      state_error: why it could not be read just now, which says nothing about its content: who
        means to replace it must not.
    """

    candidates: tuple[str, ...]
    state: state_file.State | None
    has_state_file: bool
    state_error: OSError | None = field(default=None, compare=False)


@final
@dataclass(frozen=True)
class Search:
    """The outcome: a checkpoint, or the reasons why there is none.

    Attributes:
      checkpoint: the name of the latest good one; None when there is none.
      manifest: its manifest; None when another program wrote it.
      damages: what was wrong with those that come before it.
      survey: what the search was based on.
    """

    checkpoint: str | None
    manifest: Manifest | None
    damages: tuple[Damage, ...]
    survey: Survey


def survey(folder: Folder) -> Survey:
    """Reads the state file and scans the folder.

    The state file decides which checkpoint comes first: its rename is what commits one, and people
    edit it to go back to an older one. What it does not list follows, the highest step first.
    """
    scanned = naming.checkpoints_among(folder.names())
    has_state_file = folder.has(naming.STATE_FILE)
    state, state_error = None, None
    try:
        state = state_file.read_state(folder)
    except (ValueError, OSError) as error:
        state_error = error if isinstance(error, OSError) else None
        logging.warning(
            "%s cannot be trusted: %s. Looking at the files themselves.",
            folder.at(naming.STATE_FILE),
            error,
        )
    if state is None:
        return Survey(tuple(scanned), None, has_state_file, state_error)
    rest = dict.fromkeys([*scanned, *(name for name, _ in reversed(state.kept))])
    rest.pop(state.latest, None)
    by_step = sorted(rest, key=lambda name: naming.step_in(name) or 0, reverse=True)
    return Survey((state.latest, *by_step), state, has_state_file)


def search(validator: Validator, level: Level) -> Search:
    """Finds the latest checkpoint that is whole.

    Another process may commit and delete meanwhile. What vanished under our eyes is not damaged,
    so when the folder's claims have changed, the search starts again.
    """
    claims = survey(validator.folder)
    for _ in range(_TRIES):
        outcome = _search_once(claims, validator, level)
        if not outcome.damages:
            return outcome
        before, claims = claims, survey(validator.folder)
        if claims == before:
            return outcome
    return outcome


def _search_once(claims: Survey, validator: Validator, level: Level) -> Search:
    damages: list[Damage] = []
    for checkpoint in claims.candidates:
        inspection = validator.inspect(checkpoint, level)
        if inspection.damage is None:
            return Search(checkpoint, inspection.manifest, tuple(damages), claims)
        damages.append(inspection.damage)
    return Search(None, None, tuple(damages), claims)


def check_not_lost(folder: Folder, outcome: Search) -> None:
    """Refuses to call a folder empty when a checkpoint once was in it.

    Raises:
      DamagedCheckpointError: there are traces of checkpoints, and none can be read.
    """
    if outcome.checkpoint is not None:
        return
    if outcome.damages:
        raise DamagedCheckpointError(_lost(folder, outcome.damages))
    if outcome.survey.has_state_file:
        nothing = Damage("", naming.STATE_FILE, "is there, but no checkpoint that it could mean")
        raise DamagedCheckpointError(_lost(folder, [nothing]))


def _lost(folder: Folder, damages: Sequence[Damage]) -> str:
    reasons = "\n".join(f"  {damage}" for damage in damages)
    return (
        f"{folder.path} has checkpoints and none of them can be trusted:\n{reasons}\n"
        "Nothing was changed, and training does not start afresh by itself. Either\n"
        "  restore the files named above from a copy (if only a manifest is damaged, delete that\n"
        "  manifest: the variables are then validated by TensorFlow's own checksums), or\n"
        "  use another model_dir, or\n"
        f"  start afresh by deleting `{naming.STATE_FILE}` and `model.ckpt-*` in this one."
    )
