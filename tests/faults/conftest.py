"""A training script in a process of its own, which can be killed and started again."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TIMEOUT_SECS = 240
POLL_SECS = 0.01


class TrainScript:
    """Runs a script on one model_dir, always with the same command."""

    def __init__(self, model_dir, steps, script="train_script.py", *arguments):
        self._model_dir = pathlib.Path(model_dir)
        path = pathlib.Path(__file__).with_name(script)
        self._command = [sys.executable, str(path), str(model_dir), str(steps), *arguments]

    def _start(self):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            self._command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _files(self):
        return sorted(os.listdir(self._model_dir)) if self._model_dir.exists() else []

    def finish(self):
        """Runs to the end."""
        _, errors = self._start().communicate(timeout=TIMEOUT_SECS)
        assert "Traceback" not in errors, errors[-5000:]

    def killed(self, secs):
        """Kills a run so many seconds after it has begun to save; says whether it still ran."""
        process, before = self._start(), self._files()
        deadline = time.monotonic() + TIMEOUT_SECS
        while self._files() == before and process.poll() is None:
            assert time.monotonic() < deadline, "the script saves nothing"
            time.sleep(POLL_SECS)
        time.sleep(secs)
        was_running = process.poll() is None
        process.kill()
        _, errors = process.communicate()
        assert "Traceback" not in errors, errors[-5000:]
        return was_running


@pytest.fixture
def train_script():
    return TrainScript
