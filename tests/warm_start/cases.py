"""Warm starts that tf.estimator 2.15 went through, and that this project goes through.

Nothing here imports either: the names below exist in both, so `record.py` and the tests make the
same models from the same lines. What tf.estimator made of each case is in `tests/data/warm_start`:
`python tests/warm_start/record.py`, run where tf.estimator 2.15 is installed, writes it again.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

RECORDED = pathlib.Path(__file__).parents[1] / "data" / "warm_start"
STEPS = 4

FILES = {
    "jobs.txt": ["cook", "smith", "baker", "nurse"],
    "new_jobs.txt": ["nurse", "pilot", "cook", "clerk", "smith"],
    "classes.txt": ["low", "middle", "high"],
    "new_classes.txt": ["high", "unknown", "low", "middle"],
}

# "x" is in no vocabulary: a bucket for it is trained as well.
FEATURES = {
    "age": [21.0, 35.0, 50.0, 64.0, 42.0, 28.0],
    "job": ["cook", "smith", "x", "nurse", "baker", "cook"],
    "town": ["Ghent", "Lagos", "Ghent", "Lagos", "Lagos", "Ghent"],
    "place": ["Ghent", "Lagos", "Ghent", "Lagos", "Lagos", "Ghent"],
}
LABELS = [0, 1, 2, 0, 2, 1]


@dataclasses.dataclass(frozen=True)
class Settings:
    """`WarmStartSettings`, without its checkpoint.

    Attributes:
        wanted: `vars_to_warm_start`.
        vocabularies: `var_name_to_vocab_info`: by name the arguments of a `VocabInfo`; the files
            are those of `FILES`, and the backup initializer is a number.
        previous: `var_name_to_prev_var_name`.
    """

    wanted: Any = ".*"
    vocabularies: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    previous: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Case:
    """A model that is started from the trained one of its kind.

    Attributes:
        name: says what is special.
        kind: "linear" or "deep".
        settings: what is taken from the checkpoint; None gives its path only.
        model: how the model differs from the trained one: arguments of `make`.
    """

    name: str
    kind: str
    settings: Settings | None
    model: dict[str, Any] = dataclasses.field(default_factory=dict)


def make(
    kind: str,
    columns: Any,
    models: Any,
    *,
    job_file: str = "jobs.txt",
    jobs: int | None = None,
    buckets: int = 1,
    place: str = "town",
    n_classes: int = 3,
    **options: Any,
) -> Any:
    """Returns a classifier.

    Args:
        kind: "linear" or "deep".
        columns: the module of the feature columns.
        models: the module of the classifiers.
        job_file: vocabulary of the jobs.
        jobs: how many lines of it are used; None means all.
        buckets: for jobs out of the vocabulary.
        place: name of the column of towns.
        n_classes: number of classes.
        **options: of the Estimator.
    """
    job = columns.categorical_column_with_vocabulary_file(
        "job", str(RECORDED / job_file), vocabulary_size=jobs, num_oov_buckets=buckets
    )
    age = columns.numeric_column("age")
    if kind == "deep":
        return models.DNNClassifier(
            [2],
            [age, columns.embedding_column(job, 2)],
            n_classes=n_classes,
            batch_norm=True,
            **options,
        )
    town = columns.categorical_column_with_vocabulary_list(place, ["Ghent", "Lagos"])
    ages = columns.bucketized_column(age, [30.0, 50.0])
    return models.LinearClassifier([age, ages, job, town], n_classes=n_classes, **options)


# Names on disk

JOB = "linear/linear_model/job/weights"
BIAS = "linear/linear_model/bias_weights"
EMBEDDING = "dnn/input_from_feature_columns/input_layer/job_embedding/embedding_weights"
LOGITS = "dnn/logits/kernel"
FTRL, ADAGRAD = "training/Ftrl", "training/Adagrad"

NEW_JOBS = {"job_file": "new_jobs.txt", "buckets": 2}


def moved_jobs(backup: float | None = None, **changes: Any) -> dict[str, Any]:
    """From the old vocabulary of jobs to the new one."""
    return {
        "new_vocab": "new_jobs.txt",
        "new_vocab_size": 5,
        "num_oov_buckets": 2,
        "old_vocab": "jobs.txt",
        "backup_initializer": backup,
        **changes,
    }


def moved_classes(**changes: Any) -> dict[str, Any]:
    """From three classes to four."""
    return {
        "new_vocab": "new_classes.txt",
        "new_vocab_size": 4,
        "num_oov_buckets": 0,
        "old_vocab": "classes.txt",
        "backup_initializer": -0.5,
        "axis": 1,
        **changes,
    }


CASES = (
    Case("a_path", "linear", None),
    Case("one_column", "linear", Settings("linear/linear_model/job")),
    Case("everything", "linear", Settings([".*"])),
    Case("names_and_prefixes", "linear", Settings([JOB, f"{FTRL}/{JOB}"])),
    Case("nothing_of_that_name", "linear", Settings("job")),
    Case("new_vocabulary", "linear", Settings(".*", {JOB: moved_jobs(7.0)}), NEW_JOBS),
    Case("only_the_vocabulary", "linear", Settings(None, {JOB: moved_jobs()}), NEW_JOBS),
    Case(
        "part_of_the_old_vocabulary",
        "linear",
        Settings(".*", {JOB: moved_jobs(old_vocab_size=2)}),
        NEW_JOBS,
    ),
    Case(
        "part_of_the_new_vocabulary",
        "linear",
        Settings(".*", {JOB: moved_jobs(1.0, new_vocab_size=3)}),
        {**NEW_JOBS, "jobs": 3},
    ),
    Case(
        "slots_follow_their_tokens",
        "linear",
        Settings(
            [".*job/weights"],
            {
                JOB: moved_jobs(),
                f"{FTRL}/{JOB}/accumulator": moved_jobs(0.1),
                f"{FTRL}/{JOB}/linear": moved_jobs(),
            },
        ),
        NEW_JOBS,
    ),
    Case(
        "another_name",
        "linear",
        Settings(
            ".*", previous={"linear/linear_model/place/weights": "linear/linear_model/town/weights"}
        ),
        {"place": "place"},
    ),
    Case(
        "new_classes",
        "linear",
        Settings(
            "linear/linear_model/(age|job|town)",
            {
                f"linear/linear_model/{column}/weights": moved_classes()
                for column in ("age", "age_bucketized", "job", "town")
            },
        ),
        {"n_classes": 4},
    ),
    Case("deep_path", "deep", None),
    Case("deep_everything", "deep", Settings([".*"])),
    Case(
        "new_embedding",
        "deep",
        Settings(".*", {EMBEDDING: moved_jobs(7.0)}),
        NEW_JOBS,
    ),
    Case(
        "new_embedding_and_slot",
        "deep",
        Settings(
            [".*embedding_weights", "dnn/hidden"],
            {EMBEDDING: moved_jobs(3.0), f"{ADAGRAD}/{EMBEDDING}/accumulator": moved_jobs(0.1)},
        ),
        NEW_JOBS,
    ),
    Case(
        "deep_new_classes",
        "deep",
        Settings("(?!dnn/logits/bias)", {LOGITS: moved_classes()}),
        {"n_classes": 4},
    ),
)

ERRORS = (
    Case("no_old_vocabulary", "linear", Settings(".*", {JOB: moved_jobs(old_vocab="no.txt")})),
    Case("no_new_vocabulary", "linear", Settings(".*", {JOB: moved_jobs(new_vocab="no.txt")})),
    Case(
        "more_than_the_new_vocabulary",
        "linear",
        Settings(".*", {JOB: moved_jobs(new_vocab_size=6)}),
        {**NEW_JOBS, "buckets": 1},
    ),
    Case(
        "more_than_the_old_vocabulary",
        "linear",
        Settings(".*", {JOB: moved_jobs(old_vocab_size=9)}),
        NEW_JOBS,
    ),
    Case(
        "old_vocabulary_of_another_variable",
        "linear",
        Settings(".*", {JOB: moved_jobs(), "linear/linear_model/town/weights": moved_jobs()}),
        NEW_JOBS,
    ),
    Case(
        "sizes_do_not_add_up",
        "linear",
        Settings(".*", {JOB: moved_jobs(num_oov_buckets=7)}),
        NEW_JOBS,
    ),
    Case("another_shape", "linear", Settings(), NEW_JOBS),
    Case("not_in_the_checkpoint", "linear", Settings(), {"place": "place"}),
    Case("previous_not_in_the_checkpoint", "linear", Settings(previous={JOB: "no/weights"})),
    Case("unused_vocabulary", "linear", Settings("linear/linear_model/age", {JOB: moved_jobs()})),
    Case("unused_previous", "linear", Settings(previous={"no/weights": JOB})),
    Case("no_such_axis", "linear", Settings(".*", {JOB: moved_jobs(axis=2)}), NEW_JOBS),
    Case("neither_name_nor_list", "linear", Settings(3)),
)

# A vector of biases cannot be remapped by tf.estimator; here it can.
VECTOR = Case(
    "vector",
    "linear",
    Settings(BIAS, {BIAS: moved_classes(axis=0)}),
    {"n_classes": 4},
)
