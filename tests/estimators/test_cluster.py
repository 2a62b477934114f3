import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.cluster import Cluster, from_environment

CLUSTER = {
    "chief": ["h0:1"],
    "ps": ["h1:2", "h2:3"],
    "worker": ["h3:4", "h4:5", "h5:6"],
    "other": ["h6:7"],
}


def read(config):
    return from_environment({"TF_CONFIG": json.dumps(config)})


def task(kind, index, cluster=CLUSTER, **more):
    return read({"cluster": cluster, "task": {"type": kind, "index": index}, **more})


@pytest.mark.parametrize("environ", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}])
def test_alone(environ):
    cluster = from_environment(environ)
    assert (cluster.task_type, cluster.task_id, cluster.is_chief) == ("worker", 0, True)
    assert (cluster.num_ps_replicas, cluster.num_worker_replicas) == (0, 1)
    assert (cluster.master, cluster.global_id_in_cluster, cluster.worker_index) == ("", 0, 0)
    assert cluster.cluster_spec.as_dict() == {}
    assert cluster.describe() == "-> one process, trains and evaluates"


@pytest.mark.parametrize(
    ("kind", "index", "master", "is_chief", "ps", "workers", "global_id"),
    [  # tf_estimator_api.md 2.3, as observed of tf.estimator 2.15
        ("chief", 0, "grpc://h0:1", True, 2, 4, 0),
        ("other", 0, "grpc://h6:7", False, 2, 4, 1),
        ("worker", 1, "grpc://h4:5", False, 2, 4, 3),
        ("ps", 1, "grpc://h2:3", False, 2, 4, 6),
        ("evaluator", 3, "", False, 0, 0, None),
    ],
)
def test_roles(kind, index, master, is_chief, ps, workers, global_id):
    cluster = task(kind, index)
    assert (cluster.master, cluster.is_chief) == (master, is_chief)
    assert (cluster.num_ps_replicas, cluster.num_worker_replicas) == (ps, workers)
    assert cluster.global_id_in_cluster == global_id
    assert cluster.cluster_spec.as_dict() == ({} if kind == "evaluator" else CLUSTER)


def test_single_node_cluster():
    cluster = task("chief", 0, {"chief": ["h0:1"]})
    assert (cluster.master, cluster.is_chief, cluster.num_worker_replicas) == ("", True, 1)
    assert cluster.global_id_in_cluster == 0


def test_master_instead_of_chief():
    jobs = {"master": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}
    cluster = task("master", 0, jobs)
    assert cluster.is_chief
    assert (cluster.num_ps_replicas, cluster.num_worker_replicas) == (1, 2)
    assert cluster.global_id_in_cluster == 0
    assert task("worker", 0, jobs).worker_index == 1


def test_workers_only_have_worker_0_for_chief():
    jobs = {"worker": ["a:1", "b:1", "c:1"]}
    clusters = [task("worker", index, jobs) for index in range(3)]
    assert [cluster.is_chief for cluster in clusters] == [True, False, False]
    assert [cluster.worker_index for cluster in clusters] == [0, 1, 2]
    assert [cluster.global_id_in_cluster for cluster in clusters] == [0, 1, 2]
    assert clusters[0].num_worker_replicas == 3
    assert not task("evaluator", 0, jobs).is_chief


def test_worker_index_counts_the_chief():
    assert [task("chief", 0).worker_index, task("worker", 2).worker_index] == [0, 3]


def test_evaluator_inside_the_cluster_is_as_outside():
    inside = {**CLUSTER, "evaluator": ["h9:9"]}
    assert task("evaluator", 0, inside) == task("evaluator", 0)
    assert task("chief", 0, inside) == task("chief", 0)


def test_extras_are_passed_on():
    cluster = task(
        "chief", 0, service={"a": 1}, model_dir="m", session_master="s", eval_session_master="e"
    )
    assert (cluster.service, cluster.model_dir) == ({"a": 1}, "m")
    assert (cluster.master, cluster.eval_session_master) == ("s", "e")


def test_index_may_be_a_string():
    assert task("worker", "2").task_id == 2


