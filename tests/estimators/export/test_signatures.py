import pytest
import tensorflow as tf

from estimators import EstimatorSpec, ModeKeys
from estimators.export import (
    ClassificationOutput,
    PredictOutput,
    RegressionOutput,
    ServingInputReceiver,
    signatures,
)


def _spec(export_outputs):
    return EstimatorSpec(
        ModeKeys.PREDICT, predictions={"y": tf.ones([1])}, export_outputs=export_outputs
    )


def _outputs(**outputs):
    return {name: output.signature() for name, output in outputs.items()}


def test_no_export_outputs_means_the_predictions():
    offered = signatures.offered(_spec(None))
    assert list(offered) == ["serving_default"]
    assert list(offered["serving_default"].outputs) == ["y"]


def test_a_single_output_is_the_default_too():
    output = PredictOutput(tf.ones([1]))
    assert signatures.offered(_spec({"mine": output})) == {
        "mine": output,
        "serving_default": output,
    }


def test_several_outputs_need_a_default():
    output = PredictOutput(tf.ones([1]))
    with pytest.raises(ValueError, match="none of them is specified as the default"):
        signatures.offered(_spec({"a": output, "b": output}))


def test_export_outputs_must_be_export_outputs():
    with pytest.raises(TypeError, match="ExportOutput objects"):
        signatures.offered(_spec({"a": tf.ones([1])}))
    with pytest.raises(TypeError, match="must be dict"):
        signatures.offered(_spec([1]))


def test_classify_and_regress_are_sent_one_string_as_inputs():
    with tf.Graph().as_default():
        examples = tf.compat.v1.placeholder(tf.string, [None])
        length = tf.cast(tf.strings.length(examples), tf.float32)
        receiver = ServingInputReceiver({"n": length}, {"examples": examples})
        built, dropped = signatures.build(
            receiver,
            _outputs(
                c=ClassificationOutput(scores=length),
                r=RegressionOutput(length),
                p=PredictOutput(length),
            ),
        )
    assert not dropped
    described = {n: (s.method, list(s.inputs), list(s.outputs)) for n, s in built.items()}
    assert described == {
        "c": ("tensorflow/serving/classify", ["inputs"], ["scores"]),
        "r": ("tensorflow/serving/regress", ["inputs"], ["outputs"]),
        "p": ("tensorflow/serving/predict", ["examples"], ["output"]),
    }


def test_what_cannot_be_served_is_dropped_with_the_reason():
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        hidden = tf.compat.v1.placeholder(tf.float32, [None], name="hidden")
        built, dropped = signatures.build(
            ServingInputReceiver({"x": x}, {"x": x}),
            _outputs(
                classes=ClassificationOutput(scores=x),
                good=PredictOutput(x + 1),
                bad=PredictOutput(x + hidden),
            ),
        )
    assert list(built) == ["good"]
    assert "single string Tensor; the receiver has: x float32" in dropped["classes"]
    assert dropped["bad"].endswith("not fed: hidden")


def test_alternatives_feed_the_middle_of_the_graph():
    with tf.Graph().as_default():
        text = tf.compat.v1.placeholder(tf.string, [None])
        number = tf.strings.to_number(text)
        built, _ = signatures.build(
            ServingInputReceiver({"x": number}, text, {"raw": {"x": number}}),
            _outputs(serving_default=PredictOutput(number * 2)),
        )
    assert set(built) == {"serving_default", "raw:serving_default"}
    assert built["raw:serving_default"].inputs == {"x": number}
