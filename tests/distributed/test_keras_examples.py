"""Two processes train each of the published examples by the bridge, under MultiWorkerMirrored."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.keras_examples import EXAMPLES

from .keras_examples_worker import STEPS

pytestmark = pytest.mark.processes

NUMBERS = {example.what: i for i, example in enumerate(EXAMPLES)}
# Without noise: what two processes make of the halves of a batch is what one makes of the whole.
EXACT = (
    "bidirectional LSTM",
    "autoencoder",
    "several inputs and outputs",
    "custom train_step",
    "GRU with masking",
)
RANDOM_STATE, STATISTICS = "seed_generator_state", ("moving_mean", "moving_variance")


@pytest.fixture(scope="session")
def folders(tmp_path_factory, run_alone, run_cluster):
    """Returns the folders of the run of one process and of the run of two, of all examples."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    run_cluster(together, "keras_examples_worker.py")
    run_alone(alone, "keras_examples_worker.py")
    return alone, together


def held(folder, what, worker=0):
    return np.load(folder / f"{NUMBERS[what]}-{worker}.npz")


@pytest.mark.parametrize("what", NUMBERS)
def test_both_workers_hold_the_same_bits(folders, what):
    chief, worker = (held(folders[1], what, index) for index in range(2))

    assert sorted(chief) == sorted(worker)
    assert chief["after/global_step"] == STEPS
    for name in chief:
        if name.endswith(STATISTICS):
            assert not np.array_equal(chief[name], worker[name]), name  # Each of its own rows.
        elif not name.endswith(RANDOM_STATE):
            np.testing.assert_array_equal(chief[name], worker[name], err_msg=name)


@pytest.mark.parametrize("what", NUMBERS)
def test_every_weight_is_moved_and_finite(folders, what):
    values = held(folders[1], what)

    assert np.isfinite(values["losses"]).all()
    assert values["losses"].shape == (STEPS,)
    names = [name.removeprefix("before/") for name in values if name.startswith("before/")]
    assert names
    for name in names:
        assert np.isfinite(values[f"after/{name}"]).all(), name
        assert not np.array_equal(values[f"after/{name}"], values[f"before/{name}"]), name


@pytest.mark.parametrize("what", EXACT)
def test_they_end_where_one_process_does(folders, what):
    alone, together = (held(folder, what) for folder in folders)

    assert sorted(alone) == sorted(together)
    for name in sorted({*alone} - {"losses"}):
        if not name.endswith(RANDOM_STATE):
            np.testing.assert_allclose(
                together[name], alone[name], rtol=1e-3, atol=1e-5, err_msg=name
            )
    # A `train_step` that logs what `compute_loss` gave logs, in `fit` too, the replica's share.
    share = 0.5 if what == "custom train_step" else 1.0
    np.testing.assert_allclose(together["losses"], share * alone["losses"], rtol=1e-5)


def test_halves_of_bfloat16_gradients_move_weights_as_the_whole_does(folders):
    alone, together = (held(folder, "mixed precision") for folder in folders)

    np.testing.assert_allclose(together["losses"], alone["losses"], rtol=1e-3)
    names = [name.removeprefix("before/") for name in alone if name.startswith("before/")]
    assert len(names) == 6
    for name in names:
        # The halves are rounded to 8 bits before they are added up, and RMSprop makes steps of
        # near one length of gradients near zero.
        moves = [one[f"after/{name}"] - one[f"before/{name}"] for one in (alone, together)]
        assert np.linalg.norm(moves[1] - moves[0]) < 0.1 * np.linalg.norm(moves[0]), name
