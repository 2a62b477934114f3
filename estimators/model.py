"""What lives in memory for one Estimator: variables, programs and compiled loops.

Train, evaluate and predict share it, so that a second evaluation traces nothing and reads no
checkpoint whose values are in memory already.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from absl import logging

from estimators import pipeline, warm_start
from estimators.aliases import Dataset, Metrics, Variable
from estimators.checkpoints import Checkpoint, CheckpointStore, compare
from estimators.clock import Clock
from estimators.config import RunConfig
from estimators.loops import BatchFunction, StepLoop
from estimators.pipeline import Pipeline
from estimators.program import Bound, ModelFnCaller, Program
from estimators.spec import ModeKeys
from estimators.variables import SEED_STATE, VariableStore
from estimators.warm_start import WarmStartSettings
from estimators.workers import Workers
from estimators.writers import EventWriter, NullWriter, Writer

_LEARNING_RATE = re.compile(r"training/[^/]+/learning_rate")


class Model:
    """Variables, programs and compiled loops of one `model_fn`.

    Args:
        caller: the `model_fn`.
        config: the run.
        pipeline_of_inputs: calls input functions.
        warm_start_settings: where values come from when model_dir has no checkpoint.
        clock: the time of the runs.
    """

    def __init__(
        self,
        caller: ModelFnCaller,
        config: RunConfig,
        pipeline_of_inputs: Pipeline,
        *,
        warm_start_settings: WarmStartSettings | None,
        clock: Clock,
    ) -> None:
        self.caller = caller
        self.config = config
        self.pipeline = pipeline_of_inputs
        self.clock = clock
        self.warm_start_settings = warm_start_settings
        self.store = VariableStore(config.strategy)
        self.workers = Workers(config.strategy, config.cluster)
        self.checkpoints = CheckpointStore(
            str(config.model_dir),
            keep_max=config.keep_checkpoint_max,
            keep_every_n_hours=config.keep_checkpoint_every_n_hours,
            clock=clock,
            read_only=not config.is_chief,
        )
        self.last_evaluation: Metrics | None = None
        self.is_training = False
        self._writers: dict[str, Writer] = {}
        self._loops: dict[Any, StepLoop | BatchFunction] = {}
        self._source: dict[str, str] = {}
        self._warm_started: set[str] = set()

    @property
    def step(self) -> int:
        """The global step of the values in memory."""
        return int(self.store.global_step.read_value())

    # Programs

    def step_loop(self, mode: str, dataset: Dataset, fetches: Sequence[Any]) -> StepLoop:
        """Returns the compiled loop for the mode and the shapes of the data, made once.

        Args:
            mode: TRAIN or EVAL.
            dataset: the batches; only their specs are looked at.
            fetches: for each of the user's hooks a structure of tensor names.
        """
        finite = not pipeline.is_infinite(dataset)
        key = (mode, finite, _key(dataset.element_spec), _key(fetches))
        if key not in self._loops:
            program = self.bind(mode, pipeline.element_spec(dataset), fetches)
            self._loops[key] = StepLoop(
                program, fetches, finite=finite, eagerly=self.config.run_eagerly
            )
        loop = self._loops[key]
        assert isinstance(loop, StepLoop)
        return loop

    def batch_function(self, mode: str, dataset: Dataset, fetches: Sequence[Any]) -> BatchFunction:
        """Returns the compiled function of one batch, made once for the shapes of the data."""
        key = (mode, _key(dataset.element_spec), _key(fetches))
        if key not in self._loops:
            program = self.bind(mode, pipeline.element_spec(dataset), fetches)
            features, _ = pipeline.element_spec(dataset)
            self._loops[key] = BatchFunction(
                program, fetches, features=features, eagerly=self.config.run_eagerly
            )
        function = self._loops[key]
        assert isinstance(function, BatchFunction)
        return function

    def bind(self, mode: str, element_spec: tuple[Any, Any], fetches: Any) -> Program:
        """Returns the `model_fn` in a mode, with its variables made."""
        config = self.config
        records = mode == ModeKeys.TRAIN and config.is_chief and config.save_summary_steps
        program = Program(
            self.caller,
            mode,
            self.store,
            seed=config.tf_random_seed,
            summaries=(str(config.model_dir), config.save_summary_steps) if records else None,
        )
        program.bind(element_spec, fetches)
        return program

    # Values

    def restore(self, bound: Bound, checkpoint: Checkpoint | None, *, training: bool) -> None:
        """Gives the variables of a body the values of a checkpoint, all of them or none.

        Args:
            bound: the body.
            checkpoint: None warm starts, or leaves the initial values.
            training: a checkpoint must then hold nothing that the body lacks, but for a learning
                rate: a schedule has none, and a Keras optimizer keeps its own.

        Raises:
            IncompatibleCheckpointError: the checkpoint holds other variables or shapes.
        """
        names = bound.state_names
        if checkpoint is None:
            self._warm_start(names, training=training)
            return
        stale = [name for name in names if self._source.get(name) != checkpoint.prefix]
        if not stale:
            return
        wanted, on_disk = self.store.shapes(names), checkpoint.names_to_shapes()
        extra = [name for name in on_disk if name not in wanted]
        if training:
            extra = [name for name in extra if _LEARNING_RATE.fullmatch(name)]
        # tf.estimator's layers kept no state of random numbers; those of Keras 3 start afresh.
        new = [name for name in stale if name.endswith(SEED_STATE) and name not in on_disk]
        compare(wanted, checkpoint, ignore=[re.escape(name) for name in [*extra, *new]])
        stale = [name for name in stale if name not in new]
        saved = self.store.layout(stale)
        self.store.write(checkpoint.read_all(saved), stale)
        self._source.update(dict.fromkeys(stale, checkpoint.prefix))
        logging.info("Restored %d variables from %s", len(stale), checkpoint.prefix)

    @contextlib.contextmanager
    def holding(self, bound: Bound, checkpoint: Checkpoint | None) -> Iterator[None]:
        """Gives the variables of a body the values of a checkpoint, for a block that only reads.

        A hook may evaluate an older checkpoint in the middle of training; what is being trained is
        then put back behind the block.
        """
        before, source = None, dict(self._source)
        names = bound.state_names
        if self.is_training:
            before = self.store.read(names)
        self.restore(bound, checkpoint, training=False)
        try:
            yield
        finally:
            if before is not None and self._source != source:
                self.store.write(before, names)
                self._source = source

    def _warm_start(self, names: Sequence[str], *, training: bool) -> None:
        fresh = [name for name in names if name not in self._warm_started]
        if self.warm_start_settings is None or not fresh:
            return
        warm_start.apply(
            self.warm_start_settings, self.store, names, fresh=fresh, training=training
        )
        self._warm_started.update(fresh)

    def in_memory_is(self, prefix: str, names: Sequence[str]) -> None:
        """Takes note that the values in memory are those of a checkpoint."""
        self._source.update(dict.fromkeys(names, prefix))

    def is_from(self, prefix: str) -> bool:
        """Says whether nothing has changed since a checkpoint was read or written."""
        return prefix in self._source.values()

    def changed(self) -> None:
        """Takes note that a step or a hook has changed the values in memory."""
        self._source.clear()

    def writer(self, folder: str) -> Writer:
        """Returns the event files of a folder: one for all runs, written by the chief only."""
        if folder not in self._writers:
            made = EventWriter(folder) if self.workers.is_chief else NullWriter()
            self._writers[folder] = made
        return self._writers[folder]

    def variable(self, name: str) -> Variable:
        """Returns a variable by name."""
        return self.store[name]


def _key(structure: Any) -> str:
    return repr(structure)
