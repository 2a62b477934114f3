import types

import pytest

from estimators.cluster import Cluster
from estimators.config import RunConfig
from estimators.hooks import InMemoryEvaluatorHook


def estimator(cluster=None):
    return types.SimpleNamespace(config=RunConfig(cluster=cluster or Cluster()))


def evaluated(run, **options):
    hook = InMemoryEvaluatorHook(estimator(), lambda: None, **options)
    return [step for step, _ in run.drive(hook).evaluations]


def test_before_every_n_and_at_the_end(make_run):
    assert evaluated(make_run(25), every_n_iter=10) == [0, 10, 20, 25]
    assert evaluated(make_run(20), every_n_iter=10) == [0, 10, 20]
    assert evaluated(make_run(30, step=5), every_n_iter=10) == [5, 15, 25, 30]


def test_options_are_passed_on(make_run):
    run = make_run(1)
    evaluated(run, steps=3, name="small")
    assert run.evaluations[0][1] == {"steps": 3, "hooks": (), "name": "small"}


@pytest.mark.parametrize("every_n_iter", [0, -1, None])
def test_interval_is_positive(every_n_iter):
    with pytest.raises(ValueError, match="invalid every_n_iter"):
        InMemoryEvaluatorHook(estimator(), lambda: None, every_n_iter=every_n_iter)


def test_one_process_only():
    cluster = Cluster({"chief": ("a:1",), "worker": ("b:1",), "ps": ("c:1",)}, "chief", 0)
    with pytest.raises(ValueError, match="supports only single machine.*2 workers and 1 "):
        InMemoryEvaluatorHook(estimator(cluster), lambda: None)
