"""Keras models as Estimators, and back: not here yet; this package holds no names.

Until it does, build the Keras model in the body of a `model_fn`, and call it there. Its weights
are kept between calls by their names, like every other variable:

    def model_fn(features, labels, mode):
        model = keras.Sequential([keras.layers.Dense(64, "relu"), keras.layers.Dense(1)])
        logits = model(features["x"], training=mode == estimators.ModeKeys.TRAIN)
        ...

The networks of the premade estimators are plain Keras models already: `premade.WideDeepModel`.
"""
