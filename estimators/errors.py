"""Exceptions of the runtime, as a tree.

EstimatorError (RuntimeError)
├── NanLossDuringTrainingError   the loss became NaN and the run was told to stop on it
├── CheckpointError              a model_dir cannot be read, or cannot be written
│   ├── DamagedCheckpointError   files are there, and none of them can be trusted
│   └── IncompatibleCheckpointError  the model asks for other variables than the file holds
└── ExportError                  an export did not answer as the model does

Wrong arguments raise `ValueError` or `TypeError`, as `tf.estimator` did.
"""

from __future__ import annotations


class EstimatorError(RuntimeError):
    """Base of every error that the runtime raises about a run, not about an argument."""


class NanLossDuringTrainingError(EstimatorError):
    """The training loss is NaN."""

    def __init__(self, message: str = "NaN loss during training.") -> None:
        super().__init__(message)


class CheckpointError(EstimatorError):
    """A model_dir cannot be read or written."""


class DamagedCheckpointError(CheckpointError):
    """There are checkpoints, and none of them can be trusted."""


class IncompatibleCheckpointError(CheckpointError):
    """A checkpoint holds other variables, or other shapes, than the model asks for."""


class ExportError(EstimatorError):
    """An exported model could not be written or did not answer as the model does."""
