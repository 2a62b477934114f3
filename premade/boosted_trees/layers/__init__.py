"""Trees that grow a layer at a time, from a few batches each: tf.estimator's way, and its numbers.

What is below may not know what is above:

    layer_by_layer  from settings to all of it
    model_fn        each step takes a batch; every so many, a layer grows
    enough          when a run has all trees
    batches         numbers of each batch, what its loss looks at, and where bins end
    centering       the constant that a forest begins with
    growth          from sums to a tree with one more layer
    search          the best split of each node, in float32
    state           what is saved between the steps, besides the forest

Whoever has no old results to repeat grows trees from all rows of one pass: `n_batches_per_layer` is
left out then.
"""
