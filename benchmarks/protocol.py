"""A measured system as a process that answers one JSON line with another.

The benchmark holds a `Worker` for each system and asks it to do one thing at a time, so that the
systems take turns while the others sleep. Only the standard library is used here: the process may
run under an interpreter with other packages.

    ask:    {"call": "train", "batch": 40, "form": "arrays"}
    answer: {"steps_per_sec": 571.3}      or      {"error": "...traceback..."}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeAlias

Answer: TypeAlias = dict[str, Any]


class Worker:
    """The benchmark's end: starts a system and asks it.

    Args:
        python: interpreter that has the system's packages.
        module: the module to run; it must call `serve`.
        arguments: its command line.
        log: where its standard error goes, as for `subprocess.Popen`.
        environment: of the process, beside that of this one.
    """

    def __init__(
        self,
        python: str,
        module: str,
        arguments: Sequence[str],
        log: int | None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, **(environment or {})},
        )

    def ask(self, call: str, **arguments: Any) -> Answer:
        """Calls one function of the system and waits for what it returns.

        Raises:
            RuntimeError: the function raised, or the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            raise RuntimeError(f"{self._module} ended with status {status} in {call}{arguments}.")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self._module} failed in {call}{arguments}:\n{answer['error']}")
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        self._process.communicate()


def serve(calls: Mapping[str, Callable[..., Answer]]) -> None:
    """The system's end: answers until its standard input is closed."""
    # TensorFlow prints to descriptor 1 too; only answers may go where the benchmark listens.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        arguments = json.loads(line)
        try:
            answer = calls[arguments.pop("call")](**arguments)
        except Exception:  # whatever it is, the benchmark must hear of it
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
