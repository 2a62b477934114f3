import json
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from estimators.cluster import Cluster
from estimators.config import RunConfig


def saving(config):
    return config.save_checkpoints_steps, config.save_checkpoints_secs


def test_defaults():
    config = RunConfig()
    assert saving(config) == (None, 600)
    assert (config.model_dir, config.tf_random_seed) == (None, None)
    assert (config.save_summary_steps, config.log_step_count_steps) == (100, 100)
    assert (config.keep_checkpoint_max, config.keep_checkpoint_every_n_hours) == (5, 10000)
    assert (config.session_creation_timeout_secs, config.checkpoint_save_graph_def) == (7200, True)
    assert (config.run_eagerly, config.progress) == (False, None)
    for name in (
        "train_distribute",
        "eval_distribute",
        "experimental_distribute",
        "session_config",
        "device_fn",
        "protocol",
        "experimental_max_worker_delay_secs",
    ):
        assert getattr(config, name) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"save_checkpoints_steps": 10}, (10, None)),
        ({"save_checkpoints_secs": 10}, (None, 10)),
        ({"save_checkpoints_steps": None}, (None, None)),
        ({"save_checkpoints_secs": None}, (None, None)),
        ({"save_checkpoints_steps": None, "save_checkpoints_secs": None}, (None, None)),
        ({"save_checkpoints_steps": None, "save_checkpoints_secs": 5}, (None, 5)),
        ({"save_checkpoints_steps": 5, "save_checkpoints_secs": None}, (5, None)),
        ({"save_checkpoints_steps": 0}, (0, None)),
    ],
)
def test_saving(given, expected):
    assert saving(RunConfig(**given)) == expected
    assert saving(RunConfig(**given).replace(tf_random_seed=1)) == expected


def test_replacing_one_interval_unsets_the_other():
    config = RunConfig(save_checkpoints_steps=10)
    assert saving(config.replace(save_checkpoints_secs=5)) == (None, 5)
    assert saving(RunConfig().replace(save_checkpoints_steps=5)) == (5, None)
    assert saving(config.replace(save_checkpoints_steps=None)) == (None, None)
    assert saving(config.replace(save_checkpoints_secs=None)) == (10, None)
    with pytest.raises(ValueError, match="cannot be both set"):
        config.replace(save_checkpoints_steps=1, save_checkpoints_secs=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model_dir": ""}, "model_dir should be non-empty"),
        ({"tf_random_seed": 1.5}, "tf_random_seed must be integer"),
        ({"tf_random_seed": True}, "tf_random_seed must be integer"),
        ({"save_summary_steps": -1}, "save_summary_steps should be >= 0"),
        ({"save_checkpoints_steps": -1}, "save_checkpoints_steps should be >= 0"),
        ({"save_checkpoints_secs": -1}, "save_checkpoints_secs should be >= 0"),
        (
            {"save_checkpoints_steps": 1, "save_checkpoints_secs": 1},
            "`save_checkpoints_steps` and `save_checkpoints_secs` cannot be both set",
        ),
        ({"keep_checkpoint_max": -1}, "keep_checkpoint_max should be >= 0"),
        ({"keep_checkpoint_every_n_hours": 0}, "keep_checkpoint_every_n_hours should be > 0"),
        ({"log_step_count_steps": 0}, "log_step_count_steps should be > 0"),
        ({"log_step_count_steps": "x"}, "log_step_count_steps should be > 0, got 'x'"),
        ({"session_config": 3}, "session_config must be instance of ConfigProto, got int"),
        ({"protocol": "http"}, "protocol should be grpc or grpc\\+verbs, got 'http'"),
        ({"protocol": "grpc+verbs"}, "left TensorFlow"),
        ({"session_creation_timeout_secs": 0}, "session_creation_timeout_secs should be > 0"),
        ({"experimental_max_worker_delay_secs": 0.5}, "must be integer"),
        ({"device_fn": lambda x: "/cpu:0"}, 'exactly one argument "op"'),
        ({"device_fn": lambda op: "/cpu:0"}, "Use train_distribute"),
    ],
)
def test_bad_values(given, message):
    with pytest.raises(ValueError, match=message):
        RunConfig(**given)
    with pytest.raises(ValueError, match=message):
        RunConfig().replace(**given)


def test_values_of_sessions_are_accepted():
    proto = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=1)
    config = RunConfig(session_config=proto, protocol="grpc", checkpoint_save_graph_def=False)
    assert config.session_config is proto


def test_numpy_seeds_and_paths_are_accepted(tmp_path):
    config = RunConfig(pathlib.Path(tmp_path), np.int64(3))
    assert (config.model_dir, config.tf_random_seed) == (str(tmp_path), 3)


def test_replace_returns_a_checked_copy():
    config = RunConfig(model_dir="a", log_step_count_steps=None)
    changed = config.replace(model_dir="b", run_eagerly=True, progress=False)
    assert (changed.model_dir, changed.run_eagerly, changed.progress) == ("b", True, False)
    assert changed.log_step_count_steps is None
    assert config.model_dir == "a"


@pytest.mark.parametrize("name", ["cluster", "master", "is_chief", "nothing"])
def test_the_rest_is_not_replaceable(name):
    with pytest.raises(ValueError, match=f"Replacing {name} is not supported. Allowed .*model_dir"):
        RunConfig().replace(**{name: None})


def test_cluster_of_the_environment(monkeypatch):
    cluster = {"chief": ["h0:1"], "ps": ["h1:2"], "worker": ["h3:4"]}
    task = {"type": "worker", "index": 0}
    environment = {"cluster": cluster, "task": task, "model_dir": "m", "service": {"a": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps({**environment, "eval_session_master": "e"}))
    config = RunConfig()
    assert config.model_dir == "m"
    assert config.cluster_spec.as_dict() == cluster
    assert (config.task_type, config.task_id, config.is_chief) == ("worker", 0, False)
    assert (config.num_ps_replicas, config.num_worker_replicas) == (1, 2)
    assert (config.master, config.evaluation_master) == ("grpc://h3:4", "e")
    assert (config.global_id_in_cluster, config.service) == (1, {"a": 1})
    assert RunConfig(model_dir="m").model_dir == "m"
    with pytest.raises(ValueError, match="RunConfig has 'x', TF_CONFIG has 'm'"):
        RunConfig(model_dir="x")
    monkeypatch.delenv("TF_CONFIG")
    assert config.replace(tf_random_seed=1).num_ps_replicas == 1  # not read again


def test_a_given_cluster_is_used_and_the_environment_not_read(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "not json")
    assert RunConfig(cluster=Cluster()).is_chief


def test_strategy():
    assert RunConfig().strategy is tf.distribute.get_strategy()
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    assert RunConfig(train_distribute=strategy).strategy is strategy


def test_experimental_distribute():
    strategy, other = (tf.distribute.OneDeviceStrategy("/cpu:0") for _ in range(2))
    both = types.SimpleNamespace(
        train_distribute=strategy, eval_distribute=None, remote_cluster=None
    )
    config = RunConfig(experimental_distribute=both)
    assert config.strategy is strategy
    assert config.replace(tf_random_seed=1).strategy is strategy
    with pytest.raises(ValueError, match="cannot be both set"):
        RunConfig(train_distribute=other, experimental_distribute=both)
    both.remote_cluster = {"chief": ["a:1"]}
    with pytest.raises(ValueError, match="`remote_cluster`"):
        RunConfig(experimental_distribute=both)


def test_is_frozen():
    with pytest.raises(AttributeError):
        RunConfig().model_dir = "x"
