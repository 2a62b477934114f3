import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from estimators.datasets.synthetic_inputs import synthetic_census_rows
from estimators.inputs import csv_input_fn

ROWS = 103


@pytest.fixture
def trained(call, tiny, tmp_path):
    """Flags of a trained model with three input files."""
    model_dir = str(tmp_path / "model")
    assert call(gin_file=[tiny], model_dir=model_dir, mode="train") == 0
    for i, rows in enumerate((50, 3, 50)):
        synthetic_census_rows(rows, seed=i).write_csv(tmp_path / f"in-{i}.csv")
    pattern = str(tmp_path / "in-*.csv")
    return {"gin_file": [tiny], "model_dir": model_dir, "mode": "predict", "input": pattern}


def folder_content(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"}


def lines_of(path):
    return path.read_text().splitlines()


def test_rows_come_out_in_order_and_as_predict_gives_them(call, trained, tmp_path):
    out = tmp_path / "out"
    assert call(**trained, output=str(out), rows_per_shard=40) == 0
    shards = sorted(out.glob("predictions-*.jsonl"))
    rows = [json.loads(line) for shard in shards for line in lines_of(shard)]
    assert [len(lines_of(s)) for s in shards] == [40, 40, 23]
    assert json.loads((out / "_SUCCESS").read_text()) == {"rows": ROWS}

    # The linear model by hand.
    reader = tf.train.load_checkpoint(trained["model_dir"])
    weights = {name: reader.get_tensor(f"linear/linear_model/{name}/weights")
               for name in ("age", "occupation")}  # fmt: skip
    bias = reader.get_tensor("linear/linear_model/bias_weights")
    batches = csv_input_fn(trained["input"], batch_size=ROWS)()
    features = next(iter(batches))
    ids = tf.strings.to_hash_bucket_fast(features["occupation"], 20).numpy()
    has_job = (features["occupation"] != "").numpy()
    logits = features["age"].numpy() * weights["age"][0, 0] + bias
    logits += np.where(has_job, weights["occupation"][ids, 0], 0)
    np.testing.assert_allclose([row["logits"][0] for row in rows], logits, rtol=1e-5)
    assert [row["classes"] for row in rows[:2]] == [
        [["<=50K", ">50K"][int(logit > 0)]] for logit in logits[:2]
    ]


def test_formats_say_the_same(call, trained, tmp_path):
    for form in ("jsonl", "csv", "tfrecord"):
        folder = str(tmp_path / form)
        assert call(**trained, output=folder, output_format=form) == 0
    jsonl = [json.loads(line) for line in lines_of(tmp_path / "jsonl" / "predictions-00000.jsonl")]
    with open(tmp_path / "csv" / "predictions-00000.csv", newline="") as file:
        table = list(csv.DictReader(file))
    records = tf.data.TFRecordDataset(str(tmp_path / "tfrecord" / "predictions-00000.tfrecord"))
    examples = [
        tf.train.Example.FromString(r).features.feature for r in records.as_numpy_iterator()
    ]
    assert len(jsonl) == len(table) == len(examples) == ROWS
    for row, line, example in zip(jsonl, table, examples, strict=True):
        assert [float(line["probabilities_0"]), float(line["probabilities_1"])] == pytest.approx(
            row["probabilities"]
        )
        assert list(example["probabilities"].float_list.value) == row["probabilities"]
        assert line["classes"] == row["classes"][0]
        assert example["classes"].bytes_list.value[0].decode() == row["classes"][0]
        assert list(example["class_ids"].int64_list.value) == row["class_ids"]


def test_tfrecords_are_read_too(call, trained, tmp_path):
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "age": tf.train.Feature(float_list=tf.train.FloatList(value=[age])),
                    "occupation": tf.train.Feature(bytes_list=tf.train.BytesList(value=[job])),
                }
            )
        )
        for age, job in ((30.0, b"Sales"), (60.0, b"Tech-support"))
    ]
    with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    given = {**trained, "input": str(tmp_path / "rows.tfrecord"), "input_format": "tfrecord"}
    assert call(**given, output=str(tmp_path / "out")) == 0
    assert len(lines_of(tmp_path / "out" / "predictions-00000.jsonl")) == 2


def test_a_rerun_writes_only_what_is_missing(call, trained, tmp_path):
    out = tmp_path / "out"
    given = {**trained, "output": str(out), "rows_per_shard": 40}
    assert call(**given) == 0
    whole = folder_content(out)
    (out / "_SUCCESS").unlink()
    (out / "predictions-00001.jsonl").rename(out / "predictions-00001.jsonl.tmp")
    (out / "predictions-00002.jsonl").unlink()
    kept = (out / "predictions-00000.jsonl").stat().st_mtime_ns
    assert call(**given) == 0
    assert folder_content(out) == whole
    assert (out / "predictions-00000.jsonl").stat().st_mtime_ns == kept


def test_a_finished_shard_of_full_length_at_the_end(call, trained, tmp_path):
    out = tmp_path / "out"
    assert call(**trained, output=str(out), rows_per_shard=ROWS) == 0
    assert sorted(os.listdir(out)) == ["_SUCCESS", "manifest.json", "predictions-00000.jsonl"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rows_per_shard": 41}, ["rows_per_shard is 40, now it is 41", "--output"]),
        ({"output_format": "csv"}, ["output_format is jsonl, now it is csv"]),
        ({"input": "no-such-*.csv"}, ["No file matches --input=no-such-*.csv"]),
        ({"rows_per_shard": 0}, ["must be positive, got 0"]),
    ],
)
def test_another_job_in_the_same_folder_is_refused(call, trained, tmp_path, capsys, values, words):
    given = {**trained, "output": str(tmp_path / "out"), "rows_per_shard": 40}
    assert call(**given) == 0
    before = folder_content(tmp_path / "out")
    assert call(**{**given, **values}) == 1
    message = capsys.readouterr().err
    for word in words:
        assert word in message
    assert folder_content(tmp_path / "out") == before


def test_a_ragged_row_is_named_by_file_and_line(call, trained, tmp_path, capsys):
    with open(tmp_path / "in-1.csv", "a") as file:
        file.write("1,2\n")
    assert call(**trained, output=str(tmp_path / "out"), rows_per_shard=10) == 1
    message = capsys.readouterr().err
    assert "in-1.csv" in message
    assert "5" in message
    assert not (tmp_path / "out" / "_SUCCESS").exists()


@pytest.mark.processes
def test_killed_and_run_again_the_output_is_byte_for_byte_the_same(call, trained, tmp_path):
    for i in range(3, 9):
        synthetic_census_rows(400, seed=i).write_csv(tmp_path / f"in-{i}.csv")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert call(**trained, output=str(whole), rows_per_shard=20) == 0
    command = [sys.executable, "-m", "estimators.cli", f"--gin_file={trained['gin_file'][0]}"]
    command += [f"--{k}={trained[k]}" for k in ("model_dir", "mode", "input")]
    command += [f"--output={killed}", "--rows_per_shard=20"]
    kills = 0
    for shards in (3, 40, 80):  # Killed as soon as so many shards are there.
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(list(killed.glob("predictions-*.jsonl"))) < shards:
            time.sleep(0.001)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    assert not (killed / "_SUCCESS").exists() or kills < 3
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert folder_content(killed) == folder_content(whole)
