"""The names under which heads answer: what old code, dashboards and serving clients look up."""

from __future__ import annotations


class PredictionKeys:
    """Keys of `Head.predictions` and of the `predict` signature.

    >>> PredictionKeys.CLASS_IDS
    'class_ids'
    """

    LOGITS = "logits"
    LOGISTIC = "logistic"
    PROBABILITIES = "probabilities"
    CLASS_IDS = "class_ids"
    CLASSES = "classes"
    ALL_CLASS_IDS = "all_class_ids"
    ALL_CLASSES = "all_classes"
    PREDICTIONS = "predictions"


class MetricKeys:
    """Keys of `Head.metrics` and of the results of `evaluate`, without the head's name.

    >>> MetricKeys.ACCURACY_AT_THRESHOLD % 0.5
    'accuracy/positive_threshold_0.5'
    """

    LOSS = "loss"
    AVERAGE_LOSS = "average_loss"
    REGULARIZATION_LOSS = "regularization_loss"
    ACCURACY = "accuracy"
    ACCURACY_BASELINE = "accuracy_baseline"
    PRECISION = "precision"
    RECALL = "recall"
    AUC = "auc"
    AUC_PR = "auc_precision_recall"
    LABEL_MEAN = "label/mean"
    PREDICTION_MEAN = "prediction/mean"
    ACCURACY_AT_THRESHOLD = "accuracy/positive_threshold_%g"
    PRECISION_AT_THRESHOLD = "precision/positive_threshold_%g"
    RECALL_AT_THRESHOLD = "recall/positive_threshold_%g"
    PROBABILITY_MEAN_AT_CLASS = "probability_mean/class%d"
    AUC_AT_CLASS = "auc/class%d"
    AUC_PR_AT_CLASS = "auc_precision_recall/class%d"
    PRECISION_AT_CLASS = "precision/class%d"
    RECALL_AT_CLASS = "recall/class%d"
    F1_AT_CLASS = "f1/class%d"
    PROBABILITY_MEAN_AT_NAME = "probability_mean/%s"
    AUC_AT_NAME = "auc/%s"
    AUC_PR_AT_NAME = "auc_precision_recall/%s"
    PRECISION_AT_NAME = "precision/%s"
    RECALL_AT_NAME = "recall/%s"
    F1_AT_NAME = "f1/%s"


class SignatureKeys:
    """Names of the export signatures.

    >>> SignatureKeys.DEFAULT
    'serving_default'
    """

    DEFAULT = "serving_default"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    PREDICT = "predict"
