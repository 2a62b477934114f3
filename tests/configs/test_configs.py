"""The shipped experiments, shrunk to two steps: an example that does not run is worse than none."""

import pathlib

import gin
import pytest
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
