"""The scope in which a `model_fn` body runs: what TensorFlow and Keras remember, set aside.

A body is run many times: once to learn its variables, and once per trace of every compiled loop and
export. Three registries would make the second run differ from the first: Keras counts automatic
layer names for the whole process, graphs keep collections that their functions share, and default
seeds are drawn from process-wide generators. Each is replaced for the length of one run and put
back afterwards. This is the only module that touches private parts of TensorFlow or Keras; there is
no public way to any of the three.
"""

from __future__ import annotations

import contextlib
import contextvars
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.backend.common.name_scope import current_path
from keras.src.losses import loss as keras_loss
from tensorflow.python.data.util import structure
from tensorflow.python.eager import context as eager_context
from tensorflow.python.eager import lift_to_graph
from tensorflow.python.framework import ops

from estimators.aliases import Variable

FuncGraph = tf.__internal__.FuncGraph
SHARED_IN_BODY = "shared_in_this_body"
"""Collection of one dict, in which layers find by a key of theirs what others made for them."""

_SUMMED_ON_READ = (tf.VariableSynchronization.ON_READ, tf.VariableAggregation.SUM)
_PER_RUN_KERAS_STATE = (
    "name_scope_stack",
    "object_name_uids",
    "global_seed_generator",
    "uninitialized_variables",  # of a build that failed somewhere: ours would initialise them too
)


_exporting = contextvars.ContextVar("exporting", default=False)


@contextlib.contextmanager
def exporting() -> Iterator[None]:
    """What is traced inside leaves the process: see `is_exporting`."""
    token = _exporting.set(True)
    try:
        yield
    finally:
        _exporting.reset(token)


def is_exporting() -> bool:
    """Whether the body is traced for an export, and should be of plain operations only.

    A body that has a faster way to say the same, by a compiler that not every server has, may take
    it elsewhere.
    """
    return _exporting.get()


def compiled(function: Callable[..., Any], signature: Any = None) -> Callable[..., Any]:
    """Compiles a function; only once, if `signature` has the specs of its arguments."""
    made = tf.function(function, autograph=False, input_signature=signature)
    # TensorFlow counts traces by place in the source, over all Estimators of the process, and
    # warns of the fifth. Ours are counted for each loop, in `traces`.
    made._omit_frequent_tracing_warning = True
    return made


def next_in_this_thread(iterator: Any) -> Any:
    """Returns the next element of an iterator, in a compiled function.

    The operation under `next` hands the work to another thread and waits for it: 30 us of each
    step, where the element lies ready in a prefetch buffer (7 us).
    """
    components = tf.raw_ops.IteratorGetNextSync(
        iterator=iterator._iterator_resource,
        output_types=iterator._flat_output_types,
        output_shapes=iterator._flat_output_shapes,
    )
    return structure.from_compatible_tensor_list(iterator.element_spec, components)


def placeholders(spec: Any) -> Any:
    """Returns symbolic inputs of a nested structure of specs; of None, None."""
    if spec is None:
        return None
    components = tf.nest.flatten(spec, expand_composites=True)
    tensors = [tf.compat.v1.placeholder(c.dtype, c.shape) for c in components]
    return tf.nest.pack_sequence_as(spec, tensors, expand_composites=True)


class KerasScope:
    """Keras as if the process had just started, but with the caller's settings.

    Keras keeps its state per thread, and MirroredStrategy runs each replica in a thread of its own;
    so the settings (dtype policy, custom objects) are taken where the scope is made and installed
    where it is entered.
    """

    def __init__(self) -> None:
        state = vars(global_state.GLOBAL_STATE_TRACKER)
        self._settings = {k: v for k, v in state.items() if k not in _PER_RUN_KERAS_STATE}

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Enters the scope in the present thread."""
        state = vars(global_state.GLOBAL_STATE_TRACKER)
        before = dict(state)
        state.clear()
        state.update(self._settings)
        try:
            yield
        finally:
            state.clear()
            state.update(before)


@contextlib.contextmanager
def fresh_collections(global_step: Variable | None) -> Iterator[Any]:
    """Gives the present graph empty collections; yields the graph.

    But for the global step, and a dict for what the layers of one run of a body share.

    Function graphs share their collections with the graphs around them, so that without this the
    trainable variables of every earlier trace would be found by `minimize`, and variable scopes
    would count up (`kernel/Adam_2`).

    Args:
        global_step: that of the run; None leaves its collection empty too.
    """
    graph = ops.get_default_graph()
    before = graph._collections
    graph._collections = {}
    if global_step is not None:
        graph.add_to_collection(tf.compat.v1.GraphKeys.GLOBAL_STEP, global_step)
    graph.add_to_collection(SHARED_IN_BODY, {})
    try:
        yield graph
    finally:
        graph._collections = before


_ignoring_updates: contextvars.ContextVar[bool] = contextvars.ContextVar("ignoring_updates")


@contextlib.contextmanager
def updates_ignored() -> Iterator[None]:
    """Makes optimizers of TensorFlow and Keras do nothing in this context.

    Many a `model_fn` builds its training operation in every mode. In a graph of TensorFlow 1 it was
    never run when evaluating; in a function every operation that changes something runs.
    """
    v1, keras_3 = tf.compat.v1.train.Optimizer, keras.optimizers.Optimizer
    apply_v1, apply_keras = v1.apply_gradients, keras_3.apply
    token = _ignoring_updates.set(True)

    def of_v1(self: Any, *args: Any, **kwargs: Any) -> Any:
        return tf.no_op() if _ignoring_updates.get(False) else apply_v1(self, *args, **kwargs)

    def of_keras(self: Any, *args: Any, **kwargs: Any) -> Any:
        return None if _ignoring_updates.get(False) else apply_keras(self, *args, **kwargs)

    v1.apply_gradients, keras_3.apply = of_v1, of_keras
    try:
        yield
    finally:
        v1.apply_gradients, keras_3.apply = apply_v1, apply_keras
        _ignoring_updates.reset(token)


@contextlib.contextmanager
def whole_losses() -> Iterator[None]:
    """Keeps Keras from dividing its losses by the number of replicas.

    It does so for its own optimizers, which add up the gradients of all replicas. `minimize`
    divides by itself, since it takes losses of any origin: divided twice, the steps were too short.
    """
    names = ("scale_loss_for_distribution", "unscale_loss_for_distribution")
    before = {name: getattr(keras_loss, name) for name in names}
    for name in names:
        setattr(keras_loss, name, lambda value: value)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(keras_loss, name, function)


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draws default seeds from `seed` inside, and leaves the process's generators untouched.

    Keras draws the seed of an initializer or a dropout layer from `random`; TensorFlow's own
    initializers use the seed of the eager context or of the graph. To be entered in the thread
    that starts the replicas: theirs are interleaved, so that one would undo another's.
    """
    if seed is None:
        yield
        return
    context, graph = eager_context.context(), ops.get_default_graph()
    state, graph_seed = random.getstate(), graph.seed
    eager_state = {k: v for k, v in vars(context).items() if k in ("_seed", "_rng")}
    restart_seeds(seed)
    context._set_global_seed(seed)
    graph.seed = seed
    try:
        yield
    finally:
        graph.seed = graph_seed
        random.setstate(state)
        vars(context).update(eager_state)


