"""The gin values that a run really used, saved with what it trained."""

from __future__ import annotations

import os

import gin

from estimators.checkpoints import LocalFileSystem
from estimators.hooks import Hook, Run


class OperativeConfigHook(Hook):
    """Writes `operative_config-<step>.gin` into model_dir when a run begins, and a text summary."""

    def begin(self, run: Run) -> None:
        """Writes what was used to build the experiment."""
        if not run.is_chief:
            return
        text = gin.operative_config_str()
        files = LocalFileSystem()
        path = os.path.join(run.model_dir, f"operative_config-{run.step}.gin")
        scratch = f"{path}.tmp"
        files.make_folder(run.model_dir)
        files.write(scratch, text.encode())
        files.sync(scratch)
        files.rename(scratch, path)
        run.writer.text(run.step, "gin/operative_config", gin.markdown(text))
