"""How the networks are saved: their arguments as `keras.saving` writes them, and no guesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras


class Network(keras.Model):
    """Base of the Keras models over feature columns.

    Its subclasses' `get_config` returns the constructor's arguments, each through `saved`.
    """

    # Keras would trace the model with every feature as float32, whatever signatures the caller
    # gives to `export` or `tf.saved_model.save`; words are none.
    _default_save_signature = None

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Makes the model that `get_config` described.

        Args:
            config: the arguments of the constructor, serialized.
            custom_objects: classes and functions by name that are not registered.
        """
        read = keras.saving.deserialize_keras_object
        return cls(**{name: read(part, custom_objects) for name, part in config.items()})


def saved(argument: Any) -> Any:
    """Returns an argument, or each of a sequence of them, as `keras.saving` writes it.

    Example:
        >>> import feature_columns as fc
        >>> [column["class_name"] for column in saved([fc.numeric_column("x")])]
        ['NumericColumn']
    """
    if isinstance(argument, Sequence) and not isinstance(argument, str):
        return [saved(each) for each in argument]
    return keras.saving.serialize_keras_object(argument)
