"""From checkpoints of tf.estimator 2.15, value by value as tf.estimator was warm started itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.warm_start import cases

ALL = {case.name: case for case in cases.CASES}
MESSAGES = {
    "no_old_vocabulary": "old_vocab: there is no file .*no.txt",
    "no_new_vocabulary": "new_vocab: there is no file .*no.txt",
    "more_than_the_new_vocabulary": "new_vocab_size is 6, but .*new_jobs.txt.* has 5 lines",
    "more_than_the_old_vocabulary": "old_vocab_size is 9, but .*jobs.txt.* has 4 lines",
    "old_vocabulary_of_another_variable": r"town/weights' .* 4 tokens, .* shape \[2, 3\]",
    "sizes_do_not_add_up": r"job/weights' of shape \[7, 3\] .* makes shape \[12, 3\]",
    "another_shape": r"job/weights' of shape \[7, 3\] .* there it has shape \[5, 3\]",
    "not_in_the_checkpoint": "place/weights'.* Nearest are .*age/weights', .*town/",
    "previous_not_in_the_checkpoint": "job/weights': .* holds no variable 'no/weights'",
    "unused_vocabulary": r"not warm started: \['linear/linear_model/job/weights'\]",
    "unused_previous": r"not warm started: \['no/weights'\]",
    "no_such_axis": "axis must be 0, .* or 1, .* got 2",
    "neither_name_nor_list": "must be a regular expression, a list .* got 3",
}
# tf.estimator assigned the values and gave the variable another shape.
NO_ERROR_THERE = {"sizes_do_not_add_up"}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL.keys())
def test_values(case, runner, recorded, old_values):
    expected, old = recorded["cases"][case.name], old_values(case.kind)

    values = runner.first_values(runner.estimator(case))

    assert values.keys() == {*expected["values"], *expected["seeded"]}
    for name, value in expected["values"].items():
        np.testing.assert_array_equal(values[name], np.float32(value), err_msg=name)
    for name in expected["seeded"]:
        assert not np.array_equal(values[name], old[name]), name


def test_cases_differ(recorded):
    """What is compared above is not the same thing again and again."""
    values = [str(sorted(case["values"].items())) for case in recorded["cases"].values()]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("case", cases.ERRORS, ids=lambda case: case.name)
def test_errors(case, runner, recorded):
    with pytest.raises(Exception, match=MESSAGES[case.name]) as info:
        runner.first_values(runner.estimator(case))

    theirs = recorded["errors"][case.name]
    assert (theirs is None) == (case.name in NO_ERROR_THERE)
    # What a graph found out while it ran is the fault of an argument all the same.
    ran = ("InvalidArgumentError", "InternalError", None)
    assert type(info.value).__name__ == ("ValueError" if theirs in ran else theirs)


def test_a_vector_of_biases_too(runner, recorded, old_values):
    assert recorded["errors"]["vector"] == "IndexError"
    low, middle, high = old_values("linear")[cases.BIAS]

    values = runner.first_values(runner.estimator(cases.VECTOR))

    assert values[cases.BIAS].tolist() == [high, -0.5, low, middle]


def test_what_follows_predicts_alike(runner):
    """The same model behind another order of its vocabulary."""
    case = cases.Case(
        "reordered",
        "linear",
        cases.Settings(".*", {cases.JOB: cases.moved_jobs(num_oov_buckets=1)}),
        {"job_file": "new_jobs.txt"},
    )
    old = runner.make("linear", "old", warm_start_from=runner.settings(ALL["a_path"]))
    new = runner.estimator(case)

    before, after = (
        next(each.predict(runner.rows, yield_single_examples=False))["logits"]
        for each in (old, new)
    )

    kept = np.isin(cases.FEATURES["job"], ["cook", "smith", "nurse"])
    np.testing.assert_allclose(after[kept], before[kept], rtol=1e-6)
    assert not np.allclose(after[~kept], before[~kept])
