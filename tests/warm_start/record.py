"""Writes `tests/data/warm_start`: what tf.estimator 2.15 makes of the cases beside this file.

Runs where tf.estimator 2.15 is installed, and imports nothing of this project:
`python tests/warm_start/record.py`. It writes

- the vocabulary files;
- `linear.model_dir` and `deep.model_dir`, checkpoints of trained models;
- `recorded.json`: for each case the values right after the warm start, before the first step; for
  each error its type. What depends on the seed (it was not warm started) is left out, by name.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
import tempfile

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import cases


def rows():
    features = {key: np.array(values) for key, values in cases.FEATURES.items()}
    features["age"] = features["age"].astype(np.float32)
    return tf.data.Dataset.from_tensors((features, np.array(cases.LABELS))).repeat()


def estimator(kind, model_dir, warm_start_from=None, seed=1, **model):
    config = tf.estimator.RunConfig(model_dir, tf_random_seed=seed, save_checkpoints_steps=100)
    return cases.make(
        kind,
        tf.feature_column,
        tf.estimator,
        config=config,
        warm_start_from=warm_start_from,
        **model,
    )


def settings_of(case):
    folder = str(cases.RECORDED / f"{case.kind}.model_dir")
    if case.settings is None:
        return folder
    return tf.estimator.WarmStartSettings(
        folder,
        case.settings.wanted,
        {name: vocabulary(**about) for name, about in case.settings.vocabularies.items()},
        case.settings.previous,
    )


def vocabulary(new_vocab, old_vocab, backup_initializer, **options):
    value = backup_initializer
    return tf.estimator.VocabInfo(
        new_vocab=str(cases.RECORDED / new_vocab),
        old_vocab=str(cases.RECORDED / old_vocab),
        # A constant_initializer would refuse the shape, which is a tensor of the graph.
        backup_initializer=None if value is None else lambda shape: tf.fill(shape, value),
        **options,
    )


def train_old(kind):
    with tempfile.TemporaryDirectory() as folder:
        model = estimator(kind, folder, seed=7)
        model.train(rows, steps=cases.STEPS)
        kept = cases.RECORDED / f"{kind}.model_dir"
        kept.mkdir()
        for path in pathlib.Path(folder).glob(f"model.ckpt-{cases.STEPS}.*"):
            if path.suffix != ".meta":
                shutil.copy(path, kept)
        prefix = f"model.ckpt-{cases.STEPS}"
        (kept / "checkpoint").write_text(f'model_checkpoint_path: "{prefix}"\n')
        return values_in(folder, cases.STEPS)


def values_in(folder, step):
    reader = tf.train.load_checkpoint(f"{folder}/model.ckpt-{step}")
    return {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}


def first_values(case, seed):
    with tempfile.TemporaryDirectory() as folder:
        estimator(case.kind, folder, settings_of(case), seed, **case.model).train(rows, steps=1)
        steps = sorted(int(p.stem.split("-")[1]) for p in pathlib.Path(folder).glob("*.index"))
        return values_in(folder, steps[0])


def record(case):
    first, second = first_values(case, 1), first_values(case, 2)
    same = [name for name in first if np.array_equal(first[name], second[name])]
    return {
        "values": {name: shortest(first[name]) for name in same},
        "seeded": sorted(first.keys() - set(same)),
    }


def shortest(value):
    """Returns lists of the fewest digits that mean the same float32."""
    return np.vectorize(lambda each: float(str(each)), otypes=[float])(value).tolist()


def record_error(case):
    try:
        first_values(case, 1)
    except Exception as error:
        return type(error).__name__
    return None


def main():
    shutil.rmtree(cases.RECORDED, ignore_errors=True)
    cases.RECORDED.mkdir(parents=True)
    for name, lines in cases.FILES.items():
        (cases.RECORDED / name).write_text("".join(f"{line}\n" for line in lines))
    for kind in ("linear", "deep"):
        train_old(kind)
    recorded = {
        "cases": {case.name: record(case) for case in cases.CASES},
        "errors": {case.name: record_error(case) for case in (*cases.ERRORS, cases.VECTOR)},
    }
    (cases.RECORDED / "recorded.json").write_text(json.dumps(recorded) + "\n")


if __name__ == "__main__":
    main()
