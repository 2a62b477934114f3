"""Two processes train the Keras models of the bridge, by optimizers of both kinds.

Keras itself does not: `fit` under a MultiWorkerMirroredStrategy raises ValueError, "Attempt to
convert a value (PerReplica:{...}) with an unsupported type" (Keras 3.15, TensorFlow 2.21).
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytestmark = pytest.mark.processes

KINDS, OPTIMIZERS, NOISE = ("Sequential", "OwnStep"), ("converted", "as_it_is"), ("exact", "noisy")
NAMES = ["-".join(parts) for parts in itertools.product(KINDS, OPTIMIZERS, NOISE)]
# Each worker drops other units; and the moving statistics of Keras 3 are those of the rows that a
# replica has seen, as under its own MirroredStrategy. The chief's are saved. Neither is moved by
# gradients.
OF_EACH_WORKER = ("seed_generator_state", "moving_mean", "moving_variance")


@pytest.fixture(scope="module")
def folders(tmp_path_factory, run_alone, run_cluster):
    """Returns the folders of the run of one process and of the run of two."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    run_alone(alone, "keras_worker.py")
    run_cluster(together, "keras_worker.py")
    return alone, together


@pytest.mark.parametrize("name", NAMES)
def test_all_workers_end_with_the_same_values(folders, name):
    _, together = folders
    chief, worker = (np.load(together / f"{name}-{index}.npz") for index in range(2))

    assert sorted(chief) == sorted(worker)
    assert chief["global_step"] == 8
    for variable in chief:
        if variable.endswith(OF_EACH_WORKER):
            assert not np.array_equal(chief[variable], worker[variable])
        else:
            np.testing.assert_array_equal(chief[variable], worker[variable], err_msg=variable)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("exact")])
def test_they_are_those_of_one_process(folders, name):
    alone, together = (np.load(folder / f"{name}-0.npz") for folder in folders)

    assert sorted(alone) == sorted(together)
    for variable in alone:
        np.testing.assert_allclose(
            together[variable], alone[variable], rtol=1e-3, atol=1e-5, err_msg=variable
        )
