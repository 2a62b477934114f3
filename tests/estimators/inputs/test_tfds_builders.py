import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from estimators.inputs import tfds_input_fn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Plain(tfds.core.GeneratorBasedBuilder):
    """Features that stand in the example as they are, of every kind."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None  # looking it up needs importlib_resources, which TFDS does not require

    def _features(self):
        return {
            "small": np.int32,
            "flag": np.bool_,
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["no", "yes"]),
            "vector": tfds.features.Tensor(shape=(2,), dtype=np.float32),
        }

    def _info(self):
        features = tfds.features.FeaturesDict(self._features())
        return self.dataset_info_from_configs(features=features)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(10):
            row = {"small": i, "flag": i % 2 == 0, "text": f"t{i}", "label": i % 2}
            yield i, row | {"vector": [i, -i]} | self._more(i)

    def _more(self, i):
        return {}


class Decoded(Plain):
    """With a feature that must be decoded row by row."""

    def _features(self):
        return super()._features() | {"image": tfds.features.Image(shape=(2, 2, 1))}

    def _more(self, i):
        return {"image": np.full([2, 2, 1], i, np.uint8)}


def _assert_same(batch, expected):
    tf.nest.map_structure(np.testing.assert_array_equal, batch, expected)


@pytest.mark.parametrize("builder_class", [Plain, Decoded])
@pytest.mark.parametrize("split", ["train", "train[20%:70%]"])
def test_it_reads_what_as_dataset_reads(builder_class, split, tmp_path):
    builder = builder_class(data_dir=tmp_path)
    builder.download_and_prepare()
    expected = list(builder.as_dataset(split=split).batch(4))

    dataset = tfds_input_fn(builder, split, batch_size=4)()

    assert dataset.element_spec == builder.as_dataset(split=split).batch(4).element_spec
    batches = list(dataset)
    assert len(batches) == len(expected)
    for batch, rows in zip(batches, expected, strict=True):
        _assert_same(batch, rows)


def test_by_name_from_a_data_dir(tmp_path):
    Plain(data_dir=tmp_path).download_and_prepare()
    features, labels = next(iter(tfds_input_fn("plain", data_dir=tmp_path, label_key="label")()))
    assert "label" not in features
    np.testing.assert_array_equal(sorted(labels), [0] * 5 + [1] * 5)


def test_what_is_wrong_is_named(tmp_path):
    builder = Plain(data_dir=tmp_path)
    with pytest.raises(ValueError, match="plain/1.0.0 is not prepared in .* download=True"):
        tfds_input_fn(builder)()
    with pytest.raises(ValueError, match="`data_dir` is for a dataset given by name"):
        tfds_input_fn(builder, data_dir=tmp_path)
    builder.download_and_prepare()
    with pytest.raises(ValueError, match=r"`label_key` 'lable' must be .* got \['flag', 'label'"):
        tfds_input_fn(builder, label_key="lable")()
