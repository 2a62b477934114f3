"""Records of many files, shuffled through a buffer: what csv, tfrecord and tfds share.

Shuffling files is done in two stages: the files change places each epoch and a few are read in
turn, then a buffer of records is shuffled. The saved state of an iterator holds that buffer, so
its size in a checkpoint is `shuffle_buffer_size` times the bytes of a record as it stands in the
file (10,000 lines of a census file: about 1.3 MB).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimators.aliases import Dataset, Features, Labels, Tensor
from estimators.inputs.options import ReadOptions, Shard, at_least_one
from estimators.inputs.positions import random_key

# Open at a time when shuffling, and records taken from each in turn.
_OPEN_FILES = 4
_BLOCK_RECORDS = 16


@dataclasses.dataclass(frozen=True)
class Records:
    """A set of files that hold records, and how one is opened.

    Attributes:
        files: one entry per file, as parallel sequences: what `open_file` is called with.
        open_file: returns the dataset of the records of one file.
    """

    files: tuple[Sequence[Any], ...]
    open_file: Callable[..., Dataset]

    def read(
        self, options: ReadOptions, *, seed: int, shard: Shard, shuffle_buffer_size: int
    ) -> Dataset:
        """Returns the dataset of records, epochs end to end.

        With at least as many files as shards, a shard is a part of the files; otherwise every
        worker reads all files and keeps every `count`-th record.
        """
        at_least_one("shuffle_buffer_size", shuffle_buffer_size)
        epochs = tf.data.Dataset.range(options.num_epochs or tf.int64.max)
        if not options.shuffle:
            return epochs.flat_map(lambda _: self._in_order(shard))

        def shuffled(epoch_seed: Tensor) -> Dataset:
            records = self._in_order(shard, shuffle_files_by=epoch_seed)
            return _shuffle(records, shuffle_buffer_size, epoch_seed)

        # `Dataset.shuffle` with a constant seed, repeated, would do but for one thing: an iterator
        # saved before its first batch does not hold that seed.
        return epochs.scan(tf.constant(seed, tf.int64), _epoch_seed).flat_map(shuffled)

    def _in_order(self, shard: Shard, shuffle_files_by: Tensor | None = None) -> Dataset:
        count = len(self.files[0])
        files = tf.data.Dataset.from_tensor_slices(self.files)
        by_file = count >= shard.count
        if by_file:
            files = files.shard(shard.count, shard.index)
        if shuffle_files_by is None:
            records = files.flat_map(self.open_file)
        else:
            records = _shuffle(files, count, shuffle_files_by).interleave(
                self.open_file, cycle_length=_OPEN_FILES, block_length=_BLOCK_RECORDS
            )
        return records if by_file else records.shard(shard.count, shard.index)


def _epoch_seed(seed: Tensor, epoch: Tensor) -> tuple[Tensor, Tensor]:
    return seed, random_key(seed, epoch)


def _shuffle(dataset: Dataset, buffer_size: int, seed: Tensor) -> Dataset:
    # `Dataset.shuffle` makes an op with a state inside `flat_map`, which no iterator can then save.
    spec = dataset.element_spec
    shuffled = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=buffer_size,
        seed=seed,
        seed2=1,
        output_types=[leaf.dtype for leaf in tf.nest.flatten(spec)],
        output_shapes=[leaf.shape for leaf in tf.nest.flatten(spec)],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(shuffled, spec)


def matching_files(file_pattern: str | Sequence[str]) -> list[str]:
    """Returns the files that match one glob pattern or several, sorted, each once.

    Raises:
        ValueError: a pattern matches no file.
    """
    patterns = [file_pattern] if isinstance(file_pattern, str) else list(file_pattern)
    found: set[str] = set()
    for pattern in patterns:
        files = tf.io.gfile.glob(pattern)
        if not files:
            raise ValueError(
                f"No file matches {pattern!r}. Check the path, and that the pattern is quoted "
                "against the shell."
            )
        found.update(files)
    if not found:
        raise ValueError(f"`file_pattern` must name at least one file, got {file_pattern!r}.")
    return sorted(found)


def split_labels(features: Features, label: str | Sequence[str] | None) -> Any:
    """Returns `features`, or `(features, labels)` with the labels taken out of the features.

    >>> split_labels({"x": 1, "y": 2}, "y")
    ({'x': 1}, 2)
    >>> split_labels({"x": 1, "y": 2}, ["y"])
    ({'x': 1}, {'y': 2})
    """
    if label is None:
        return features
    names = label_names(label)
    rest = {key: value for key, value in features.items() if key not in names}
    labels: Labels = {name: features[name] for name in names}
    return rest, labels[label] if isinstance(label, str) else labels


def label_names(label: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns the names of the labels, one or several or none, as a tuple."""
    if label is None:
        return ()
    return (label,) if isinstance(label, str) else tuple(label)
