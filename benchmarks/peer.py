"""Virtual environments of packages that cannot, or need not, live beside this project's."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Sequence

_OLD_PYTHONS = ("python3.11", "python3.10", "python3.9")
_COMPLETE = "complete"


@dataclasses.dataclass(frozen=True)
class Peer:
    """Packages in an environment of their own.

    Attributes:
        name: of the folder.
        requirements: what pip installs.
        pythons: interpreters that will do if this one does not, the best first.
        below: first (major, minor) version of Python that will not do; None if this one will.
    """

    name: str
    requirements: Sequence[str]
    pythons: Sequence[str] = ()
    below: tuple[int, int] | None = None

    def default_folder(self) -> pathlib.Path:
        """Returns where the environment is kept between runs."""
        return pathlib.Path.home() / ".cache" / "tf-estimators" / self.name

    def ensure(self, folder: pathlib.Path) -> str:
        """Makes the environment unless it is there; returns its interpreter.

        Raises:
            RuntimeError: no Python is found that the packages can run on.
            subprocess.CalledProcessError: pip failed.
        """
        python = folder / "bin" / "python"
        marker = folder / _COMPLETE
        if not marker.exists():
            print(f"Making the environment of {self.name} in {folder} ...", file=sys.stderr)
            subprocess.run([self._base_python(), "-m", "venv", "--clear", folder], check=True)
            install = ["-m", "pip", "install", "--quiet", *self.requirements]
            subprocess.run([python, *install], check=True)
            marker.touch()  # last: an environment that pip left half made is made again
        return str(python)

    def _base_python(self) -> str:
        if self.below is None or sys.version_info < self.below:
            return sys.executable
        for name in self.pythons:
            found = shutil.which(name)
            if found:
                return found
        raise RuntimeError(
            f"{self.name} needs one of {tuple(self.pythons)} and this is Python "
            f"{sys.version.split()[0]}. Install one of them, so that it is found in PATH."
        )


TF_ESTIMATOR = Peer(
    "tf_estimator-2.15", ("tensorflow-cpu==2.15.1", "numpy<2"), _OLD_PYTHONS, below=(3, 12)
)
BOOSTED_TREES = Peer(
    "boosted_trees",
    ("xgboost-cpu==3.2.0", "lightgbm==4.7.0", "scikit-learn==1.9.1", "ydf==0.16.1"),
)
PLOTS = Peer("plots", ("matplotlib==3.11.2",))
