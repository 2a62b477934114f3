"""From the same initial variables, over the same rows: the numbers of tf.estimator."""

from __future__ import annotations


def test_losses_variables_metrics_and_predictions(recording, losses, equal, names_of, tmp_path):
    estimator = recording.estimator(recording.start(tmp_path))

    estimator.train(recording.train_input(), hooks=[losses], max_steps=recording["steps"])

    equal(losses.seen, recording["loss_by_step"], "losses")
    final = recording["final_variables"]
    assert names_of(estimator) == sorted(final)
    for name, value in final.items():
        equal(estimator.get_variable_value(name), value, name)
    metrics = estimator.evaluate(recording.eval_input)
    assert metrics.keys() == recording["evaluate"].keys()
    for name, value in recording["evaluate"].items():
        equal(metrics[name], value, name)
    predictions = list(estimator.predict(recording.eval_input))
    assert len(predictions) >= len(recording["predictions"])
    for ours, theirs in zip(predictions, recording["predictions"], strict=False):
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            equal(ours[key], value, key)
