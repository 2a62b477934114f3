"""A worker alone, and clusters that cannot be."""

from __future__ import annotations

import pytest
import tensorflow as tf

import estimators
from estimators.clock import ManualClock
from estimators.cluster import Cluster
from estimators.workers import CommonClock, Workers, with_strategy

TWO = Cluster({"worker": ["localhost:1111", "localhost:2222"]}, "worker", 1)


def test_a_worker_alone_answers_itself():
    workers = Workers(tf.distribute.get_strategy(), Cluster())

    assert (workers.count, workers.index, workers.is_chief) == (1, 0, True)
    assert workers.everyones(2.5) == [2.5]
    assert workers.least(7) == 7
    assert workers.all_say(True)
    assert not workers.chief_says(False)
    workers.wait()


def test_replicas_of_one_process_are_one_worker(mirrored_strategy):
    workers = Workers(mirrored_strategy, Cluster())

    assert (workers.count, workers.is_chief) == (1, True)
    assert workers.everyones(3.0) == [3.0]


def test_the_clock_of_a_worker_alone_is_its_own():
    own = ManualClock(unix_time=100.0)
    clock = CommonClock(own, Workers(tf.distribute.get_strategy(), Cluster()))

    own.advance(4.0)

    assert (clock.now(), clock.monotonic()) == (104.0, 4.0)


def test_too_late_for_a_cluster():
    tf.constant(1.0)  # TensorFlow is at work in this process.
    with pytest.raises(RuntimeError, match=r"names 2 workers.*Make the Estimator before any"):
        estimators.Estimator(lambda features: None, config=estimators.RunConfig(cluster=TWO))


def test_parameter_servers_are_refused():
    jobs = {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}
    config = estimators.RunConfig(cluster=Cluster(jobs, "chief", 0))
    with pytest.raises(ValueError, match=r"parameter servers.*take the `ps` job out"):
        with_strategy(config)


def test_a_strategy_of_one_process_in_a_cluster_of_two(mirrored_strategy):
    config = estimators.RunConfig(cluster=TWO, train_distribute=mirrored_strategy)
    estimator = estimators.Estimator(lambda features: None, config=config)
    with pytest.raises(ValueError, match=r"TF_CONFIG describes 2 .*MirroredStrategy are on 1"):
        estimator.train(lambda: tf.data.Dataset.from_tensors({"x": [1.0]}), steps=1)


def test_an_evaluator_needs_no_strategy():
    evaluator = Cluster({"chief": ["a:1"], "worker": ["b:1"]}, "evaluator", 0)
    config = estimators.RunConfig(cluster=evaluator)
    assert with_strategy(config) is config
