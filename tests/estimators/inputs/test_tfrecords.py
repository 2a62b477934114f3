import pytest
import tensorflow as tf

from estimators.inputs import tfrecord_input_fn

SPEC = {
    "n": tf.io.FixedLenFeature([], tf.int64),
    "words": tf.io.VarLenFeature(tf.string),
    "weights": tf.io.RaggedFeature(tf.float32),
}


def _example(number):
    features = {
        "n": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
        "words": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"w"] * number)),
        "weights": tf.train.Feature(float_list=tf.train.FloatList(value=[0.5] * number)),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _write(path, numbers, compression=""):
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for number in numbers:
            writer.write(_example(number))
    return str(path)


def test_examples_are_parsed_in_the_order_of_the_files(tmp_path):
    _write(tmp_path / "b", [3])
    _write(tmp_path / "a", [1, 2])
    batches = list(tfrecord_input_fn(str(tmp_path / "*"), SPEC, 2, "n", num_epochs=2)())

    assert [labels.numpy().tolist() for _, labels in batches] == [[1, 2], [3, 1], [2, 3]]
    assert batches[1][0]["weights"].to_list() == [[0.5] * 3, [0.5]]
    assert tf.sparse.to_dense(batches[1][0]["words"]).numpy().tolist() == [
        [b"w", b"w", b"w"],
        [b"w", b"", b""],
    ]


def test_compressed_files(tmp_path):
    path = _write(tmp_path / "a", [5, 6], "GZIP")
    (batch,) = tfrecord_input_fn(path, SPEC, compression_type="GZIP")()
    assert batch["n"].numpy().tolist() == [5, 6]


def test_a_label_must_be_in_the_spec():
    with pytest.raises(ValueError, match=r"`label_key` 'm' must be .* got \['n', 'weights', 'wor"):
        tfrecord_input_fn("x", SPEC, label_key="m")


def test_empty_files_are_refused_rather_than_waited_on(tmp_path):
    _write(tmp_path / "a", [])
    with pytest.raises(ValueError, match="All files that match .* are empty"):
        tfrecord_input_fn(str(tmp_path / "a"), SPEC, num_epochs=None)()
