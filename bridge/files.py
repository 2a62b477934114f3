"""A Keras model from its file, or what to do about a file that holds none."""

from __future__ import annotations

import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import h5py
import keras

_OLD_VERSIONS = ("0", "1", "2")


def load(path: str, custom_objects: Mapping[str, Any] | None) -> keras.Model:
    """Returns the model of a file, loaded in safe mode.

    Args:
        path: of a `.keras` file, or one of the older HDF5 files that Keras 3 still reads.
        custom_objects: classes and functions by name.

    Raises:
        ValueError: there is no such file, or it cannot be loaded safely.

    Example:
        >>> keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save("loads.keras")
        >>> load("loads.keras", None).count_params()
        3
    """
    if not pathlib.Path(path).exists():
        raise ValueError(f"keras_model_path {path!r} does not exist.")
    try:
        return keras.saving.load_model(path, custom_objects=custom_objects, safe_mode=True)
    except Exception as error:  # Keras raises ValueError, TypeError, KeyError and others.
        raise ValueError(f"{path!r} cannot be loaded. {_mend(path, str(error))}") from error


def _mend(path: str, error: str) -> str:
    version = _version(pathlib.Path(path))
    if version.startswith(_OLD_VERSIONS):
        return (
            f"Keras {version} saved it, and models of Keras 2 open with the package tf_keras: "
            "pip install tf_keras, load it with tf_keras.models.load_model(path), and give the "
            "model as `keras_model`. Or save it anew with Keras 3."
        )
    if "safe_mode" in error or "unsafe" in error.lower():
        return (
            "It holds code (such as a Lambda layer), which is not run from a file. If you trust "
            "it, load it with keras.saving.load_model(path, safe_mode=False) and give the model "
            "as `keras_model`; or write a layer class in the place of the Lambda."
        )
    # What precedes it is the configuration of the whole model.
    error = error.rpartition("Exception encountered: ")[2]
    if "Could not locate" in error or "Unknown" in error or "custom_objects" in error:
        return f"Give the classes and functions that it needs as `custom_objects`. Keras: {error}"
    return f"Give a `.keras` file that `model.save` of Keras 3 wrote. Keras: {error}"


def _version(path: pathlib.Path) -> str:
    """Returns the version of Keras that wrote a file; empty if it does not say.

    Only Keras 2 wrote folders; they do not say more.
    """
    if path.is_dir():
        return "2" if (path / "keras_metadata.pb").exists() else ""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if "metadata.json" in archive.namelist():
                return str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
    elif h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("keras_version", ""))
    return ""
