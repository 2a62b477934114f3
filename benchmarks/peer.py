"""The virtual environment of tf.estimator, which cannot live beside today's TensorFlow."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

REQUIREMENTS = ("tensorflow-cpu==2.15.1", "numpy<2")
_PYTHONS = ("python3.11", "python3.10", "python3.9")
_COMPLETE = "complete"


def default_folder() -> pathlib.Path:
    """Returns where the environment is kept between runs."""
    return pathlib.Path.home() / ".cache" / "tf-estimators" / "tf_estimator-2.15"


def ensure(folder: pathlib.Path) -> str:
    """Makes the environment unless it is there; returns its interpreter.

    Raises:
        RuntimeError: no Python is found that TensorFlow 2.15 can run on.
        subprocess.CalledProcessError: pip failed.
    """
    python = folder / "bin" / "python"
    marker = folder / _COMPLETE
    if not marker.exists():
        print(f"Making the environment of tf.estimator in {folder} ...", file=sys.stderr)
        subprocess.run([_old_python(), "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        marker.touch()  # last: an environment that pip left half made is made again
    return str(python)


def _old_python() -> str:
    if sys.version_info < (3, 12):
        return sys.executable
    for name in _PYTHONS:
        found = shutil.which(name)
        if found:
            return found
    raise RuntimeError(
        f"TensorFlow 2.15 needs one of {_PYTHONS} and this is Python {sys.version.split()[0]}. "
        "Install one of them, so that it is found in PATH."
    )
