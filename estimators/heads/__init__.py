"""Heads: from logits to loss, predictions, metrics and export signatures.

>>> from estimators import heads
>>> head = heads.BinaryClassHead(weight_column="weight", thresholds=[0.25])
>>> head.logits_dimension
1
"""

from estimators.heads.base import Head
from estimators.heads.binary import BinaryClassHead
from estimators.heads.keys import MetricKeys, PredictionKeys, SignatureKeys
from estimators.heads.logistic import LogisticRegressionHead
from estimators.heads.multi import MultiHead
from estimators.heads.multiclass import MultiClassHead
from estimators.heads.multilabel import MultiLabelHead
from estimators.heads.poisson import PoissonRegressionHead
from estimators.heads.regression import RegressionHead
from estimators.heads.sequential import SequentialHeadWrapper

__all__ = [
    "BinaryClassHead",
    "Head",
    "LogisticRegressionHead",
    "MetricKeys",
    "MultiClassHead",
    "MultiHead",
    "MultiLabelHead",
    "PoissonRegressionHead",
    "PredictionKeys",
    "RegressionHead",
    "SequentialHeadWrapper",
    "SignatureKeys",
]
