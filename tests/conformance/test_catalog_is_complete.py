"""What is public is in the catalog, or is named here with the reason why not."""

from __future__ import annotations

import inspect

import keras

import estimators
import feature_columns
import premade
from tests.conformance import catalog

NO_ENTRY = {
    "CheckpointSaverListener": "told by a CheckpointSaverHook",
    "Exporter": "abstract",
    "FeedFnHook": "refuses to be made, saying what to do instead",
    "Head": "abstract",
    "LinearWeight": "a row of linear_weights",
    "linear_weights": "reads a model that is trained already",
    "make_parse_example_spec": "used by test_exports_what_it_predicts",
}


def _models():
    return {
        name
        for module in (estimators, premade)
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


def test_columns():
    made = {name for name in feature_columns.__all__ if "_column" in name}
    listed = (*catalog.COLUMNS, *catalog.SEQUENCE_COLUMNS)
    assert {column.name for column in listed} == made


def test_hooks():
    hooks = {name for name in estimators.__all__ if name.lower().endswith("hook")}
    assert catalog.HOOKS.keys() == hooks - NO_ENTRY.keys()


def test_exporters():
    exporters = {name for name in estimators.__all__ if name.endswith("Exporter")}
    assert catalog.EXPORTERS.keys() == exporters - NO_ENTRY.keys()


def test_networks_of_the_models_are_keras_models():
    others = {getattr(premade, name) for name in set(premade.__all__) - _models() - NO_ENTRY.keys()}
    networks = {other for other in others if isinstance(other, type)}
    assert networks
    assert all(issubclass(network, keras.Model) for network in networks)


def test_reasons_are_about_names_that_exist():
    public = {*estimators.__all__, *feature_columns.__all__, *premade.__all__}
    assert NO_ENTRY.keys() <= public
