"""Optimizers for wide, sparse models: exact for repeated ids, and as cheap as the rows touched.

Synopsis::

    loss = ...
    train_op = minimize(loss, Adagrad(0.05))

    train_op = group(
        minimize(loss, Adagrad(0.001), dnn_variables),
        minimize(loss, Ftrl(0.005), linear_variables, owns_global_step=False),
    )
"""

from estimators.optimizers.adagrad import Adagrad
from estimators.optimizers.adam import Adam
from estimators.optimizers.adapters import KerasOptimizer, V1Optimizer
from estimators.optimizers.conversion import convert
from estimators.optimizers.ftrl import Ftrl
from estimators.optimizers.interface import Optimizer
from estimators.optimizers.lookup import get
from estimators.optimizers.rmsprop import RMSProp
from estimators.optimizers.row_wise import RowWiseOptimizer
from estimators.optimizers.sgd import SGD
from estimators.optimizers.train_ops import Group, Minimize, apply_minimize, group, minimize

__all__ = [
    "Adagrad",
    "Adam",
    "Ftrl",
    "Group",
    "KerasOptimizer",
    "Minimize",
    "Optimizer",
    "RMSProp",
    "RowWiseOptimizer",
    "SGD",
    "V1Optimizer",
    "apply_minimize",
    "convert",
    "get",
    "group",
    "minimize",
]
