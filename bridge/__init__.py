"""Keras models as Estimators, and back.

Synopsis::

    import keras
    import bridge

    model = keras.Sequential([keras.Input([10], name="x"), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])

    estimator = bridge.model_to_estimator(model, model_dir="model")
    estimator.train(input_fn, max_steps=1000)
    estimator.evaluate(eval_input_fn)
    trained = bridge.to_keras(estimator)

Premade Estimators and the networks of `premade` exchange their weights too::

    network = bridge.to_keras(classifier)
    DNNClassifier(..., warm_start_from=bridge.from_keras(network, "weights"))

And any trained Estimator goes to other runtimes::

    bridge.export_litert(estimator, "model.tflite", features)
    bridge.export_onnx(estimator, "model.onnx", features)
    bridge.export_tfjs(estimator, "web", features)
"""

from bridge.callback_hook import CallbackHook as CallbackHook
from bridge.from_keras import from_keras as from_keras
from bridge.hook_callback import HookCallback as HookCallback
from bridge.model_to_estimator import KerasEstimator as KerasEstimator
from bridge.model_to_estimator import model_to_estimator as model_to_estimator
from bridge.runtimes import export_litert as export_litert
from bridge.runtimes import export_onnx as export_onnx
from bridge.runtimes import export_tfjs as export_tfjs
from bridge.runtimes import transformed as transformed
from bridge.serving import serving_input_receiver_fn as serving_input_receiver_fn
from bridge.to_keras import load_weights as load_weights
from bridge.to_keras import to_keras as to_keras

__all__ = [
    "CallbackHook",
    "HookCallback",
    "KerasEstimator",
    "export_litert",
    "export_onnx",
    "export_tfjs",
    "from_keras",
    "load_weights",
    "model_to_estimator",
    "serving_input_receiver_fn",
    "to_keras",
    "transformed",
]
