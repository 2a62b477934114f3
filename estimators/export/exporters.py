"""Exporters: which of the models of a training run become SavedModels, and how many are kept.

`train_and_evaluate` asks each exporter after each evaluation.
"""

from __future__ import annotations

import abc
import inspect
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from absl import logging

from estimators.aliases import Metrics
from estimators.checkpoints import LocalFileSystem
from estimators.export import ledger, publication
from estimators.export.receivers import ReceiverFn


class Exporter(abc.ABC):
    """Decides after an evaluation whether to export."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Name of the folder of its exports, `model_dir/export/<name>`."""

    @abc.abstractmethod
    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Metrics,
        is_the_final_export: bool,
    ) -> bytes | None:
        """Exports, or does not.

        Args:
            estimator: has `export_saved_model`.
            export_path: folder of the exports of this exporter.
            checkpoint_path: what was evaluated.
            eval_result: metrics by name.
            is_the_final_export: whether training is over.

        Returns:
            The path of the export; None when there was none.
        """


@dataclass(frozen=True)
class _Writing:
    """How each export of an exporter is made."""

    receiver_fn: ReceiverFn | None
    assets_extra: Mapping[str, str] | None
    as_text: bool

    def write(self, estimator: Any, export_path: str, checkpoint_path: str) -> bytes:
        path: bytes = estimator.export_saved_model(
            export_path,
            self.receiver_fn,
            assets_extra=self.assets_extra,
            as_text=self.as_text,
            checkpoint_path=checkpoint_path,
        )
        return path


@final
class LatestExporter(Exporter):
    """Exports after every evaluation, and keeps the newest exports.

    Args:
        name: see `Exporter.name`.
        serving_input_receiver_fn: see `Estimator.export_saved_model`.
        assets_extra: see `Estimator.export_saved_model`.
        as_text: see `Estimator.export_saved_model`.
        exports_to_keep: number of exports to keep; None keeps all.

    Raises:
        ValueError: `exports_to_keep` is not positive.

    >>> LatestExporter("latest", lambda: None, exports_to_keep=2).name
    'latest'
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: ReceiverFn,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        self._name = name
        self._writing = _Writing(serving_input_receiver_fn, assets_extra, as_text)
        self._exports_to_keep = _checked(exports_to_keep)

    @property
    def name(self) -> str:
        """See `Exporter.name`."""
        return self._name

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Metrics,
        is_the_final_export: bool,
    ) -> bytes | None:
        """Exports; see `Exporter.export`."""
        path = self._writing.write(estimator, export_path, checkpoint_path)
        _remove_old(export_path, self._exports_to_keep)
        return path


@final
class FinalExporter(Exporter):
    """Exports once, at the end of training.

    Args:
        name: see `Exporter.name`.
        serving_input_receiver_fn: see `Estimator.export_saved_model`.
        assets_extra: see `Estimator.export_saved_model`.
        as_text: see `Estimator.export_saved_model`.

    >>> exporter = FinalExporter("final", lambda: None)
    >>> exporter.export(None, "export", "model.ckpt-1", {}, is_the_final_export=False) is None
    True
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: ReceiverFn,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
    ) -> None:
        self._name = name
        self._writing = _Writing(serving_input_receiver_fn, assets_extra, as_text)

    @property
    def name(self) -> str:
        """See `Exporter.name`."""
        return self._name

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Metrics,
        is_the_final_export: bool,
    ) -> bytes | None:
        """Exports if training is over; see `Exporter.export`."""
        if not is_the_final_export:
            return None
        logging.info("Performing the final export in the end of training.")
        return self._writing.write(estimator, export_path, checkpoint_path)


