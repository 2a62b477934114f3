"""The way back: a Keras model with what an Estimator has learned."""

from __future__ import annotations

from typing import Any

import keras

from bridge import internals, keras_2, keras_equals, updates
from bridge.lending import Weights
from bridge.model_to_estimator import KerasEstimator
from bridge.premade_weights import Place, places
from estimators import Estimator
from estimators.checkpoints import Checkpoint
from premade.network_estimator import NetworkEstimator


def to_keras(estimator: Estimator, checkpoint_path: str | None = None) -> keras.Model:
    """Returns a new Keras model with the trained weights.

    Of an Estimator made by `model_to_estimator` it is compiled as the first model was. Of a premade
    Estimator it is its network, a model of `premade`, which takes dicts of raw features and returns
    logits: `tf.sigmoid` makes probabilities of those of two classes, `tf.nn.softmax` of those of
    several, and for a regression they are the predictions (before `inverse_link_fn`). It is
    compiled, with the loss of the head on logits, under a `BinaryClassHead`, `MultiClassHead` or
    `RegressionHead` without a `loss_fn`. Labels are then class numbers or numbers, as Keras wants
    them. Its optimizer is the one of the Estimator if Keras has it, for wide & deep the one of the
    deep part, and starts afresh.

    `fit` goes on where the Estimator stopped: the optimizer's slots and steps are there too, unless
    it was `row_wise`.

    Args:
        estimator: made by `model_to_estimator`, or a premade one.
        checkpoint_path: the checkpoint to take; the newest of model_dir when None. Without any, a
            model of `model_to_estimator` has its initial weights.

    Raises:
        TypeError: the Estimator has a `model_fn` of the user's, whose model is not known.
        ValueError: the model cannot be copied; use `load_weights` then. Or a premade Estimator has
            not been trained.

    Example:
        >>> from bridge import model_to_estimator
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> to_keras(model_to_estimator(model)).loss
        'mse'
    """
    if isinstance(estimator, NetworkEstimator):
        network = estimator.make_network()
        load_weights(network, estimator, checkpoint_path)
        keras_equals.compile_as(network, estimator)
        return network
    if isinstance(estimator, keras_2.Keras2Estimator):
        return keras_2.trained(estimator, _reader(estimator, checkpoint_path))
    estimator = _keras_estimator(estimator)
    copy = _copy(estimator.keras_model)
    load_weights(copy, estimator, checkpoint_path)
    _compile(copy, estimator, _reader(estimator, checkpoint_path))
    return copy


def load_weights(
    model: keras.Model, estimator: Estimator, checkpoint_path: str | None = None
) -> None:
    """Gives a Keras model the weights that an Estimator of such a model has learned.

    Args:
        model: of the same layers in the same order; it may be the one that the Estimator was made
            of. For a premade Estimator, a network of `premade` over the same columns, built.
        estimator: as for `to_keras`.
        checkpoint_path: as for `to_keras`.

    Raises:
        TypeError: as `to_keras`.
        ValueError: the model has other variables, or a premade Estimator has not been trained.

    Example:
        >>> from bridge import model_to_estimator
        >>> model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> load_weights(model, model_to_estimator(model))
    """
    if isinstance(estimator, NetworkEstimator):
        path = checkpoint_path or estimator.latest_checkpoint()
        if path is None:
            raise ValueError(f"Could not find trained model in model_dir: {estimator.model_dir}.")
        _load_network(places(model), Checkpoint.open(path))
        return
    if isinstance(estimator, keras_2.Keras2Estimator):
        keras_2.load_weights(model, estimator, _reader(estimator, checkpoint_path))
        return
    held = _keras_estimator(estimator).keras_weights.held
    shapes = [(each.name, each.initial.shape) for each in held]
    given = [tuple(variable.shape) for variable in model.variables]
    if given != [tuple(shape) for _, shape in shapes]:
        raise ValueError(
            f"The variables of {model.name!r} have shapes {given}, and those of the Estimator's "
            f"model {shapes}. Make the model by the same code."
        )
    reader = _reader(estimator, checkpoint_path)
    for variable, each in zip(model.variables, held, strict=True):
        variable.assign(each.initial if reader is None else reader.read(each.name))


def _load_network(wanted: list[Place], checkpoint: Checkpoint) -> None:
    """Reads all weights before it assigns any."""
    shapes = checkpoint.names_to_shapes()
    wrong = [
        f"{place.name} {list(place.shape)}"
        for place in wanted
        if shapes.get(place.name) != place.shape
    ]
    if wrong:
        raise ValueError(
            f"{checkpoint.prefix} does not hold these weights of the Keras model: {wrong}. It has "
            f"{ {name: list(shape) for name, shape in shapes.items()} }. Make the model over the "
            "columns and with the sizes of the Estimator."
        )
    values = {place.variable.path: place.variable.numpy() for place in wanted}
    for place in wanted:
        values[place.variable.path][place.rows or ...] = checkpoint.read(place.name)
    for place in wanted:
        place.variable.assign(values[place.variable.path])


def _keras_estimator(estimator: Estimator) -> KerasEstimator:
    if not isinstance(estimator, KerasEstimator):
        raise TypeError(
            "Only an Estimator made by model_to_estimator or a premade one has a Keras model, got "
            f"{type(estimator).__name__}: {estimator!r}. Of what add_metrics returned, give the "
            "Estimator that it was given. For a model_fn of your own, read its weights with "
            "get_variable_value(name)."
        )
    return estimator


def _reader(estimator: Estimator, path: str | None) -> Checkpoint | None:
    """Returns what reads a checkpoint; None without one."""
    path = path or estimator.latest_checkpoint()
    return None if path is None else Checkpoint.open(path)


def _copy(model: keras.Model) -> keras.Model:
    try:
        if type(model) in (keras.Model, keras.Sequential) or internals.is_functional(model):
            return keras.models.clone_model(model)
        copy = type(model).from_config(model.get_config())
        copy.build_from_config(model.get_build_config())
    except (NotImplementedError, TypeError, ValueError) as error:
        raise _cannot_copy(model) from error
    if len(copy.variables) != len(model.variables):
        raise _cannot_copy(model)
    return copy


def _cannot_copy(model: keras.Model) -> ValueError:
    return ValueError(
        f"{type(model).__name__} cannot be copied by its get_config. Give it get_config and "
        "from_config, or make a second model by your own code and call "
        "bridge.load_weights(model, estimator)."
    )


def _compile(copy: keras.Model, estimator: KerasEstimator, reader: Any) -> None:
    """Compiles a copy as the model was, its optimizer where the Estimator's has come to."""
    config = internals.compile_config(estimator.keras_model)
    optimizer = config.pop("optimizer")
    if optimizer is not None:
        optimizer = type(optimizer).from_config(optimizer.get_config())
    for key in ("metrics", "weighted_metrics"):
        config[key] = keras.tree.map_structure(_fresh_metric, config[key])
    copy.compile(optimizer=optimizer, **config)
    if optimizer is None:
        return
    copy.optimizer.build(copy.trainable_variables)  # A file of it cannot be loaded else.
    if reader is None:
        return
    saved = reader.names_to_shapes()
    for held in updates.optimizer_state([copy.optimizer], Weights.of(copy).disk_names):
        # A row-wise optimizer has slots of its own, which Keras cannot go on with.
        if held.name in saved:
            held.keras_variable.assign(reader.read(held.name))


def _fresh_metric(metric: Any) -> Any:
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
