"""Two processes train what one trains on the same global batches.

Each run is stopped by the worker that is not the chief, and taken up again; one model saves by
steps, the other by time.
"""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def folders(tmp_path_factory, run_alone, run_cluster):
    """Returns the folders of the run of one process and of the run of two."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    run_alone(alone)
    run_cluster(together)
    return alone, together


def test_all_workers_end_with_the_same_values(folders):
    _, together = folders
    chief, worker = (np.load(together / f"worker-{index}.npz") for index in range(2))

    assert sorted(chief) == sorted(worker)
    for name in chief:
        np.testing.assert_array_equal(chief[name], worker[name], err_msg=name)


def test_they_are_those_of_one_process(folders):
    alone, together = (np.load(folder / "worker-0.npz") for folder in folders)

    assert sorted(alone) == sorted(together)
    assert alone["global_step"] == together["global_step"] == 8
    for name in alone:
        np.testing.assert_allclose(together[name], alone[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_only_the_chief_writes_events_and_every_worker_its_position(folders):
    _, together = folders
    for model in ("by_steps", "by_time"):
        names = [path.name for path in (together / model).iterdir()]
        positions = [name for name in names if "ckpt-8.input" in name and name.endswith("index")]
        assert sorted(positions) == [
            "model.ckpt-8.input-00000-of-00002.index",
            "model.ckpt-8.input-00001-of-00002.index",
        ]
        assert not [name for name in names if name.endswith(("staging", "corrupt"))]
        runs = 2
        assert sum(name.startswith("events") for name in names) <= runs
