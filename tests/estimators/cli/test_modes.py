import os
import re

import numpy as np
import pytest
import tensorflow as tf
from absl import app, flags

from estimators.cli import main, registry
from estimators.cli.modes import report


def test_train_evaluate_and_export(call, tiny, tmp_path, capsys):
    model_dir = str(tmp_path / "model")
    assert call(gin_file=[tiny], model_dir=model_dir, mode="train_and_eval") == 0
    shown = capsys.readouterr().out
    assert re.search(r"auc +0\.\d+  of 0\.7500 that any model can reach", shown)
    assert "global_step           4" in shown
    operative = (tmp_path / "model" / "operative_config-0.gin").read_text()
    assert "LinearClassifier.label_vocabulary = ['<=50K', '>50K']" in operative

    assert call(gin_file=[tiny], model_dir=model_dir, mode="eval") == 0
    assert shown.splitlines()[-11:] == capsys.readouterr().out.splitlines()

    assert call(gin_file=[tiny], model_dir=model_dir, mode="export") == 0
    path = capsys.readouterr().out.strip()
    assert "serving_default" in tf.saved_model.load(path).signatures


def test_a_binding_wins_over_the_file(call, tiny, tmp_path, capsys):
    model_dir = str(tmp_path / "model")
    binding = "estimators.Experiment.max_steps = 7"
    assert call(gin_file=[tiny], gin_param=[binding], model_dir=model_dir, mode="train") == 0
    assert tf.train.latest_checkpoint(model_dir).endswith("model.ckpt-7")


def test_a_file_may_include_its_neighbour(call, tiny, tmp_path):
    (tmp_path / "more.gin").write_text("include 'tiny.gin'\nestimators.Experiment.max_steps = 1\n")
    model_dir = str(tmp_path / "model")
    assert call(gin_file=[str(tmp_path / "more.gin")], model_dir=model_dir, mode="train") == 0
    assert tf.train.latest_checkpoint(model_dir).endswith("model.ckpt-1")


def test_a_dry_run_keeps_nothing(call, tiny, tmp_path, capsys):
    assert call(gin_file=[tiny], model_dir=str(tmp_path / "model"), dry_run=True) == 0
    assert "trained 2 steps, evaluated 2 batches, predicted 2 rows, exported" in (
        capsys.readouterr().out
    )
    assert os.listdir(tmp_path) == ["tiny.gin"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gin_param": ["estimators.Experimnt.max_steps = 1"]}, ["Experimnt", "Did you mean esti"]),
        ({"gin_param": ["estimators.Experiment.steps = 1"]}, ["parameter named 'steps'"]),
        ({"gin_param": ["estimators.Experiment.max_steps = [1"]}, ["multi-line"]),
        ({"gin_file": ["no/such/file.gin"]}, ["no/such/file.gin"]),
        ({"mode": "eval"}, ["no checkpoint in", "--mode=train"]),
        (
            {"gin_param": ["estimators.Experiment.eval_input_fn = None"]},
            ["estimators.Experiment.eval_input_fn"],
        ),
    ],
)
def test_mistakes_are_one_message(call, tiny, tmp_path, capsys, values, words):
    given = {"gin_file": [tiny], "model_dir": str(tmp_path / "m"), "mode": "train_and_eval"}
    assert call(**{**given, **values}) == 1
    message = capsys.readouterr().err
    assert message.startswith("estimators-train: ")
    assert "Traceback" not in message
    for word in words:
        assert word in message


def test_missing_flags(call, tiny):
    with pytest.raises(app.UsageError, match="--model_dir must be given with --mode=eval"):
        call(gin_file=[tiny], mode="eval")
    with pytest.raises(app.UsageError, match="--gin_file must be given"):
        call(model_dir="m", mode="eval")
    with pytest.raises(app.UsageError, match="--input must be given with --mode=predict"):
        call(gin_file=[tiny], model_dir="m", mode="predict")


def test_flags_and_names_may_be_asked_for_twice():
    main.define_flags()
    main.define_flags()
    registry.register()
    registry.register()
    own = flags.FlagValues()
    main.define_flags(own)
    assert "gin_bindings" in own


def test_report_shows_each_metric():
    text = report({"auc": np.float32(0.5), "global_step": np.int64(3)}, {})
    assert text == "auc          0.5000\nglobal_step  3"
