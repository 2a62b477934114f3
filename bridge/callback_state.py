"""What Keras callbacks must remember over a restart."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FOLDER = "callbacks"
_KEPT_FILES = 10
# Settings that callbacks change by themselves: the sign of one, when they first look at a metric.
_NO_STATE = frozenset({"min_delta", "append_header"})


class CallbackState:
    """Attributes of callbacks: counters such as `wait` and `best`, and lists of arrays.

    Numbers, texts and truth values go into the checkpoint as they are. Lists of arrays, such as the
    `best_weights` of EarlyStopping, go into files of `<model_dir>/callbacks` that are named after
    their content: a checkpoint refers to the one that belongs to it.

    An attribute that a callback is now made with another value of is a setting that was changed,
    such as `patience`, and is left as it is now.

    Args:
        callbacks: as they were made, before their first call.

    Example:
        >>> stopping = keras.callbacks.EarlyStopping(patience=3)
        >>> state = CallbackState([stopping])
        >>> stopping.wait = 2
        >>> saved = state.save("model")
        >>> stopping.wait = 0
        >>> state.restore(saved, "model")
        >>> stopping.wait
        2
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        self._callbacks = callbacks
        self._made = [_plain(callback) for callback in callbacks]

    def save(self, model_dir: str) -> list[dict[str, Any]]:
        """Returns JSON values, one dict for each callback.

        Args:
            model_dir: where files go.
        """
        folder = os.path.join(model_dir, FOLDER)
        return [
            {
                "class": type(callback).__name__,
                "made": made,
                "now": _plain(callback),
                "files": {name: _write(folder, each) for name, each in _arrays(callback).items()},
            }
            for callback, made in zip(self._callbacks, self._made, strict=True)
        ]

    def restore(self, saved: Sequence[Mapping[str, Any]], model_dir: str) -> None:
        """Gives back what `save` returned.

        Args:
            saved: the JSON values.
            model_dir: where files are.

        Raises:
            ValueError: it was saved with other callbacks.
        """
        classes = [type(callback).__name__ for callback in self._callbacks]
        before = [each["class"] for each in saved]
        if classes != before:
            raise ValueError(
                f"The run in {model_dir} had the callbacks {before} and is taken up with "
                f"{classes}. Give it the same in the same order, or begin in another model_dir."
            )
        folder = os.path.join(model_dir, FOLDER)
        for callback, made, each in zip(self._callbacks, self._made, saved, strict=True):
            for name, value in each["now"].items():
                if made.get(name) == each["made"].get(name):
                    setattr(callback, name, value)
            for name, file in each["files"].items():
                setattr(callback, name, _read(folder, file))


def _plain(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Returns the attributes that are JSON values of no structure."""
    found = {}
    for name, value in vars(callback).items():
        if isinstance(value, np.generic):
            value = value.item()
        if name not in _NO_STATE and (value is None or isinstance(value, bool | int | float | str)):
            found[name] = value
    return found


def _arrays(callback: keras.callbacks.Callback) -> dict[str, list[Any]]:
    """Returns the attributes that are lists of arrays."""
    return {
        name: value
        for name, value in vars(callback).items()
        if isinstance(value, list) and value and all(isinstance(v, np.ndarray) for v in value)
    }


def _write(folder: str, arrays: Sequence[Any]) -> str:
    """Writes arrays into a file named after them, unless it is there; returns its name."""
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    content = buffer.getvalue()
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.npz"
    path = os.path.join(folder, name)
    if not tf.io.gfile.exists(path):
        tf.io.gfile.makedirs(folder)
        _forget_old(folder)
        with tf.io.gfile.GFile(f"{path}.part", "wb") as file:
            file.write(content)
        tf.io.gfile.rename(f"{path}.part", path, overwrite=True)
    return name


def _forget_old(folder: str) -> None:
    """Leaves the newest files, more than there are checkpoints to go back to."""
    paths = [os.path.join(folder, name) for name in tf.io.gfile.listdir(folder)]
    paths.sort(key=lambda path: tf.io.gfile.stat(path).mtime_nsec)
    for path in paths[: 1 - _KEPT_FILES]:
        tf.io.gfile.remove(path)


def _read(folder: str, name: str) -> list[Any]:
    with tf.io.gfile.GFile(os.path.join(folder, name), "rb") as file:
        arrays = np.load(io.BytesIO(file.read()), allow_pickle=False)
    return [arrays[key] for key in arrays.files]
