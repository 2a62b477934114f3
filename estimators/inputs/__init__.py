"""Ready-made input functions.

Each returns an `input_fn` for `Estimator.train`, `evaluate` and `predict`: a callable that gives a
`tf.data.Dataset` of `features` or `(features, labels)`, in batches. All of them work on whole
batches, and all of their iterators can be saved in the middle of a shuffled epoch and restored in
another process, bit for bit.
"""

from estimators.inputs.arrays import ArrayInputFn
from estimators.inputs.csv_files import csv_input_fn
from estimators.inputs.frames import pandas_input_fn
from estimators.inputs.numpy_arrays import numpy_input_fn
from estimators.inputs.tfds_builders import tfds_input_fn
from estimators.inputs.tfrecords import tfrecord_input_fn

__all__ = [
    "ArrayInputFn",
    "csv_input_fn",
    "numpy_input_fn",
    "pandas_input_fn",
    "tfds_input_fn",
    "tfrecord_input_fn",
]
