"""What is public is in the catalog, or is named here with the reason why not."""

from __future__ import annotations

import dataclasses
import inspect

import keras

import bridge
import estimators
import feature_columns
import premade
from tests.conformance import catalog

NO_ENTRY = {
    "CheckpointSaverListener": "told by a CheckpointSaverHook",
    "EstimatorSpec": "holds tensors of a trace; every model of the catalog returns one",
    "Exporter": "abstract",
    "FeatureImportance": "a row of permutation_importance",
    "FeedFnHook": "refuses to be made, saying what to do instead",
    "FusedPart": "where LinearModel keeps a column's weights",
    "Head": "abstract",
    "HookCallback": "a callback of Keras: see tests/bridge/test_hook_callback.py",
    "LinearSDCA": "the optimizer of LinearClassifier-sdca and LinearRegressor-sdca",
    "LinearWeight": "a row of linear_weights",
    "linear_weights": "reads a model that is trained already",
    "load_weights": "the way back to Keras: see tests/bridge/test_model_to_estimator.py",
    "make_parse_example_spec": "used by test_exports_what_it_predicts",
    "model_to_estimator": "makes a KerasEstimator",
    "export_litert": "see tests/bridge/test_runtimes.py",
    "export_onnx": "see tests/bridge/test_runtimes.py",
    "export_tfjs": "see tests/bridge/test_runtimes.py",
    "from_keras": "see tests/bridge/test_premade.py",
    "TreeOptions": "more arguments of the boosted trees",
    "transformed": "see tests/bridge/test_runtimes.py",
    "serving_input_receiver_fn": "see tests/bridge/test_what_models_do.py",
    "to_keras": "the way back to Keras: see tests/bridge/test_model_to_estimator.py",
    "PartialDependence": "what partial_dependence returns",
    "Part": "where a premade model keeps a column's weights",
}


def _models():
    return {
        name
        for module in (estimators, premade, bridge)
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
        and issubclass(getattr(module, name), estimators.Estimator)
    }


def test_models():
    assert {model.class_name for model in catalog.MODELS} == _models()


def test_heads():
    ends = ("Head", "HeadWrapper")
    heads = {name for name in estimators.__all__ if name.endswith(ends)} - NO_ENTRY.keys()
    assert {head for model in catalog.MODELS for head in model.covers} == heads
    assert catalog.HEADS.keys() == heads


def test_columns():
    made = {name for name in feature_columns.__all__ if name.islower()} - NO_ENTRY.keys()
    listed = (*catalog.COLUMNS, *catalog.SEQUENCE_COLUMNS)
    assert {column.name for column in listed} == made


def test_hooks():
    hooks = {name for name in estimators.__all__ if name.lower().endswith("hook")}
    assert catalog.HOOKS.keys() == hooks - NO_ENTRY.keys()
    assert catalog.KERAS_HOOKS.keys() == {name for name in bridge.__all__ if name.endswith("Hook")}


def test_bridge():
    others = {*bridge.__all__} - _models() - catalog.KERAS_HOOKS.keys() - NO_ENTRY.keys()
    assert not others


def test_exporters():
    exporters = {name for name in estimators.__all__ if name.endswith("Exporter")}
    assert catalog.EXPORTERS.keys() == exporters - NO_ENTRY.keys()


def _classes(module, base):
    public = {name: getattr(module, name) for name in module.__all__}
    return {n for n, each in public.items() if isinstance(each, type) and issubclass(each, base)}


def test_layers():
    assert catalog.LAYERS.keys() == _classes(feature_columns, keras.layers.Layer)


def test_networks():
    assert catalog.NETWORKS.keys() == _classes(premade, keras.Model)


def test_classes_of_premade_are_models_or_networks():
    others = _classes(premade, object) - _models() - NO_ENTRY.keys()
    assert others == catalog.NETWORKS.keys()


def test_values():
    values = {
        name
        for module in (estimators, feature_columns, premade)
        for name in module.__all__
        if dataclasses.is_dataclass(getattr(module, name))
    }
    assert catalog.VALUES.keys() == values - NO_ENTRY.keys()


def test_reasons_are_about_names_that_exist():
    public = {*estimators.__all__, *feature_columns.__all__, *premade.__all__, *bridge.__all__}
    assert NO_ENTRY.keys() <= public
