"""k-means clustering."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

import numpy as np

import feature_columns as fc
from estimators import Estimator, Hook, RunConfig
from premade.columns import checked_columns, has_weights
from premade.kmeans.distances import COSINE, DISTANCES, SQUARED_EUCLIDEAN
from premade.kmeans.model_fn import ALL_DISTANCES, CLUSTER_INDEX, CLUSTERS, SCORE, KMeansModelFn
from premade.kmeans.rules import EveryFewSteps, FullBatch, Rule, RunningMean
from premade.kmeans.start import KMEANS_PLUS_PLUS, RANDOM, Start
from premade.model_fn import Preprocess


class KMeansClustering(Estimator):
    """Groups points around `num_clusters` centres; `KMeans` in tf.estimator.

    An `input_fn` returns points: one tensor `[n, width]`, or a dict of tensors `[n]` or
    `[n, width]`, which are put side by side in the order of their keys. Labels are ignored. The
    centres are chosen by the first batch, or the first few if one has fewer points than centres;
    the batch that completes them is also the first step. One batch is one step, whatever the rule:
    for Lloyd's algorithm give all points in each batch and `use_mini_batch=False`.

    Args:
        num_clusters: number of centres.
        model_dir: see `Estimator`.
        initial_clusters: `random` (different rows, all as likely: the default of tf.estimator,
            which often leaves two groups to one centre); `kmeans_plus_plus` (points far from each
            other, the better choice); an array `[num_clusters, width]`; or a function of points
            `[n, width]` and the number of centres still needed that returns up to so many.
        distance_metric: `squared_euclidean`, or `cosine` (one minus the cosine).
        seed: of what is drawn; the `tf_random_seed` of `config` when None, and without that the
            same for every run.
        use_mini_batch: True moves centres by running means, for data of many batches; False to the
            means of the batch.
        mini_batch_steps_per_iteration: centres stand still for so many steps, then all move; so
            that one pass over the data can be one iteration.
        kmeans_plus_plus_num_retries: candidates that are drawn for each centre beside the first.
        relative_tolerance: stops training when the loss changes by a smaller share of itself from
            one step to the next. Means something only where each batch is all of the data; training
            then comes back from the compiled loop after each step.
        config: see `Estimator`.
        feature_columns: dense columns that make the points; None takes the features as they are.

    Raises:
        ValueError: an argument is out of its range, or an unknown name.

    Example:
        >>> points = np.float32([[0, 0], [0, 1], [9, 9], [9, 8]])
        >>> data = lambda: tf.data.Dataset.from_tensors(points).repeat()
        >>> kmeans = KMeansClustering(2, use_mini_batch=False, seed=1).train(data, steps=5)
        >>> sorted(kmeans.cluster_centers().round(3).tolist())
        [[0.0, 0.5], [9.0, 8.5]]
        >>> one = lambda: tf.data.Dataset.from_tensors(points)
        >>> a, b, c, d = kmeans.predict_cluster_index(one)
        >>> bool(a == b != c == d), round(float(kmeans.score(one)), 3)
        (True, 1.0)
    """

    SQUARED_EUCLIDEAN_DISTANCE = SQUARED_EUCLIDEAN
    COSINE_DISTANCE = COSINE
    RANDOM_INIT = RANDOM
    KMEANS_PLUS_PLUS_INIT = KMEANS_PLUS_PLUS
    ALL_DISTANCES = ALL_DISTANCES
    CLUSTER_INDEX = CLUSTER_INDEX
    CLUSTER_CENTERS_VAR_NAME = CLUSTERS
    SCORE = SCORE

    def __init__(
        self,
        num_clusters: int,
        model_dir: str | None = None,
        initial_clusters: Any = RANDOM,
        distance_metric: str = SQUARED_EUCLIDEAN,
        seed: int | None = None,
        use_mini_batch: bool = True,
        mini_batch_steps_per_iteration: int = 1,
        kmeans_plus_plus_num_retries: int = 2,
        relative_tolerance: float | None = None,
        config: RunConfig | None = None,
        feature_columns: Iterable[Any] | None = None,
    ) -> None:
        _check_at_least("num_clusters", num_clusters, 1)
        _check_at_least("mini_batch_steps_per_iteration", mini_batch_steps_per_iteration, 1)
        _check_at_least("kmeans_plus_plus_num_retries", kmeans_plus_plus_num_retries, 0)
        if distance_metric not in DISTANCES:
            raise ValueError(
                f"Unsupported distance metric {distance_metric!r}: distance_metric must be one of "
                f"{tuple(DISTANCES)}."
            )
        if seed is None:
            seed = (config.tf_random_seed if config is not None else None) or 0
        start = Start(
            num_clusters,
            initial_clusters,
            DISTANCES[distance_metric],
            seed=seed,
            retries=kmeans_plus_plus_num_retries,
        )
        is_cosine = distance_metric == COSINE
        columns = None if feature_columns is None else _without_weights(feature_columns)
        model_fn = KMeansModelFn(
            start,
            _rule(use_mini_batch, mini_batch_steps_per_iteration, is_cosine),
            is_cosine=is_cosine,
            columns=columns,
            hooks=[] if relative_tolerance is None else [RelativeToleranceHook(relative_tolerance)],
        )
        super().__init__(
            model_fn,
            model_dir,
            config,
            preprocess_fn=None if columns is None else Preprocess(fc.Transform(columns)),
        )
        self._is_squared = distance_metric == SQUARED_EUCLIDEAN

    def predict_cluster_index(self, input_fn: Any) -> Iterator[Any]:
        """Yields the number of the nearest centre of each point.

        Args:
            input_fn: as for `predict`.
        """
        for prediction in self.predict(input_fn, predict_keys=[CLUSTER_INDEX]):
            yield prediction[CLUSTER_INDEX]

    def score(self, input_fn: Any) -> Any:
        """Returns the sum, over the points of one batch, of the distance from the nearest centre.

        Args:
            input_fn: its first batch is looked at; `evaluate` takes the mean over all batches.
        """
        return self.evaluate(input_fn, steps=1)[SCORE]

    def transform(self, input_fn: Any) -> Iterator[Any]:
        """Yields the distances of each point from all centres, float32 `[num_clusters]`.

        They are distances, where `all_distances` of `predict` are squared ones; cosine distances
        are the same in both.

        Args:
            input_fn: as for `predict`.
        """
        for prediction in self.predict(input_fn, predict_keys=[ALL_DISTANCES]):
            distances = prediction[ALL_DISTANCES]
            yield np.sqrt(distances) if self._is_squared else distances

    def cluster_centers(self) -> np.ndarray[Any, Any]:
        """Returns the centres of the newest checkpoint, float32 `[num_clusters, width]`.

        Raises:
            ValueError: there is no checkpoint.
        """
        return self.get_variable_value(CLUSTERS)


@final
class RelativeToleranceHook(Hook):
    """Ends a run when the loss hardly changes any more.

    Args:
        tolerance: least change of the loss from step to step, divided by 1 plus the loss before.

    Raises:
        ValueError: `tolerance` is negative.

    Example:
        >>> RelativeToleranceHook(0.01).due(5)
        6
    """

    def __init__(self, tolerance: float) -> None:
        if tolerance < 0:
            raise ValueError(f"relative_tolerance must be >= 0, got {tolerance!r}.")
        self._tolerance = tolerance
        self._previous: float | None = None

    def due(self, step: int) -> int | None:
        """Returns the next step."""
        return step + 1

    def after(self, run: Any, outputs: Any) -> None:
        """Compares with the step before."""
        if self._previous is not None:
            change = abs(outputs.loss - self._previous) / (1.0 + abs(self._previous))
            if change < self._tolerance:
                run.request_stop(f"the loss changed by the share {change:.3g}")
        self._previous = outputs.loss

    def state(self) -> Mapping[str, Any]:
        """Returns the last loss."""
        return {"previous": self._previous}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes it back."""
        self._previous = state["previous"]


def _rule(use_mini_batch: bool, steps: int, is_cosine: bool) -> Rule:
    if not use_mini_batch:
        return FullBatch(is_cosine)
    return RunningMean() if steps == 1 else EveryFewSteps(steps, is_cosine)


def _without_weights(columns: Iterable[Any]) -> tuple[Any, ...]:
    checked = checked_columns(columns, "feature_columns")
    for column in checked:
        if has_weights(column):
            raise ValueError(
                f"The column {column.name!r} has weights to be learned, and k-means learns none. "
                "Take indicator_column instead of embedding_column."
            )
    return tuple(checked)


def _check_at_least(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}.")
