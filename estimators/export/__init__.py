"""Serving receivers, signatures, SavedModels and exporters. Start reading at `saved_model`."""

from estimators.export.exporters import BestExporter as BestExporter
from estimators.export.exporters import Exporter as Exporter
from estimators.export.exporters import FinalExporter as FinalExporter
from estimators.export.exporters import LatestExporter as LatestExporter
from estimators.export.outputs import ClassificationOutput as ClassificationOutput
from estimators.export.outputs import ExportOutput as ExportOutput
from estimators.export.outputs import PredictOutput as PredictOutput
from estimators.export.outputs import RegressionOutput as RegressionOutput
from estimators.export.receivers import ServingInputReceiver as ServingInputReceiver
from estimators.export.receivers import TensorServingInputReceiver as TensorServingInputReceiver
from estimators.export.receivers import (
    build_parsing_serving_input_receiver_fn as build_parsing_serving_input_receiver_fn,
)
from estimators.export.receivers import (
    build_raw_serving_input_receiver_fn as build_raw_serving_input_receiver_fn,
)

__all__ = [
    "BestExporter",
    "ClassificationOutput",
    "ExportOutput",
    "Exporter",
    "FinalExporter",
    "LatestExporter",
    "PredictOutput",
    "RegressionOutput",
    "ServingInputReceiver",
    "TensorServingInputReceiver",
    "build_parsing_serving_input_receiver_fn",
    "build_raw_serving_input_receiver_fn",
]