def _loss_smaller(best_eval_result: Metrics, current_eval_result: Metrics) -> bool:
    """Says whether the current loss is below the best one.

    Raises:
        ValueError: a result has no loss.
    """
    for name, result in (("best", best_eval_result), ("current", current_eval_result)):
        if not result or "loss" not in result:
            raise ValueError(
                f"{name}_eval_result cannot be empty or no loss is found in it. Got: {result}. "
                "Give BestExporter a compare_fn for another metric."
            )
    best, current = best_eval_result["loss"], current_eval_result["loss"]
    # Nothing is below NaN, so that a first NaN would stay the best for ever.
    return bool(best > current or (math.isnan(best) and not math.isnan(current)))


@final
class BestExporter(Exporter):
    """Exports a model that is better than every one before it.

    The best result is kept in `best.json` beside the exports, so that it survives a restart: a
    model that is worse is then not exported. (In `tf.estimator` the first evaluation after a
    restart was exported whatever it was.)

    Args:
        name: see `Exporter.name`.
        serving_input_receiver_fn: see `Estimator.export_saved_model`.
        event_file_pattern: accepted for old code and not used: event files are not read.
        compare_fn: `compare_fn(best_eval_result, current_eval_result)`, true if current is better.
        assets_extra: see `Estimator.export_saved_model`.
        as_text: see `Estimator.export_saved_model`.
        exports_to_keep: number of exports to keep; None keeps all.

    Raises:
        ValueError: `compare_fn` has other arguments, or `exports_to_keep` is not positive.

    >>> by_auc = lambda best_eval_result, current_eval_result: (
    ...     current_eval_result["auc"] > best_eval_result["auc"])
    >>> BestExporter(serving_input_receiver_fn=lambda: None, compare_fn=by_auc).name
    'best_exporter'
    """

    def __init__(
        self,
        name: str = "best_exporter",
        serving_input_receiver_fn: ReceiverFn | None = None,
        event_file_pattern: str | None = "eval/*.tfevents.*",
        compare_fn: Callable[..., bool] = _loss_smaller,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        _check_compare_fn(compare_fn)
        self._name = name
        self._writing = _Writing(serving_input_receiver_fn, assets_extra, as_text)
        self._compare_fn = compare_fn
        self._exports_to_keep = _checked(exports_to_keep)

    @property
    def name(self) -> str:
        """See `Exporter.name`."""
        return self._name

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: Metrics,
        is_the_final_export: bool,
    ) -> bytes | None:
        """Exports if the result is better than the best; see `Exporter.export`."""
        current = ledger.plain(eval_result or {})
        best = ledger.read(export_path)
        if best is not None and not self._compare_fn(
            best_eval_result=best.eval_result, current_eval_result=current
        ):
            return None
        path = self._writing.write(estimator, export_path, checkpoint_path)
        # Killed here, the next run exports this model once more, which is better than never.
        name = os.path.basename(os.fsdecode(path))
        step = current.get("global_step")
        ledger.write(export_path, ledger.Best(current, step, name))
        _remove_old(export_path, self._exports_to_keep)
        return path


def _check_compare_fn(compare_fn: Any) -> None:
    if not callable(compare_fn):
        raise ValueError(f"`compare_fn` must be a function, got {compare_fn!r}.")
    expected = {"best_eval_result", "current_eval_result"}
    names = set(inspect.signature(compare_fn).parameters)
    if names != expected:
        raise ValueError(
            f"`compare_fn` ({compare_fn}) must have exactly the arguments {sorted(expected)}, got "
            f"{sorted(names)}."
        )


def _checked(exports_to_keep: int | None) -> int | None:
    if exports_to_keep is not None and exports_to_keep <= 0:
        raise ValueError(
            "`exports_to_keep`, if provided, must be a positive number. Got "
            f"{exports_to_keep}; None keeps all."
        )
    return exports_to_keep


def _remove_old(folder: str, keep: int | None) -> None:
    """Removes all but the newest exports of a folder."""
    if keep is None:
        return
    files = LocalFileSystem()
    for name in publication.published(folder, files)[:-keep]:
        try:
            files.remove_folder(os.path.join(folder, name))
        except OSError as error:
            logging.warning("The old export %s/%s cannot be removed: %s", folder, name, error)
