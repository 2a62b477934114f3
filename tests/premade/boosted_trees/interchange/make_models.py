"""Makes the files in `models/`, for tests that do without the systems that wrote them.

    python make_models.py xgboost-3.2     # where XGBoost 3.2.0 is installed
    python make_models.py xgboost-2.1     # where XGBoost 2.1.4 is
    python make_models.py lightgbm-4.7    # where LightGBM 4.7.0 is

Each model is beside a file `*.rows.json` with rows, null being a missing value; with the sums of
the trees' leaves (`margins`); and with predictions, all as that system computes them.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "models"
NAMES = ["a", "b", "c"]


def training_rows():
    rng = np.random.default_rng(5)
    x = np.round(rng.normal(size=(400, 3)) * 4).astype(np.float32) / 10
    signal = np.abs(x[:, 0]) + x[:, 1] * (x[:, 2] > 0) + 0.1 * rng.normal(size=400)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, signal


def with_category(x):
    """The first number becomes a category, 0 to 9; there is no 7 among 400 rows."""
    ids = np.round(np.abs(x[:, 0]) * 10) % 10
    return np.column_stack([np.where(ids == 7, np.nan, ids), x[:, 1:]]).astype(np.float32)


def labels(kind, signal, x):
    if kind == "category":
        of_ids = np.array([3.0, 0.0, 4.0, 1.0, 3.5, 0.5, 4.5, 0.0, 2.0, 1.5, 2.5])
        return of_ids[np.nan_to_num(x[:, 0], nan=10).astype(int)] + signal
    if kind == "binary":
        return (signal > 0.3).astype(int)
    if kind == "multiclass":
        return np.digitize(signal, [0.1, 0.5])
    return np.floor(3 * np.abs(signal)) if kind == "poisson" else signal


def rows_near(thresholds):
    """Rows whose numbers are at a threshold, right beside it, at zero, or missing."""
    near = np.asarray(thresholds, np.float64).astype(np.float32)
    below, above = (np.nextafter(near, np.float32(end)) for end in (-np.inf, np.inf))
    special = np.array([0.0, 1e-35, -1e-35, np.nan, 9.0, -9.0], np.float32)
    numbers = np.concatenate([near, below, above, special])
    # What TensorFlow takes for zero, and they do not.
    numbers = numbers[~((numbers != 0.0) & (np.abs(numbers) < np.finfo(np.float32).tiny))]
    return np.random.default_rng(6).choice(numbers, (60, 3))


def with_ids(rows):
    """Rows whose first number is a category: 0 to 9, one that is in no split, or none."""
    ids = np.random.default_rng(8).choice([*range(10), 11, np.nan], len(rows))
    return np.column_stack([ids, rows[:, 1:]]).astype(np.float32)


def numbers_of(text, pattern):
    return [float(x) for found in re.findall(pattern, text) for x in re.split("[ ,]", found) if x]


def save(name, rows, margins, predictions):
    content = {
        "rows": [[None if np.isnan(x) else float(str(x)) for x in row] for row in rows],
        "margins": rounded(margins, len(rows)),
        "predictions": rounded(predictions, len(rows)),
    }
    (FOLDER / f"{name}.rows.json").write_text(json.dumps(content) + "\n")


def rounded(numbers, rows):
    return np.round(np.asarray(numbers, np.float64).reshape(rows, -1), 8).tolist()


def xgboost_models(prefix):
    import xgboost

    x, signal = training_rows()
    kinds = {
        "binary": ({"objective": "binary:logistic"}, NAMES),
        "multiclass": ({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, NAMES),
        "poisson": ({"objective": "count:poisson"}, NAMES),
        "category": ({"max_cat_to_onehot": 1}, NAMES),
        "dart": (
            {"booster": "dart", "rate_drop": 0.5, "num_parallel_tree": 2, "subsample": 0.7},
            None,
        ),
    }
    for kind, (options, names) in kinds.items():
        is_category = kind == "category"
        numbers = with_category(x) if is_category else x
        how = {"feature_names": names, "enable_categorical": True}
        how["feature_types"] = ["c" if is_category else "q", "q", "q"]
        table = xgboost.DMatrix(numbers, labels(kind, signal, numbers), **how)
        booster = xgboost.train({"max_depth": 3, "eta": 0.5, "seed": 1, **options}, table, 3)
        booster.save_model(FOLDER / f"{prefix}-{kind}.json")
        text = (FOLDER / f"{prefix}-{kind}.json").read_text()
        rows = rows_near(numbers_of(text, r'"split_conditions":\[([^]]*)'))
        rows = with_ids(rows) if is_category else rows
        table = xgboost.DMatrix(rows, **how)
        margins = booster.predict(table, output_margin=True)
        save(f"{prefix}-{kind}", rows, margins, booster.predict(table))


def lightgbm_models(prefix):
    import lightgbm

    x, signal = training_rows()
    forest = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}
    many = {"max_cat_to_onehot": 1, "cat_smooth": 0.0, "min_data_per_group": 5}
    kinds = {
        "binary": ({"objective": "binary", "sigmoid": 2.0}, NAMES, x),
        "multiclass": ({"objective": "multiclass", "num_class": 3, "num_leaves": 4}, NAMES, x),
        "poisson": ({"objective": "poisson"}, NAMES, np.nan_to_num(x)),
        "forest": (forest, "auto", x),
        "category": (many, NAMES, with_category(x)),
    }
    for kind, (options, names, numbers) in kinds.items():
        table = lightgbm.Dataset(numbers, labels(kind, signal, numbers), feature_name=names)
        table.set_categorical_feature([0] if kind == "category" else "auto")
        options = {"num_leaves": 9, "learning_rate": 0.5, "seed": 1, "verbose": -1, **options}
        booster = lightgbm.train(options, table, 3)
        path = FOLDER / f"{prefix}-{kind}.txt"
        booster.save_model(path)
        # Nothing that is read is behind this line.
        path.write_text(path.read_text().split("\nfeature_importances:")[0])
        rows = rows_near(numbers_of(path.read_text(), r"\nthreshold=(.*)"))
        rows = with_ids(rows) if kind == "category" else rows
        margins = booster.predict(rows.astype(np.float64), raw_score=True)
        save(f"{prefix}-{kind}", rows, margins, booster.predict(rows.astype(np.float64)))


if __name__ == "__main__":
    make = xgboost_models if sys.argv[1].startswith("xgboost") else lightgbm_models
    make(sys.argv[1])
