"""The entry of the binary: flags in, exit code out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import gin
import tensorflow as tf
from absl import app, flags, logging

from estimators.cli import modes, registry
from estimators.cli.batch_prediction import Job
from estimators.cli.experiment import Experiment
from estimators.cli.row_formats import FORMATS
from estimators.errors import EstimatorError

_USER_ERRORS = (ValueError, TypeError, OSError, EstimatorError, tf.errors.OpError)


def define_flags(values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines the flags of the binary, unless they are defined.

    A function, because a program that imports this module may define gin flags of its own.
    """
    if "gin_file" in values:
        return
    flags.DEFINE_multi_string(
        "gin_file", [], "Gin file of the experiment; may be given again.", flag_values=values
    )
    flags.DEFINE_multi_string(
        "gin_param", [], "Gin binding, such as batch_size=40.", flag_values=values
    )
    flags.DEFINE_alias("gin_bindings", "gin_param", flag_values=values)
    flags.DEFINE_string("model_dir", None, "Folder of checkpoints and events.", flag_values=values)
    flags.DEFINE_enum(
        "mode", "train_and_eval", list(modes.MODES), "What to do.", flag_values=values
    )
    flags.DEFINE_bool(
        "dry_run", False, "Do a few steps of everything, and keep nothing.", flag_values=values
    )
    flags.DEFINE_string("input", None, "For predict: glob of files.", flag_values=values)
    flags.DEFINE_enum(
        "input_format", "csv", ["csv", "tfrecord"], "For predict.", flag_values=values
    )
    flags.DEFINE_string("output", None, "For predict: folder of the shards.", flag_values=values)
    flags.DEFINE_enum("output_format", "jsonl", list(FORMATS), "For predict.", flag_values=values)
    flags.DEFINE_integer(
        "rows_per_shard", 10_000, "For predict: rows in one file.", flag_values=values
    )


def _needed(flag: str) -> str:
    value = flags.FLAGS[flag].value
    if not value:
        raise app.UsageError(f"--{flag} must be given with --mode={flags.FLAGS.mode}.")
    return str(value)


def _experiment() -> Experiment:
    if not flags.FLAGS.gin_file:
        raise app.UsageError(
            "--gin_file must be given: the experiment to run, such as configs/quickstart.gin."
        )
    registry.register()
    registry.parse(flags.FLAGS.gin_file, flags.FLAGS.gin_param)
    experiment: Experiment = gin.get_configurable("estimators.Experiment")()
    return experiment


def _run_mode() -> None:
    if flags.FLAGS.dry_run:
        modes.dry_run(_experiment())
        return
    model_dir = _needed("model_dir")
    arguments = []
    if flags.FLAGS.mode == "predict":
        arguments = [
            Job(
                pattern=_needed("input"),
                input_format=flags.FLAGS.input_format,
                output=_needed("output"),
                output_format=flags.FLAGS.output_format,
                rows_per_shard=flags.FLAGS.rows_per_shard,
            )
        ]
    modes.MODES[flags.FLAGS.mode](_experiment(), model_dir, *arguments)


def main(argv: Sequence[str]) -> int:
    """Runs what the flags say; returns the exit code.

    A mistake of the user is one message, without the places in the code; --verbosity=1 shows those.
    """
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}. Everything is a flag.")
    try:
        _run_mode()
    except _USER_ERRORS as error:
        if logging.level_debug():
            raise
        print(f"estimators-train: {error}", file=sys.stderr)
        return 1
    return 0


def run() -> None:
    """Starts the binary."""
    define_flags()
    app.run(main)
