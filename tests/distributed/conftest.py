"""Real processes, connected by `TF_CONFIG` on this machine."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TIMEOUT_SECS = 240


def _free_addresses(count):
    """Returns addresses whose ports are free; all are held until all are known to differ."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    try:
        return [f"localhost:{one.getsockname()[1]}" for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _start(folder, script, tf_config=None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CONFIG", None)
    if tf_config:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    return subprocess.Popen(
        [sys.executable, str(pathlib.Path(__file__).with_name(script)), str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(processes):
    try:
        outputs = [process.communicate(timeout=TIMEOUT_SECS)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-5000:]
    return outputs


@pytest.fixture(scope="session")
def run_alone():
    """Runs a script in one process; returns its output."""
    return lambda folder, script="worker.py": _finish([_start(folder, script)])


@pytest.fixture(scope="session")
def run_cluster():
    """Runs a script as a chief and a worker; returns their outputs."""

    def run(folder, script="worker.py"):
        chief, worker = _free_addresses(2)
        jobs = {"chief": [chief], "worker": [worker]}
        tasks = [{"type": "chief", "index": 0}, {"type": "worker", "index": 0}]
        return _finish([_start(folder, script, {"cluster": jobs, "task": task}) for task in tasks])

    return run
