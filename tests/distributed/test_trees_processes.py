"""Two processes grow the forest of one, whichever of them has which rows."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def found(tmp_path_factory, run_alone, run_cluster):
    """Returns variables by name of one process, of the chief, and of the worker; and all output."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    outputs = run_alone(alone, "trees_worker.py") + run_cluster(together, "trees_worker.py")
    files = alone / "worker-0.npz", together / "worker-0.npz", together / "worker-1.npz"
    return [dict(np.load(path)) for path in files], outputs


@pytest.mark.parametrize(("name", "biases"), [("parts", 1), ("few", 0)])
def test_they_grow_the_forest_of_one_process(found, name, biases):
    (alone, *together), _ = found
    expected = {key: value for key, value in alone.items() if key.startswith(f"{name}/")}
    feature = expected[f"{name}/boosted_trees/feature"]
    assert len(feature) == biases + 6
    assert ((feature[:, 0] >= 0) == (np.arange(len(feature)) >= biases)).all()
    for worker in together:
        assert worker.keys() == alone.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(worker[key], value, err_msg=key)


def test_no_rows_at_all_are_refused_by_every_worker(found):
    _, outputs = found
    assert len(outputs) == 3
    for output in outputs:
        assert "refused: input_fn gave no rows" in output