def restart_seeds(seed: int | None) -> None:
    """Lets a replica draw the same default seeds as the one before it. Only inside `seeded`."""
    if seed is not None:
        random.seed(seed)


def variable_path(asked: Mapping[str, Any]) -> str:
    """Returns the full name of a variable that is being made.

    Of a Keras variable this is its path (`dnn/hiddenlayer_0/kernel`): graph name scopes get a
    suffix when they are entered twice, Keras paths do not. Elsewhere it is the name scope.

    Args:
        asked: arguments that `tf.Variable` was called with.
    """
    name = asked.get("name") or "Variable"
    owner = keras_owner(asked.get("initial_value"))
    if owner is not None:
        return str(owner.path)
    scope = current_path() or ops.get_name_scope()
    path = f"{scope}/{name}" if scope and not name.startswith(f"{scope}/") else name
    return path.strip("/")


def keras_owner(initial_value: Any) -> keras.Variable | None:
    """Returns the Keras variable whose initial value this is.

    A model without `build` makes its variables in a stateless scope and initialises them later,
    when the scopes of its layers have been left. Only the variable itself still knows its path.
    """
    for cell in getattr(initial_value, "__closure__", None) or ():
        if isinstance(cell.cell_contents, keras.Variable):
            return cell.cell_contents
    return None


def evaluated(tensor: Any) -> Any:
    """Returns the value of a graph tensor that depends on no placeholder.

    Raises:
        ValueError: the tensor depends on the features, the labels or another variable.
    """
    constant = tf.get_static_value(tensor)
    if constant is not None:
        with tf.init_scope():
            return tf.constant(constant, tensor.dtype)

    def copy() -> Any:
        lifted = lift_to_graph.lift_to_graph([tensor], ops.get_default_graph())
        return lifted[tensor]

    with tf.init_scope():
        try:
            return tf.function(copy, autograph=False)()
        except Exception as error:  # UnliftableError, which has no public name
            raise ValueError(f"{tensor.name} depends on the batch: {error}") from error


def is_metric_variable(asked: Mapping[str, Any]) -> bool:
    """Says whether the variable being made belongs to a metric, not to the model.

    A Keras metric announces itself as the caller of the innermost scope; `tf.compat.v1.metrics` and
    other local variables by the collections they ask for; metrics of tf_keras, Keras 2, by asking
    for a sum over replicas that is made when it is read.

    Args:
        asked: arguments that `tf.Variable` was called with.
    """
    keys, collections = tf.compat.v1.GraphKeys, asked.get("collections")
    if (asked.get("synchronization"), asked.get("aggregation")) == _SUMMED_ON_READ:
        return True
    if collections and set(collections) & {keys.LOCAL_VARIABLES, keys.METRIC_VARIABLES}:
        return True
    scopes: list[Any] = global_state.get_global_attribute("name_scope_stack") or []
    return bool(scopes) and isinstance(scopes[-1].caller, keras.metrics.Metric)


def root_name_scope() -> Any:
    """Leaves all name scopes, so that names come out exactly as they are given."""
    return ops.name_scope_v2("")


def assigned_handles(graph: Any) -> list[Any]:
    """Returns the resource handles that operations of a function graph write to."""
    return _handles(graph, lambda type_: type_ in ("AssignVariableOp", "AssignAddVariableOp"))


def touched_handles(graph: Any) -> list[Any]:
    """Returns the resource handles that may be written to.

    A function that is called, or a branch, may write to all that it is handed.
    """
    return _handles(graph, lambda type_: type_ not in ("ReadVariableOp", "VariableShape"))


def _handles(graph: Any, wanted: Callable[[str], bool]) -> list[Any]:
    outer = {id(inner): external for external, inner in graph.captures}
    handles = [
        handle
        for op in graph.get_operations()
        if wanted(op.type)
        for handle in op.inputs
        if handle.dtype == tf.resource
    ]
    return [outer.get(id(handle), handle) for handle in handles]
