"""`tfds_input_fn`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimators.aliases import Dataset, Tensor
from estimators.inputs.files import Records, label_names, split_labels
from estimators.inputs.options import ReadOptions, Shard, finish


def tfds_input_fn(
    name_or_builder: Any,
    split: str = "train",
    batch_size: int = 128,
    label_key: str | Sequence[str] | None = None,
    num_epochs: int | None = 1,
    *,
    shuffle: bool = False,
    data_dir: str | None = None,
    download: bool = False,
    decoders: Any = None,
    shuffle_buffer_size: int = 10_000,
    seed: int | None = None,
) -> TfdsInputFn:
    """Returns an input function that reads a prepared TensorFlow dataset (tensorflow-datasets).

    Where every feature is a plain tensor, text or class label, examples are parsed a batch at a
    time; otherwise (images, sequences, ...) they are decoded one by one and then batched.

    Args:
        name_or_builder: name as in `tfds.load`, or a `tfds.core.DatasetBuilder`.
        split: split as in `tfds.load`, slices included: "train[:80%]".
        batch_size: rows per batch and per replica.
        label_key: the feature to take out as label; several give a dict of labels; None gives
            features only.
        num_epochs: passes over the split; None means without end. A batch may span two passes.
        shuffle: whether files and examples are shuffled, anew each epoch.
        data_dir: where the data was prepared; None means the default of tensorflow-datasets. Not
            for a builder, which knows.
        download: whether to prepare the data if it is not there yet.
        decoders: how to decode features otherwise, as in `tfds.load`.
        shuffle_buffer_size: examples that are shuffled together; they are part of the saved state
            of an iterator, as serialized bytes.
        seed: of the shuffles; None means the `tf_random_seed` of the run.

    Returns:
        `input_fn(config=None, input_context=None)`, which gives a dataset of `features` (dict of
        tensors `[batch, ...]`) or `(features, labels)`. At its call a ValueError tells of data
        that is not prepared, of an unknown label, or of files that are not TFRecord files.

    Raises:
        ValueError: a number is below 1, or `data_dir` is given with a builder.

    >>> input_fn = tfds_input_fn("titanic", "train[:80%]", label_key="survived", shuffle=True)
    >>> input_fn.split
    'train[:80%]'
    """
    if data_dir is not None and not isinstance(name_or_builder, str):
        raise ValueError("`data_dir` is for a dataset given by name; a builder has its own.")
    return TfdsInputFn(
        name_or_builder=name_or_builder,
        split=split,
        options=ReadOptions(batch_size, num_epochs, shuffle, seed),
        label_key=label_key,
        data_dir=data_dir,
        download=download,
        decoders=decoders,
        shuffle_buffer_size=shuffle_buffer_size,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TfdsInputFn:
    """Reads batches of a prepared TensorFlow dataset; see `tfds_input_fn` for the attributes."""

    name_or_builder: Any
    split: str
    options: ReadOptions
    label_key: str | Sequence[str] | None
    data_dir: str | None
    download: bool
    decoders: Any
    shuffle_buffer_size: int

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert
    def __call__(self, config: Any = None, input_context: Any = None) -> Dataset:
        """Returns the dataset of `features` or `(features, labels)`, in batches."""
        builder = self._prepared_builder()
        features = builder.info.features
        for name in label_names(self.label_key):
            if name not in features:
                raise ValueError(
                    f"`label_key` {name!r} must be a feature of {builder.info.full_name}, "
                    f"got {sorted(features)}."
                )
        shard = Shard.of(input_context)
        records = Records(_file_parts(builder, self.split), _open_part).read(
            self.options,
            seed=self.options.seed_of(config, shard),
            shard=shard,
            shuffle_buffer_size=self.shuffle_buffer_size,
        )
        rows = self._decoded_batches(records, features)

        def split_off_labels(row: Any) -> Any:
            return split_labels(row, self.label_key)

        return finish(rows.map(split_off_labels), shard)

    def _prepared_builder(self) -> Any:
        builder = self.name_or_builder
        if isinstance(builder, str):
            import tensorflow_datasets as tfds

            builder = tfds.builder(builder, data_dir=self.data_dir)
        if self.download:
            builder.download_and_prepare()
        if not builder.is_prepared():
            raise ValueError(
                f"Dataset {builder.info.full_name} is not prepared in {builder.data_dir}. Call "
                "download_and_prepare() on its builder, pass download=True, or point `data_dir` "
                "at the folder that holds it."
            )
        return builder

    def _decoded_batches(self, records: Dataset, features: Any) -> Dataset:
        size = self.options.batch_size
        if self.decoders is None and _is_plain(features):
            parse = _BatchParser(features).parse
            return records.batch(size).map(parse, num_parallel_calls=tf.data.AUTOTUNE)

        def decode(record: Tensor) -> Any:
            return features.deserialize_example(record, decoders=self.decoders)

        return records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(size)


def _file_parts(builder: Any, split: str) -> tuple[Any, ...]:
    """Returns (path, skip, take) of every file of the split, as parallel lists."""
    format_name = builder.info.file_format.value
    if format_name != "tfrecord":
        raise ValueError(
            f"{builder.info.full_name} in {builder.data_dir} must hold TFRecord files, got "
            f"{format_name!r}. Prepare it with file_format='tfrecord'."
        )
    parts = [part for part in builder.info.splits[split].file_instructions if part.take]
    if not parts:
        raise ValueError(f"Split {split!r} of {builder.info.full_name} has no examples.")
    # Counts go through the dataset as int64, which `Dataset.skip` and `take` want.
    return (
        [str(part.filename) for part in parts],
        tf.constant([part.skip for part in parts], tf.int64),
        tf.constant([part.take for part in parts], tf.int64),
    )


def _open_part(path: Tensor, skip: Tensor, take: Tensor) -> Dataset:
    return tf.data.TFRecordDataset(path, buffer_size=1 << 20).skip(skip).take(take)


def _is_plain(features: Any) -> bool:
    """Whether each feature stands in the `tf.Example` as it is, but for its integer type."""
    import tensorflow_datasets as tfds

    plain = (tfds.features.Scalar, tfds.features.Text, tfds.features.ClassLabel)
    return (
        isinstance(features, tfds.features.FeaturesDict)
        and all(type(feature) in (*plain, tfds.features.Tensor) for feature in features.values())
        and all(_is_stored_as_is(features, key) for key in features)
    )


def _is_stored_as_is(features: Any, key: str) -> bool:
    spec = features.tf_example_spec.get(key)
    is_text = features.get_tensor_spec()[key].dtype == tf.string
    # Elsewhere a string in the Example means encoded or compressed bytes.
    return isinstance(spec, tf.io.FixedLenFeature) and (spec.dtype == tf.string) == is_text


@dataclasses.dataclass(frozen=True)
class _BatchParser:
    features: Any

    def parse(self, records: Tensor) -> dict[str, Tensor]:
        row = tf.io.parse_example(records, self.features.tf_example_spec)
        specs = self.features.get_tensor_spec()
        return {key: tf.cast(row[key], specs[key].dtype) for key in specs}
