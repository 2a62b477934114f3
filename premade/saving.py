"""How the networks are saved: their arguments as `keras.saving` writes them, and no guesses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import keras
import tensorflow as tf

import feature_columns as fc


class Network(keras.Model):
    """Base of the Keras models over feature columns.

    Columns decide the shapes of its weights, so that they are made before there are features, and
    its signature is known when it is exported. The `get_config` of subclasses returns the
    constructor's arguments, each through `saved`.
    """

    # Keras would trace the model with every feature as float32, whatever signatures the caller
    # gives to `export` or `tf.saved_model.save`; words are none.
    _default_save_signature = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # XLA has neither strings nor lookup tables.

    @property
    def feature_columns(self) -> tuple[Any, ...]:
        """The columns that the model reads."""
        return ()

    def get_build_config(self) -> dict[str, Any]:
        """Returns what `build_from_config` needs, which is nothing: an empty dict means unbuilt."""
        return {"input_shape": None}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Makes the weights of a model that was saved with them."""
        del config
        self.build()

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Exports the model; see `keras.Model.export`.

        Args:
            filepath: a folder.
            format: as in Keras.
            verbose: whether to print.
            input_signature: one dict of `tf.TensorSpec`s by feature; None takes `input_specs`.
            **kwargs: as in Keras.
        """
        signature = input_signature or [input_specs(self.feature_columns)]
        super().export(filepath, format, verbose, signature, **kwargs)

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


def input_specs(columns: Iterable[Any]) -> dict[str, Any]:
    """Returns what the raw features of some columns look like when they are sent by name.

    Args:
        columns: of a model.

    Returns:
        A `tf.TensorSpec` by feature: `[batch, ...]` for numbers, and `[batch, ids]` for
        categories, of which an example may have several: `""` and -1 stand for none.

    Example:
        >>> job = fc.categorical_column_with_hash_bucket("job", 10)
        >>> input_specs([fc.numeric_column("age"), job])["job"]
        TensorSpec(shape=(None, None), dtype=tf.string, name='job')
    """
    specs = {}
    for key, feature in fc.make_parse_example_spec(columns).items():
        is_fixed = isinstance(feature, tf.io.FixedLenFeature)
        shape = [None, *feature.shape] if is_fixed else [None, None]
        specs[key] = tf.TensorSpec(shape, feature.dtype, name=key)
    return specs
