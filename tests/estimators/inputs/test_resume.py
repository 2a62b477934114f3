"""Every input function can be stopped anywhere and goes on with the same batches, bit for bit."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from estimators import inputs

ROWS = 37
BATCH = 4
SHUFFLES = {"shuffle": True, "num_epochs": 3, "batch_size": BATCH}


def _columns():
    return {"number": np.arange(ROWS), "text": np.array([f"row {i}" for i in range(ROWS)], object)}


def _write_csv(folder, files=3):
    frame = pd.DataFrame(_columns() | {"label": np.arange(ROWS) * 10})
    for index, part in enumerate(np.array_split(np.arange(ROWS), files)):
        frame.iloc[part].to_csv(folder / f"part-{index}.csv", index=False)
    return str(folder / "part-*.csv")


def _example(row):
    number, text, label = row
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "number": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
                "text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
        )
    )


def _write_tfrecord(folder):
    columns = _columns()
    rows = list(zip(columns["number"], columns["text"], np.arange(ROWS) * 10, strict=True))
    for index in range(2):
        with tf.io.TFRecordWriter(str(folder / f"part-{index}")) as writer:
            for row in rows[index::2]:
                writer.write(_example(row).SerializeToString())
    return str(folder / "part-*")


class Numbered(tfds.core.GeneratorBasedBuilder):
    """ROWS numbered rows."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None  # looking it up needs importlib_resources, which TFDS does not require

    def _info(self):
        features = {"number": np.int64, "text": tfds.features.Text(), "label": np.int64}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(ROWS):
            yield i, {"number": i, "text": f"row {i}", "label": i * 10}


def numpy_fn(folder, seed):
    return inputs.numpy_input_fn(_columns(), np.arange(ROWS) * 10, seed=seed, **SHUFFLES)


def pandas_fn(folder, seed):
    frame = pd.DataFrame(_columns())
    return inputs.pandas_input_fn(frame, pd.Series(np.arange(ROWS) * 10), seed=seed, **SHUFFLES)


def preprocessed_fn(folder, seed):
    return numpy_fn(folder, seed).with_preprocess(
        lambda features: {"number": features["number"], "text": features["text"] + "!"}
    )


def csv_fn(folder, seed):
    return inputs.csv_input_fn(
        _write_csv(folder), label_column="label", shuffle_buffer_size=8, seed=seed, **SHUFFLES
    )


def tfrecord_fn(folder, seed):
    spec = {
        "number": tf.io.FixedLenFeature([], tf.int64),
        "text": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    return inputs.tfrecord_input_fn(
        _write_tfrecord(folder), spec, label_key="label", shuffle_buffer_size=8, seed=seed,
        **SHUFFLES,
    )  # fmt: skip


def tfds_fn(folder, seed):
    return inputs.tfds_input_fn(
        Numbered(data_dir=folder), label_key="label", download=True, shuffle_buffer_size=8,
        seed=seed, **SHUFFLES,
    )  # fmt: skip


INPUT_FNS = [numpy_fn, pandas_fn, preprocessed_fn, csv_fn, tfrecord_fn, tfds_fn]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", INPUT_FNS)
@pytest.mark.parametrize("batches_before", [0, 4, 12])
def test_a_restored_iterator_goes_on_with_the_same_batches(make, batches_before, tmp_path):
    dataset = make(tmp_path, seed=11)()
    iterator = iter(dataset)
    for _ in range(batches_before):
        next(iterator)
    path = tf.train.Checkpoint(it=iterator).write(str(tmp_path / "ckpt"))
    rest = [_as_lists(batch) for batch in iterator]

    # The other seed stands for a process that was started without one.
    restored = iter(make(tmp_path, seed=99)())
    tf.train.Checkpoint(it=restored).read(path).assert_consumed()

    assert [_as_lists(batch) for batch in restored] == rest
    assert len(rest) == -(-3 * ROWS // BATCH) - batches_before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", INPUT_FNS)
def test_each_epoch_is_a_new_order_of_all_rows_and_the_seed_decides_it(make, tmp_path):
    first, again, other = (_numbers(make(tmp_path, seed)()) for seed in (1, 1, 2))

    epochs = np.split(first, 3)
    assert all(sorted(epoch) == list(range(ROWS)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", INPUT_FNS)
def test_columns_and_labels_of_a_row_stay_together(make, tmp_path):
    for features, labels in make(tmp_path, seed=3)().as_numpy_iterator():
        np.testing.assert_array_equal(labels, features["number"] * 10)
        texts = [text.decode().rstrip("!") for text in features["text"]]
        assert texts == [f"row {number}" for number in features["number"]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("make", INPUT_FNS)
def test_workers_read_every_row_of_an_epoch_once(make, workers, tmp_path):
    read = []
    for worker in range(workers):
        context = tf.distribute.InputContext(workers, worker, workers)
        read.append(_numbers(make(tmp_path, seed=5)(input_context=context)))

    together = np.concatenate(read)
    assert all(len(part) for part in read)
    np.testing.assert_array_equal(np.bincount(together), np.full(ROWS, 3))


def _as_lists(batch):
    return tf.nest.map_structure(lambda tensor: tensor.numpy().tolist(), batch)


def _numbers(dataset):
    return np.concatenate([features["number"] for features, _ in dataset.as_numpy_iterator()])
