import numpy as np
import tensorflow as tf

from estimators.export import golden


def test_examples_have_every_parsed_feature():
    spec = {
        "dense": tf.io.FixedLenFeature([2], tf.float32),
        "ids": tf.io.FixedLenFeature([], tf.int64),
        "words": tf.io.VarLenFeature(tf.string),
        "many": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
        "ragged": tf.io.RaggedFeature(tf.float32),
    }
    with tf.Graph().as_default():
        examples = tf.compat.v1.placeholder(tf.string, [None])
        tf.io.parse_example(examples, spec)
        fed = golden.Filler(("red", "blue", "none"), factor=1).feed(examples)
    parsed = tf.io.parse_example(tf.constant(fed), spec)
    assert parsed["dense"].numpy().tolist() == [[0.5, 1.0], [1.0, 1.5], [1.5, 2.0]]
    assert parsed["ids"].numpy().tolist() == [1, 0, 1]
    assert parsed["words"].values.numpy().tolist() == [b"red", b"blue", b"none"]
    assert parsed["many"].numpy().tolist() == [[b"red"], [b"blue"], [b"none"]]
    assert parsed["ragged"].row_lengths().numpy().tolist() == [1, 1, 1]


def test_shapes_and_types_of_raw_tensors():
    filler = golden.Filler(("a", "b", "c"), factor=1)
    with tf.Graph().as_default():
        fed = {
            dtype: filler.feed(tf.compat.v1.placeholder(dtype, [None, 2, None]))
            for dtype in (tf.float64, tf.int32, tf.bool, tf.string, tf.bfloat16, tf.uint8)
        }
        fixed = filler.feed(tf.compat.v1.placeholder(tf.float32, [4]))
        unknown = filler.feed(tf.compat.v1.placeholder(tf.float32))
    assert all(array.shape == (3, 2, 1) for array in fed.values())
    assert all(tf.constant(array).dtype == dtype for dtype, array in fed.items())
    assert set(fed[tf.int32].ravel().tolist()) == {0, 1}
    assert fed[tf.string][:, 0, 0].tolist() == ["a", "b", "c"]
    assert (fixed.shape, unknown.shape) == ((4,), (3,))


def test_the_plain_filler_has_nothing():
    plain = list(golden.fillers(["word"]))[-1]
    assert not np.any(plain.values(tf.float32, [2, 2]))
    assert plain.values(tf.string, [2]).tolist() == ["", ""]


def test_a_word_of_each_table():
    def table(keys, values):
        return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)

    tables = [table(["b", "a"], [1, 2]), table([1, 2], [1, 2]), table(["z"], [1]), tf.Variable(0)]
    assert golden.words_of(tables) == ("a", "z")
