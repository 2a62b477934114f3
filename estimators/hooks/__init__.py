"""Hooks: what happens between compiled steps. Start reading at `base`; one file per family."""

from estimators.hooks.base import Hook, Outputs, Run
from estimators.hooks.checkpoint import (
    CheckpointSaverHook,
    CheckpointSaverListener,
    checked_listeners,
)
from estimators.hooks.early_stopping import (
    EarlyStoppingHook,
    make_early_stopping_hook,
    stop_if_higher_hook,
    stop_if_lower_hook,
    stop_if_no_decrease_hook,
    stop_if_no_increase_hook,
)
from estimators.hooks.evaluation_history import read_eval_metrics
from estimators.hooks.evaluator import InMemoryEvaluatorHook
from estimators.hooks.final_ops import FinalOpsHook
from estimators.hooks.log_tensors import LoggingTensorHook
from estimators.hooks.nan import NanTensorHook
from estimators.hooks.profiler import ProfilerHook
from estimators.hooks.progress import ProgressHook
from estimators.hooks.session import FeedFnHook, SessionRunHook, as_hook
from estimators.hooks.session_api import (
    Session,
    SessionRunArgs,
    SessionRunContext,
    SessionRunValues,
)
from estimators.hooks.step_counter import SecondOrStepTimer, StepCounterHook
from estimators.hooks.stopping import (
    GlobalStepWaiterHook,
    StopAtStepHook,
    make_stop_at_checkpoint_step_hook,
)
from estimators.hooks.summaries import SummarySaverHook

__all__ = [
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "EarlyStoppingHook",
    "FeedFnHook",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "Hook",
    "InMemoryEvaluatorHook",
    "LoggingTensorHook",
    "NanTensorHook",
    "Outputs",
    "ProfilerHook",
    "ProgressHook",
    "Run",
    "SecondOrStepTimer",
    "Session",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "as_hook",
    "checked_listeners",
    "make_early_stopping_hook",
    "make_stop_at_checkpoint_step_hook",
    "read_eval_metrics",
    "stop_if_higher_hook",
    "stop_if_lower_hook",
    "stop_if_no_decrease_hook",
    "stop_if_no_increase_hook",
]
