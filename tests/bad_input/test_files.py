"""Files and folders that are not what a run needs."""

from __future__ import annotations

import pytest

import estimators
import feature_columns as fc
import premade
from estimators.errors import CheckpointError, IncompatibleCheckpointError


def test_a_vocabulary_file_that_is_missing(rows, data_of, tmp_path):
    with pytest.raises((ValueError, OSError), match="jobs.txt"):
        fc.categorical_column_with_vocabulary_file("job", str(tmp_path / "jobs.txt"))


def test_a_file_in_the_place_of_model_dir(make_classifier, rows, data_of, tmp_path):
    (tmp_path / "model").write_text("in the way")

    with pytest.raises(CheckpointError, match="model") as error:
        make_classifier(tmp_path / "model").train(lambda: data_of(*rows))

    assert str(tmp_path / "model") in str(error.value)
    assert (tmp_path / "model").read_text() == "in the way"


def test_a_file_above_model_dir(make_classifier, rows, data_of, tmp_path):
    (tmp_path / "above").write_text("in the way")

    with pytest.raises(CheckpointError, match="above"):
        make_classifier(tmp_path / "above" / "model").train(lambda: data_of(*rows))


def test_the_model_dir_of_a_wider_model(trained, rows, data_of):
    age = [fc.numeric_column("age")]
    other = premade.DNNClassifier([5], age, str(trained.model_dir), n_classes=3)

    for use in (other.train, other.evaluate):
        with pytest.raises(IncompatibleCheckpointError) as error:
            use(lambda: data_of(*rows))
        message = str(error.value)
        assert "dnn/hiddenlayer_0/kernel: the model has [1, 5], the checkpoint [5, 4]" in message
        assert "warm_start_from" in message

    trained.assert_unharmed()


def test_the_model_dir_of_another_kind_of_model(trained, rows, data_of):
    config = estimators.RunConfig(model_dir=str(trained.model_dir))
    other = premade.LinearClassifier([fc.numeric_column("age")], n_classes=3, config=config)

    with pytest.raises(IncompatibleCheckpointError) as error:
        other.train(lambda: data_of(*rows))

    assert "linear/linear_model/age/weights" in str(error.value)
    assert "dnn/logits/kernel" in str(error.value)
    trained.assert_unharmed()


def test_warm_start_from_nowhere(make_classifier, rows, data_of, tmp_path):
    model = make_classifier(tmp_path / "model", warm_start_from=str(tmp_path / "nowhere"))

    with pytest.raises(CheckpointError, match="nowhere"):
        model.train(lambda: data_of(*rows))
