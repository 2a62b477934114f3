"""Permutation importance: against scikit-learn, against its formula, and for rows of every kind."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import inspection, linear_model

from estimators import Estimator, EstimatorSpec, permutation_importance

SLOPES = np.array([3.0, -1.0, 0.0], np.float32)


def slopes_fn(features, labels, mode):
    """The linear function of a, b and c with the slopes above; knows its error."""
    columns = tf.stack([features["a"], features["b"], features["c"]], axis=1)
    error = tf.linalg.matvec(columns, SLOPES) - labels
    mse = keras.metrics.Mean()
    mse.update_state(error**2)
    minus_mse = keras.metrics.Mean()
    minus_mse.update_state(-(error**2))
    metrics = {"mse": mse, "minus_mse": minus_mse}
    return EstimatorSpec(mode, loss=tf.reduce_mean(error**2), eval_metric_ops=metrics)


def linear_rows(count=300):
    """Three columns of different spread, and labels with noise."""
    random = np.random.default_rng(3)
    x = (random.normal(size=(count, 3)) * [1.0, 2.0, 5.0]).astype(np.float32)
    return x, (x @ SLOPES + random.normal(size=count)).astype(np.float32)


def linear_data(batch_size=128):
    x, y = linear_rows()
    features = dict(zip("abc", x.T, strict=True))
    return tf.data.Dataset.from_tensor_slices((features, y)).batch(batch_size)


def by_feature(importances):
    return {each.feature: each for each in importances}


def test_equals_that_of_scikit_learn():
    x, y = linear_rows()
    model = linear_model.LinearRegression().fit(x, y)
    model.coef_, model.intercept_ = SLOPES, 0.0
    theirs = inspection.permutation_importance(
        model, x, y, scoring="neg_mean_squared_error", n_repeats=30, random_state=1
    )
    ours = by_feature(permutation_importance(Estimator(slopes_fn), linear_data, "mse", repeats=30))
    for i, key in enumerate("abc"):
        # Other shuffles: the means differ as two means of thirty do.
        noise = np.hypot(ours[key].std, theirs.importances_std[i]) / np.sqrt(30)
        assert ours[key].mean == pytest.approx(theirs.importances_mean[i], abs=4 * noise + 1e-5)
        assert ours[key].std == pytest.approx(theirs.importances_std[i], rel=0.5, abs=1e-5)


def test_a_shuffled_feature_adds_what_the_formula_says():
    # y = s x + e, and the prediction becomes s x'. The mean of (s (x' - x) - e)^2 over all shuffles
    # is 2 s^2 var(x) + 2 s cov(x, e) + mean(e^2); the last term is the error before.
    x, y = linear_rows()
    error = y - x @ SLOPES
    found = by_feature(
        permutation_importance(Estimator(slopes_fn), linear_data, "mse", features=["a"], repeats=30)
    )
    covariance = np.cov(x[:, 0], error, bias=True)[0, 1]
    expected = 2 * SLOPES[0] ** 2 * x[:, 0].var() + 2 * SLOPES[0] * covariance
    assert list(found) == ["a"]
    assert found["a"].mean == pytest.approx(expected, abs=4 * found["a"].std / np.sqrt(30))


def test_mean_and_deviation_are_of_the_repeats():
    (found,) = permutation_importance(Estimator(slopes_fn), linear_data, features=["b"], repeats=4)
    assert len(set(found.drops)) == 4
    assert (found.mean, found.std) == (
        pytest.approx(np.mean(found.drops)),
        pytest.approx(np.std(found.drops)),
    )


def test_order_and_a_feature_without_weight():
    found = permutation_importance(Estimator(slopes_fn), linear_data, "mse")
    assert [each.feature for each in found] == ["a", "b", "c"]
    assert found[2].drops == (0.0,) * 5


def test_a_metric_that_falls_when_it_worsens():
    errors = permutation_importance(Estimator(slopes_fn), linear_data, "mse")
    scores = permutation_importance(
        Estimator(slopes_fn), linear_data, "minus_mse", higher_is_better=True
    )
    assert [each.drops for each in scores] == [pytest.approx(each.drops) for each in errors]


def test_a_seed_gives_the_same_whatever_the_batches_and_the_other_features():
    estimator = Estimator(slopes_fn)
    whole = by_feature(permutation_importance(estimator, linear_data, "mse", seed=7))
    small = by_feature(
        permutation_importance(
            estimator, lambda: linear_data(7), "mse", features=["b", "a"], seed=7
        )
    )
    other = by_feature(permutation_importance(estimator, linear_data, "mse", seed=8))
    for key in "ab":
        assert small[key].drops == pytest.approx(whole[key].drops, rel=1e-4)
        assert other[key].drops != pytest.approx(whole[key].drops, rel=1e-4)


KINDS = {
    "vectors": lambda words: words.to_tensor(shape=[None, 3]),
    "sparse": lambda words: words.to_sparse(),
    "ragged": lambda words: words,
}


@pytest.fixture
def seen():
    """An estimator that notes the rows it is evaluated on, and what it has seen."""
    rows = []

    def note(*texts):
        rows.append([text.decode() for text in np.concatenate([np.ravel(t) for t in texts])])
        return np.float32(0.0)

    def model_fn(features, labels, mode):
        words = features["words"]
        if isinstance(words, tf.SparseTensor):
            words = tf.RaggedTensor.from_sparse(words)
        if isinstance(words, tf.RaggedTensor):
            words = words.to_tensor()
        whole = tf.strings.reduce_join(words, axis=1, separator=" ")
        whole = tf.strings.strip(whole)
        pairs = tf.strings.join([features["name"], labels, whole], separator=":")
        loss = tf.numpy_function(note, [pairs], tf.float32, stateful=True)
        return EstimatorSpec(mode, loss=tf.ensure_shape(loss, []))

    return Estimator(model_fn), rows


@pytest.mark.parametrize("kind", KINDS)
def test_rows_stay_whole_and_only_one_feature_moves(seen, kind):
    estimator, batches = seen
    words = tf.ragged.constant([["a"], [], ["b", "c"], ["d", "e", "f"], ["g"]])
    names = ["0", "1", "2", "3", "4"]
    rows = tf.data.Dataset.from_tensor_slices(
        ({"words": KINDS[kind](words), "name": names}, names)
    ).batch(2)

    permutation_importance(estimator, lambda: rows, features=["words"], repeats=3, seed=1)

    sentences = ["a", "", "b c", "d e f", "g"]
    assert [len(batch) for batch in batches] == [2, 2, 1] * 4
    evaluations = [sum(batches[i : i + 3], []) for i in range(0, 12, 3)]
    assert evaluations[0] == [f"{n}:{n}:{s}" for n, s in zip(names, sentences, strict=True)]
    for rows in evaluations[1:]:
        parts = [row.split(":") for row in rows]
        assert [(name, label) for name, label, _ in parts] == [(n, n) for n in names]
        found = [sentence for _, _, sentence in parts]
        assert sorted(found) == sorted(sentences)
        assert found != sentences


def test_shuffles_go_beyond_a_batch():
    # One row in each batch: within a batch there would be nothing to shuffle.
    found = permutation_importance(Estimator(slopes_fn), lambda: linear_data(1), steps=20)
    assert found[0].mean > 0.0


def test_steps_end_what_has_no_end():
    endless = lambda: linear_data(50).repeat()  # noqa: E731
    found = permutation_importance(Estimator(slopes_fn), endless, "mse", steps=6, repeats=2)
    whole = permutation_importance(Estimator(slopes_fn), linear_data, "mse", repeats=2)
    assert [each.drops for each in found] == [pytest.approx(each.drops, rel=1e-4) for each in whole]


def test_nothing_is_written_beside_its_own_events(tmp_path):
    estimator = Estimator(slopes_fn, model_dir=tmp_path)
    permutation_importance(estimator, linear_data, repeats=1)
    assert [each.name for each in tmp_path.iterdir()] == ["eval_permutation_importance"]


def padded():
    return tf.data.Dataset.from_generator(
        lambda: iter([({"x": np.zeros([2, n], np.float32)}, [0.0, 0.0]) for n in (1, 2)]),
        output_signature=(
            {"x": tf.TensorSpec([None, None])},
            tf.TensorSpec([None]),
        ),
    )


@pytest.mark.parametrize(
    ("input_fn", "options", "error", "message"),
    [
        (linear_data, {"repeats": 0}, ValueError, "`repeats` \\(0\\) must be at least 1"),
        (linear_data, {"metric": "auc"}, KeyError, "'auc'.* is not among .*'loss'"),
        (linear_data, {"features": ["d"]}, KeyError, "names \\['d'\\].*'a', 'b', 'c'"),
        (lambda: linear_data().repeat(), {}, ValueError, "would never end"),
        (lambda: linear_data().take(0), {}, ValueError, "got no batch"),
        (lambda: tf.data.Dataset.from_tensors(([1.0], [1.0])), {}, ValueError, "have names"),
        (
            lambda: tf.data.Dataset.from_tensors(({"a": [1.0], "b": [1.0, 2.0]}, [1.0])),
            {},
            ValueError,
            "one number of rows",
        ),
    ],
)
def test_wrong_arguments(input_fn, options, error, message):
    with pytest.raises(error, match=message):
        permutation_importance(Estimator(slopes_fn), input_fn, **options)


def test_batches_padded_to_different_lengths():
    model = Estimator(lambda features, labels, mode: EstimatorSpec(mode, loss=tf.constant(0.0)))
    with pytest.raises(ValueError, match="rows of feature 'x' cannot change places"):
        permutation_importance(model, padded)