def test_describe_shows_every_task_and_marks_this():
    assert task("worker", 1, {"worker": ["h:4", "host:5"]}).describe() == (
        "   worker 0  h:4     trains, writes checkpoints and events\n-> worker 1  host:5  trains"
    )
    assert task("evaluator", 0).describe().splitlines()[-1] == (
        "-> evaluator 0  -     evaluates checkpoints, exports"
    )


BAD = {
    "no chief": ({"ps": ["a:1"], "worker": ["b:1"]}, "worker", 0, 'must have one "chief" node'),
    "nobody trains": ({"ps": ["a:1"]}, "ps", 0, 'must have one "chief" node'),
    "two chiefs": ({"chief": ["a:1", "b:1"]}, "chief", 0, 'must have only one "chief" node'),
    "two masters": ({"master": ["a:1", "b:1"]}, "master", 0, 'only one "master" node'),
    "chief and master": ({"chief": ["a:1"], "master": ["b:1"]}, "chief", 0, 'no "chief"'),
    "evaluator of master": ({"master": ["a:1"]}, "evaluator", 0, "`evaluator` is not supported"),
    "no type": ({"chief": ["a:1"]}, None, 0, "task type must be set"),
    "no index": ({"chief": ["a:1"]}, "chief", None, "task index must be set"),
    "negative": ({"chief": ["a:1"]}, "chief", -1, "must be non-negative number"),
    "index": (CLUSTER, "worker", 9, "9 is not a valid task_id for task_type worker"),
    "type": (CLUSTER, "zz", 0, "zz is not a valid task_type in the cluster_spec"),
    "no number": (CLUSTER, "worker", "x", "must be a number, got 'x'"),
    "no port": (
        {"chief": ["a"]},
        "chief",
        0,
        "address of chief 0 .*must be \"host:port\".*got 'a'",
    ),
    "big port": ({"chief": ["a:70000"]}, "chief", 0, 'must be "host:port"'),
    "protocol": ({"chief": ["grpc://a:1"]}, "chief", 0, 'must be "host:port"'),
    "no text": ({"chief": [1]}, "chief", 0, "got 1"),
    "no list": ({"chief": "a:1"}, "chief", 0, "must be a list of addresses, got 'a:1'"),
    "empty list": ({"chief": []}, "chief", 0, "must be a list of addresses"),
    "no cluster": ([1], "chief", 0, '"cluster" in TF_CONFIG must be a JSON object, got list'),
    "twice": (
        {"chief": ["a:1"], "worker": ["b:1", "a:1"]},
        "chief",
        0,
        "worker 1 and chief 0 have the same address",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_clusters(case):
    cluster, kind, index, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        task(kind, index, cluster)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"task": {"type": "chief"}}, ValueError, "task type must be WORKER, got 'chief'"),
        ({"task": {"index": 1}}, ValueError, "task index must be 0, got 1"),
        ({"service": 3}, TypeError, "must be a dict. Given <class 'int'>"),
        ({"model_dir": ""}, ValueError, "model_dir in TF_CONFIG should be non-empty"),
        ({"model_dir": 3}, ValueError, "should be non-empty text, got 3"),
        ({"task": [1]}, ValueError, '"task" in TF_CONFIG must be a JSON object'),
        ([1], ValueError, "must be a JSON object, got list"),
    ],
)
def test_bad_config(config, error, message):
    with pytest.raises(error, match=message):
        read(config)


def test_bad_json():
    with pytest.raises(ValueError, match=r"TF_CONFIG is not JSON.*begins '\{cluster'"):
        from_environment({"TF_CONFIG": "{cluster"})


def test_too_long():
    with pytest.raises(ValueError, match="shorter than 64 KiB, got 65546 bytes"):
        from_environment({"TF_CONFIG": json.dumps({"a": "x" * (65546 - 9)})})


def test_ipv6():
    assert task("chief", 0, {"chief": ["[::1]:2222"]}).is_chief


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(from_environment({"TF_CONFIG": text}), Cluster)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from(["worker", "chief", "a:1", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["cluster", "task", "type", "index", "worker", "chief", "ps"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.fixed_dictionaries({"cluster": _JSON, "task": _JSON, "model_dir": _JSON}))
def test_any_json_is_read_or_refused(config):
    with contextlib.suppress(ValueError):
        assert isinstance(read(config), Cluster)
