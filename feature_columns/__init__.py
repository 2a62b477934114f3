"""Structured data for TensorFlow models: from named raw features to what a model multiplies.

Synopsis:
    >>> import tensorflow as tf
    >>> import feature_columns as fc
    >>> age = fc.bucketized_column(fc.numeric_column("age"), [25, 40, 60])
    >>> job = fc.categorical_column_with_vocabulary_list("job", ["clerk", "nurse", "pilot"])
    >>> wide = [age, job, fc.crossed_column([age, "job"], hash_bucket_size=100)]
    >>> deep = [fc.numeric_column("age"), fc.embedding_column(job, dimension=2)]
    >>> rows = tf.data.Dataset.from_tensors({"age": [31.0, 62.0], "job": ["nurse", "cook"]})
    >>> batch = next(iter(rows.map(fc.Transform(wide + deep))))
    >>> fc.LinearModel(wide)(batch).shape, fc.DenseFeatures(deep)(batch).shape
    (TensorShape([2, 1]), TensorShape([2, 3]))

Names, defaults and numbers are those of `tf.feature_column`.
"""

from feature_columns.base import CategoricalColumn as CategoricalColumn
from feature_columns.base import DenseColumn as DenseColumn
from feature_columns.base import FeatureColumn as FeatureColumn
from feature_columns.bucketized import bucketized_column as bucketized_column
from feature_columns.crossed import crossed_column as crossed_column
from feature_columns.dense_features import DenseFeatures as DenseFeatures
from feature_columns.embedding import embedding_column as embedding_column
from feature_columns.fused_table import FusedPart as FusedPart
from feature_columns.hashed import (
    categorical_column_with_hash_bucket as categorical_column_with_hash_bucket,
)
from feature_columns.identity import (
    categorical_column_with_identity as categorical_column_with_identity,
)
from feature_columns.indicator import indicator_column as indicator_column
from feature_columns.linear_model import LinearModel as LinearModel
from feature_columns.normalizers import LogScale as LogScale
from feature_columns.normalizers import Standardize as Standardize
from feature_columns.numeric import numeric_column as numeric_column
from feature_columns.parsing import make_parse_example_spec as make_parse_example_spec
from feature_columns.sequence_base import SequenceDenseColumn as SequenceDenseColumn
from feature_columns.sequence_categorical import (
    sequence_categorical_column_with_hash_bucket as sequence_categorical_column_with_hash_bucket,
)
from feature_columns.sequence_categorical import (
    sequence_categorical_column_with_identity as sequence_categorical_column_with_identity,
)
from feature_columns.sequence_categorical import (
    sequence_categorical_column_with_vocabulary_file as sequence_categorical_column_with_vocabulary_file,  # noqa: E501
)
from feature_columns.sequence_categorical import (
    sequence_categorical_column_with_vocabulary_list as sequence_categorical_column_with_vocabulary_list,  # noqa: E501
)
from feature_columns.sequence_features import SequenceFeatures as SequenceFeatures
from feature_columns.sequence_numeric import sequence_numeric_column as sequence_numeric_column
from feature_columns.shared_embedding import shared_embedding_columns as shared_embedding_columns
from feature_columns.shared_embedding import shared_embeddings as shared_embeddings
from feature_columns.transform import Transform as Transform
from feature_columns.vocabulary import (
    categorical_column_with_vocabulary_file as categorical_column_with_vocabulary_file,
)
from feature_columns.vocabulary import (
    categorical_column_with_vocabulary_list as categorical_column_with_vocabulary_list,
)
from feature_columns.weighted import weighted_categorical_column as weighted_categorical_column

__all__ = [
    "CategoricalColumn",
    "DenseColumn",
    "DenseFeatures",
    "FeatureColumn",
    "FusedPart",
    "LinearModel",
    "LogScale",
    "SequenceDenseColumn",
    "SequenceFeatures",
    "Standardize",
    "Transform",
    "bucketized_column",
    "categorical_column_with_hash_bucket",
    "categorical_column_with_identity",
    "categorical_column_with_vocabulary_file",
    "categorical_column_with_vocabulary_list",
    "crossed_column",
    "embedding_column",
    "indicator_column",
    "make_parse_example_spec",
    "numeric_column",
    "sequence_categorical_column_with_hash_bucket",
    "sequence_categorical_column_with_identity",
    "sequence_categorical_column_with_vocabulary_file",
    "sequence_categorical_column_with_vocabulary_list",
    "sequence_numeric_column",
    "shared_embedding_columns",
    "shared_embeddings",
    "weighted_categorical_column",
]
