"""The shipped experiments, shrunk to two steps: an example that does not run is worse than none."""

import json
import pathlib

import gin
import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver

from estimators.cli import main
from estimators.datasets.synthetic_inputs import synthetic_census_rows

CONFIGS = pathlib.Path(__file__).parents[2] / "configs"


def dry_run(name, *params):
    main.define_flags()
    gin.clear_config()
    with flagsaver.flagsaver():
        flags.FLAGS["gin_file"].value = [str(CONFIGS / name)]
        flags.FLAGS["gin_param"].value = list(params)
        flags.FLAGS["dry_run"].value = True
        code = main.main(["estimators-train"])
    gin.clear_config()
    return code


def test_quickstart(capsys):
    assert dry_run("quickstart.gin", "ROWS = 300", "TEST_ROWS = 300") == 0
    assert "exported" in capsys.readouterr().out


def test_census_wide_deep(tmp_path, capsys):
    path = tmp_path / "rows.csv"
    synthetic_census_rows(300, seed=3).write_csv(path)
    params = [f"TRAIN_PATH = '{path}'", f"TEST_PATH = '{path}'"]
    assert dry_run("census_wide_deep.gin", *params) == 0
    assert "exported" in capsys.readouterr().out


def test_census_without_its_files_says_what_is_required(capsys):
    assert dry_run("census_wide_deep.gin") == 1
    assert "TRAIN_PATH" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.gin")))
def test_every_file_is_described(name):
    assert f"`{name}`" in (CONFIGS / "README.md").read_text()


def test_the_export_answers_as_prediction_does_on_missing_values_too(tmp_path, capsys):
    rows = synthetic_census_rows(300, seed=3)
    path = tmp_path / "rows.csv"
    rows.write_csv(path)
    assert any(job == "" for job in rows.features["occupation"])
    main.define_flags()
    given = {
        "gin_file": [str(CONFIGS / "census_wide_deep.gin")],
        "gin_param": [
            f"TRAIN_PATH = '{path}'",
            f"TEST_PATH = '{path}'",
            "estimators.Experiment.max_steps = 3",
        ],
        "model_dir": str(tmp_path / "model"),
        "input": str(path),
        "output": str(tmp_path / "out"),
    }
    for mode in ("train", "export", "predict"):
        gin.clear_config()
        with flagsaver.flagsaver():
            for name, value in {**given, "mode": mode}.items():
                flags.FLAGS[name].value = value
            assert main.main(["estimators-train"]) == 0
    gin.clear_config()
    export = capsys.readouterr().out.splitlines()[0]
    served = tf.saved_model.load(export).signatures["predict"](
        examples=tf.constant([_example(rows.features, row) for row in range(300)])
    )
    lines = (tmp_path / "out" / "predictions-00000.jsonl").read_text().splitlines()
    predicted = [json.loads(line)["logits"] for line in lines]
    np.testing.assert_allclose(served["logits"], predicted, rtol=1e-5, atol=1e-6)


def _example(features, row):
    """A tf.Example of one row, without the features that are missing in it."""
    example = tf.train.Example()
    for key, column in features.items():
        if isinstance(column[row], str):
            if column[row]:
                example.features.feature[key].bytes_list.value.append(column[row].encode())
        else:
            example.features.feature[key].float_list.value.append(float(column[row]))
    return example.SerializeToString()
