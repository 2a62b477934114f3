"""Which event files a hook writes to."""

from __future__ import annotations

import os

from estimators.hooks.base import Run
from estimators.writers import EventWriter, NullWriter, Writer


def checked_writer(
    output_dir: str | os.PathLike[str] | None, summary_writer: Writer | None
) -> Writer | None:
    """Returns the writer of two arguments of which one may be given; None is the run's.

    Raises:
        ValueError: both are given.
        TypeError: `summary_writer` is not a `Writer`, but one of TensorFlow's.

    Example:
        >>> checked_writer("events", None).directory
        'events'
    """
    if output_dir and summary_writer is not None:
        raise ValueError("Give `output_dir` or `summary_writer`, not both.")
    if output_dir:
        return EventWriter(os.fspath(output_dir))
    if summary_writer is not None and not callable(getattr(summary_writer, "scalars", None)):
        raise TypeError(
            f"`summary_writer` must be an estimators.Writer, got {type(summary_writer).__name__}. "
            "Give `output_dir` instead."
        )
    return summary_writer


def writer_of(run: Run, own: Writer | None) -> Writer:
    """Returns the hook's own writer or the run's; one that writes nothing on other workers.

    Args:
        run: the run.
        own: of `checked_writer`.
    """
    if own is None:
        return run.writer
    return own if run.is_chief else NullWriter()
