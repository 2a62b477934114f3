"""Premade estimators: baselines, linear, deep, wide & deep, recurrent, boosted trees, k-means.

Synopsis::

    import feature_columns as fc
    from premade import DNNLinearCombinedClassifier

    job = fc.categorical_column_with_hash_bucket("job", 1000)
    classifier = DNNLinearCombinedClassifier(
        model_dir="model",
        linear_feature_columns=[job],
        dnn_feature_columns=[fc.embedding_column(job, 8)],
        dnn_hidden_units=[64, 32],
    )
    classifier.train(input_fn, max_steps=1000)
    classifier.evaluate(input_fn)

The networks under them are plain Keras models, exported beside them.
"""

from premade.baseline import BaselineClassifier as BaselineClassifier
from premade.baseline import BaselineEstimator as BaselineEstimator
from premade.baseline import BaselineRegressor as BaselineRegressor
from premade.boosted_trees.estimator import BoostedTreesClassifier as BoostedTreesClassifier
from premade.boosted_trees.estimator import BoostedTreesEstimator as BoostedTreesEstimator
from premade.boosted_trees.estimator import BoostedTreesRegressor as BoostedTreesRegressor
from premade.boosted_trees.options import TreeOptions as TreeOptions
from premade.dnn import DNNClassifier as DNNClassifier
from premade.dnn import DNNEstimator as DNNEstimator
from premade.dnn import DNNRegressor as DNNRegressor
from premade.dnn_linear_combined import (
    DNNLinearCombinedClassifier as DNNLinearCombinedClassifier,
)
from premade.dnn_linear_combined import (
    DNNLinearCombinedEstimator as DNNLinearCombinedEstimator,
)
from premade.dnn_linear_combined import (
    DNNLinearCombinedRegressor as DNNLinearCombinedRegressor,
)
from premade.kmeans.clustering import KMeansClustering as KMeansClustering
from premade.linear import LinearClassifier as LinearClassifier
from premade.linear import LinearEstimator as LinearEstimator
from premade.linear import LinearRegressor as LinearRegressor
from premade.networks import BaselineModel as BaselineModel
from premade.networks import DNNModel as DNNModel
from premade.networks import LinearModel as LinearModel
from premade.networks import WideDeepModel as WideDeepModel
from premade.parse_specs import classifier_parse_example_spec as classifier_parse_example_spec
from premade.parse_specs import regressor_parse_example_spec as regressor_parse_example_spec
from premade.recurrent import RNNModel as RNNModel
from premade.rnn import RNNClassifier as RNNClassifier
from premade.rnn import RNNEstimator as RNNEstimator
from premade.sdca.linear_sdca import LinearSDCA as LinearSDCA
from premade.weights import LinearWeight as LinearWeight
from premade.weights import linear_weights as linear_weights

__all__ = [
    "BaselineClassifier",
    "BaselineEstimator",
    "BaselineModel",
    "BaselineRegressor",
    "BoostedTreesClassifier",
    "BoostedTreesEstimator",
    "BoostedTreesRegressor",
    "DNNClassifier",
    "DNNEstimator",
    "DNNLinearCombinedClassifier",
    "DNNLinearCombinedEstimator",
    "DNNLinearCombinedRegressor",
    "DNNModel",
    "DNNRegressor",
    "KMeansClustering",
    "LinearClassifier",
    "LinearEstimator",
    "LinearModel",
    "LinearRegressor",
    "LinearSDCA",
    "LinearWeight",
    "RNNClassifier",
    "RNNEstimator",
    "RNNModel",
    "TreeOptions",
    "WideDeepModel",
    "classifier_parse_example_spec",
    "linear_weights",
    "regressor_parse_example_spec",
]
