"""`forward_features`: an Estimator whose predictions hold features of their rows, such as a key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from estimators.aliases import Features, PreprocessFn, Tensor
from estimators.estimator import Estimator
from estimators.export.outputs import PredictOutput
from estimators.spec import EstimatorSpec, ModeKeys

_SIGNATURES = ("serving_default", "predict")


class _Both(NamedTuple):
    """What a `model_fn` reads, and the features as the input_fn or the receiver gave them."""

    read: Features
    raw: Features


@dataclasses.dataclass(frozen=True)
class _Beside:
    """Keeps raw features beside what is made of them.

    Not under one roof: a `preprocess_fn` may give its results the names of what it took.

    Attributes:
        preprocess_fn: makes what the model reads; None leaves the features as they are.
        forwarded: what is to be kept.
    """

    preprocess_fn: PreprocessFn | None
    forwarded: _Forwarded

    def __call__(self, features: Features) -> _Both:
        raw = self.forwarded.chosen(features)
        made = features if self.preprocess_fn is None else self.preprocess_fn(features)
        return _Both(made, raw)


@dataclasses.dataclass(frozen=True)
class _Forwarded:
    """Which features are forwarded, and how.

    Attributes:
        keys: their names; None means all.
        defaults: what stands in a sparse feature where nothing is, by name.
    """

    keys: tuple[str, ...] | None
    defaults: Mapping[str, Any]

    def chosen(self, features: Features) -> dict[str, Any]:
        """Returns the features to forward, as they are."""
        if not isinstance(features, Mapping):
            raise ValueError(
                "forward_features needs features by name, got "
                f"{type(features).__name__}. Return a dict of tensors from the input_fn."
            )
        keys = tuple(features) if self.keys is None else self.keys
        missing = [key for key in keys if key not in features]
        if missing:
            raise ValueError(
                f"forward_features: the keys {missing} are not among the features: "
                f"{sorted(features)}. The input_fn must return them, and the serving input "
                "receiver of an export must receive them."
            )
        return {key: features[key] for key in keys}

    def predictions(self, raw: Mapping[str, Any], predictions: Any) -> dict[str, Tensor]:
        """Returns the forwarded features, dense, none of which is a prediction already."""
        if not isinstance(predictions, Mapping):
            raise ValueError(
                "forward_features needs predictions by name, got "
                f"{type(predictions).__name__}. Return predictions={{'name': tensor}} from the "
                "model_fn."
            )
        twice = [key for key in raw if key in predictions]
        if twice:
            raise ValueError(
                f"forward_features: {twice} are keys of predictions already: "
                f"{sorted(map(str, predictions))}. Name other features in `keys`, or rename them "
                "in the input_fn."
            )
        return {key: self._dense(key, value) for key, value in raw.items()}

    def _dense(self, key: str, value: Any) -> Tensor:
        if not isinstance(value, tf.SparseTensor | tf.RaggedTensor):
            return tf.convert_to_tensor(value)
        if key not in self.defaults:
            raise ValueError(
                f"forward_features: the feature {key!r} is a {type(value).__name__}, and "
                "predictions are dense. Say in `sparse_default_values` what stands where nothing "
                f"is, for instance {{{key!r}: {'' if value.dtype == tf.string else 0!r}}}, or "
                "leave it out of `keys`."
            )
        default = tf.cast(self.defaults[key], value.dtype)
        if isinstance(value, tf.RaggedTensor):
            return value.to_tensor(default)
        return tf.sparse.to_dense(value, default)


def forward_features(
    estimator: Estimator,
    keys: str | Iterable[str] | None = None,
    sparse_default_values: Mapping[str, Any] | None = None,
) -> Estimator:
    """Returns an Estimator like `estimator` whose predictions also hold features of their rows.

    In `predict` and in exports: there in the signature `predict`, and in `serving_default` if it
    answers predictions by name. Forwarded are the features of the input_fn or of the serving input
    receiver, not what a `preprocess_fn` or the columns of a premade model make of them. Training
    and evaluation stay as they are.

    Args:
        estimator: shares its model_dir, config, params and warm start with the new one.
        keys: name of a feature, or names; None means all features.
        sparse_default_values: by the name of a sparse or ragged feature, what stands in the dense
            tensor where nothing is. It does nothing to a feature that is dense already.

    Raises:
        TypeError: a key is no string.
        ValueError: a feature with a default value is not forwarded. When it predicts or exports: a
            feature is missing, is a prediction already, or is sparse and has no default value.

    Example:
        >>> import tensorflow as tf
        >>> def model_fn(features, mode):
        ...     return EstimatorSpec(mode, predictions={"y": 2.0 * features["x"]})
        >>> data = lambda: tf.data.Dataset.from_tensors({"x": [[1.0]], "id": [["row 7"]]})
        >>> estimator = forward_features(Estimator(model_fn), "id")
        >>> row = next(estimator.predict(data))
        >>> row["y"].tolist(), row["id"].tolist()
        ([2.0], [b'row 7'])
    """
    forwarded = _Forwarded(_checked_keys(keys), dict(sparse_default_values or {}))
    unused = [key for key in forwarded.defaults if key not in (forwarded.keys or (key,))]
    if unused:
        raise ValueError(
            f"forward_features: sparse_default_values names {unused}, which `keys` "
            f"({list(forwarded.keys or ())}) does not forward. Add it to `keys`."
        )

    def model_fn(features: Any, labels: Any, mode: str, params: Any, config: Any) -> EstimatorSpec:
        # The Estimator hands `params` to its own model_fn.
        if mode != ModeKeys.PREDICT:
            return estimator.model_fn(features, labels, mode, config)
        # Whoever calls this function with features of their own has preprocessed nothing.
        both = features if isinstance(features, _Both) else _Beside(None, forwarded)(features)
        spec = estimator.model_fn(both.read, labels, mode, config)
        return _with_predictions(spec, forwarded.predictions(both.raw, spec.predictions))

    return estimator.with_model_fn(
        model_fn, around_prediction=lambda preprocess_fn: _Beside(preprocess_fn, forwarded)
    )


def _checked_keys(keys: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if keys is None:
        return None
    names = (keys,) if isinstance(keys, str) else tuple(keys)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"forward_features: keys must be names of features, strings. Given: {name!r}."
            )
    return names


def _with_predictions(spec: EstimatorSpec, added: Mapping[str, Tensor]) -> EstimatorSpec:
    outputs = spec.export_outputs
    if outputs is not None:
        outputs = {
            name: PredictOutput({**output.outputs, **added})
            if name in _SIGNATURES and isinstance(output, PredictOutput)
            else output
            for name, output in outputs.items()
        }
    return spec._replace(predictions={**spec.predictions, **added}, export_outputs=outputs)
