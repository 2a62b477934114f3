"""Predictions for files, in shards that appear by rename.

A run that is killed is run again with the same command: shards that are there are kept, the next
one is begun at its first row, and `_SUCCESS` appears when all are there. Rows keep their order, so
that a row's place in the output is its place in the input.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from estimators.checkpoints.filesystem import LocalFileSystem
from estimators.checkpoints.folder import Folder
from estimators.cli.row_formats import FORMATS, Row
from estimators.estimator import Estimator
from estimators.inputs import csv_input_fn, tfrecord_input_fn

_MANIFEST, _SUCCESS = "manifest.json", "_SUCCESS"
_BATCH = 512


@dataclasses.dataclass(frozen=True)
class Job:
    """What to predict, and where to.

    Attributes:
        pattern: glob of the input files, read in sorted order.
        input_format: `csv` or `tfrecord` (of tf.Examples).
        output: folder of the shards.
        output_format: `jsonl`, `csv` or `tfrecord`.
        rows_per_shard: rows in one file.

    Raises:
        ValueError: `rows_per_shard` is not positive.

    Example:
        >>> Job("in-*.csv", "csv", "out", "jsonl").shard_name(3)
        'predictions-00003.jsonl'
    """

    pattern: str
    input_format: str
    output: str
    output_format: str = "jsonl"
    rows_per_shard: int = 10_000

    def __post_init__(self) -> None:
        if self.rows_per_shard < 1:
            raise ValueError(f"`rows_per_shard` must be positive, got {self.rows_per_shard}.")

    def shard_name(self, shard: int) -> str:
        """Returns the file name of a shard."""
        return f"predictions-{shard:05d}.{self.output_format}"

    def run(self, estimator: Estimator, feature_spec: Mapping[str, Any]) -> str:
        """Predicts what is not predicted yet; returns a sentence about it.

        Args:
            estimator: predicts with its newest checkpoint, or the one that the interrupted run
                used.
            feature_spec: names and types of the features.

        Raises:
            ValueError: no file matches, or the folder holds predictions of something else.
        """
        folder = Folder(self.output, LocalFileSystem())
        folder.files.make_folder(self.output)
        _remove_scratch(folder)
        manifest = self._settled_manifest(folder, estimator)
        if folder.has(_SUCCESS):
            return f"{self.output} is complete already: {self._summary(folder)}"
        done = next(n for n in itertools.count() if not folder.has(self.shard_name(n)))
        if done:
            logging.info("Going on behind %d finished shards in %s.", done, self.output)
        rows = self._rows(estimator, feature_spec, manifest["checkpoint"], done)
        total = done * self.rows_per_shard
        for shard in itertools.count(done):
            chunk = list(itertools.islice(rows, self.rows_per_shard))
            if not chunk:
                break
            self._publish(folder, self.shard_name(shard), chunk)
            total += len(chunk)
            logging.info("Predicted %d rows, shard %d.", total, shard)
            if len(chunk) < self.rows_per_shard:
                break
        content = json.dumps({"rows": total}) + "\n"
        _write(folder, _SUCCESS, content)
        return f"Predictions in {self.output}: {self._summary(folder)}"

    def _summary(self, folder: Folder) -> str:
        rows = json.loads(folder.files.read(folder.at(_SUCCESS)))["rows"]
        return f"{rows} rows in {-(-rows // self.rows_per_shard)} shards."

    def _settled_manifest(self, folder: Folder, estimator: Estimator) -> dict[str, Any]:
        """Returns what this folder is for; refuses a folder that is for something else."""
        mine = {
            "inputs": [_identity(path) for path in self._files()],
            "rows_per_shard": self.rows_per_shard,
            "output_format": self.output_format,
            "model_dir": os.path.abspath(estimator.model_dir),
        }
        if not folder.has(_MANIFEST):
            mine["checkpoint"] = estimator.latest_checkpoint()
            _write(folder, _MANIFEST, json.dumps(mine, indent=2, sort_keys=True) + "\n")
            return mine
        theirs: dict[str, Any] = json.loads(folder.files.read(folder.at(_MANIFEST)))
        different = [key for key, value in mine.items() if theirs.get(key) != value]
        if different:
            key = different[0]
            raise ValueError(
                f"{self.output} holds predictions of another job: its {key} is {theirs.get(key)}, "
                f"now it is {mine[key]}. Give another --output, or delete that folder."
            )
        return theirs

    def _files(self) -> list[str]:
        files = sorted(tf.io.gfile.glob(self.pattern))
        if not files:
            raise ValueError(f"No file matches --input={self.pattern}.")
        return files

    def _rows(
        self, estimator: Estimator, feature_spec: Mapping[str, Any], checkpoint: str, done: int
    ) -> Iterator[Row]:
        """Yields predictions, one row each, from the first row of shard `done` on."""
        batch = next(n for n in range(_BATCH, 0, -1) if self.rows_per_shard % n == 0)
        read = self._input_fn(feature_spec, batch)
        skipped = done * self.rows_per_shard // batch
        return estimator.predict(lambda: read().skip(skipped), checkpoint_path=checkpoint)

    def _input_fn(self, feature_spec: Mapping[str, Any], batch: int) -> Callable[[], Any]:
        if self.input_format == "tfrecord":
            return tfrecord_input_fn(self.pattern, feature_spec, batch_size=batch, num_epochs=1)
        return csv_input_fn(
            self.pattern,
            batch_size=batch,
            select_columns=sorted(feature_spec),
            dtypes={key: parse.dtype for key, parse in feature_spec.items()},
        )

    def _publish(self, folder: Folder, name: str, rows: Sequence[Row]) -> None:
        scratch = folder.at(f"{name}.tmp")
        FORMATS[self.output_format](scratch, rows)
        folder.files.sync(scratch)
        folder.files.rename(scratch, folder.at(name))
        folder.files.sync(folder.path)


def _identity(path: str) -> dict[str, Any]:
    """Returns what tells a changed input file from the same one."""
    stat = os.stat(path)
    return {"path": os.path.abspath(path), "bytes": stat.st_size, "changed_ns": stat.st_mtime_ns}


def _write(folder: Folder, name: str, content: str) -> None:
    folder.write_atomically(name, content.encode(), scratch=f"{name}.tmp")
    folder.files.sync(folder.path)


def _remove_scratch(folder: Folder) -> None:
    """Removes what a killed run left half written."""
    names: Iterable[str] = folder.names()
    for name in names:
        if name.endswith(".tmp"):
            folder.files.remove(folder.at(name))
