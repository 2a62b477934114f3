"""`tfrecord_input_fn`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimators.aliases import Dataset, Tensor
from estimators.inputs.files import Records, label_names, matching_files, split_labels
from estimators.inputs.options import ReadOptions, Shard, finish


def tfrecord_input_fn(
    file_pattern: str | Sequence[str],
    feature_spec: Mapping[str, Any],
    batch_size: int = 128,
    label_key: str | Sequence[str] | None = None,
    num_epochs: int | None = 1,
    *,
    shuffle: bool = False,
    compression_type: str = "",
    shuffle_buffer_size: int = 10_000,
    seed: int | None = None,
) -> TFRecordInputFn:
    """Returns an input function that reads `tf.Example`s from TFRecord files.

    Args:
        file_pattern: path, glob pattern, or several; read in sorted order.
        feature_spec: `FixedLenFeature`, `VarLenFeature`, `RaggedFeature`, ... by key, of the
            features and the label, as `premade.classifier_parse_example_spec` makes it.
        batch_size: rows per batch and per replica.
        label_key: the key to take out of the features as label; several keys give a dict of
            labels; None gives features only.
        num_epochs: passes over the files; None means without end. A batch may span two passes.
        shuffle: whether files and examples are shuffled, anew each epoch.
        compression_type: "", "GZIP" or "ZLIB".
        shuffle_buffer_size: examples that are shuffled together; they are part of the saved state
            of an iterator, as serialized bytes.
        seed: of the shuffles; None means the `tf_random_seed` of the run.

    Returns:
        `input_fn(config=None, input_context=None)`, which gives a dataset of `features` (dict of
        tensors `[batch, ...]`) or `(features, labels)`. A ValueError at its call tells of a
        pattern without files, or of files that are all empty.

    Raises:
        ValueError: a number is below 1, or `label_key` is not in `feature_spec`.

    >>> import pathlib, tempfile
    >>> path = str(pathlib.Path(tempfile.mkdtemp()) / "examples")
    >>> feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[7]))
    >>> example = tf.train.Example(features=tf.train.Features(feature={"x": feature}))
    >>> with tf.io.TFRecordWriter(path) as writer:
    ...     writer.write(example.SerializeToString())
    >>> spec = {"x": tf.io.FixedLenFeature([], tf.int64)}
    >>> list(tfrecord_input_fn(path, spec)().as_numpy_iterator())
    [{'x': array([7])}]
    """
    for name in label_names(label_key):
        if name not in feature_spec:
            raise ValueError(
                f"`label_key` {name!r} must be a key of `feature_spec`, got {sorted(feature_spec)}."
            )
    return TFRecordInputFn(
        file_pattern=file_pattern,
        feature_spec=feature_spec,
        options=ReadOptions(batch_size, num_epochs, shuffle, seed),
        label_key=label_key,
        compression_type=compression_type,
        shuffle_buffer_size=shuffle_buffer_size,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TFRecordInputFn:
    """Reads batches from TFRecord files; see `tfrecord_input_fn` for the attributes."""

    file_pattern: str | Sequence[str]
    feature_spec: Mapping[str, Any]
    options: ReadOptions
    label_key: str | Sequence[str] | None
    compression_type: str
    shuffle_buffer_size: int

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert
    def __call__(self, config: Any = None, input_context: Any = None) -> Dataset:
        """Returns the dataset of `features` or `(features, labels)`, in batches."""
        shard = Shard.of(input_context)
        records = Records((_files_with_bytes(self.file_pattern),), self._open_file)
        serialized = records.read(
            self.options,
            seed=self.options.seed_of(config, shard),
            shard=shard,
            shuffle_buffer_size=self.shuffle_buffer_size,
        )
        batches = serialized.batch(self.options.batch_size)

        def parse(examples: Tensor) -> Any:
            features = tf.io.parse_example(examples, dict(self.feature_spec))
            return split_labels(features, self.label_key)

        return finish(batches.map(parse, num_parallel_calls=tf.data.AUTOTUNE), shard)

    def _open_file(self, path: Tensor) -> Dataset:
        return tf.data.TFRecordDataset(path, self.compression_type, buffer_size=1 << 20)


def _files_with_bytes(file_pattern: str | Sequence[str]) -> list[str]:
    files = matching_files(file_pattern)
    full = [file for file in files if tf.io.gfile.stat(file).length]
    if not full:
        # Repeating nothing without end would wait for ever instead.
        raise ValueError(f"All files that match {file_pattern!r} are empty: {files}.")
    return full
