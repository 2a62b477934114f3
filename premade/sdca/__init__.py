"""Linear models solved without a learning rate: `linear_sdca` is what users give as optimizer.

`step` runs one batch: `sums` solves small problems by what it knows of every example, `blocks` all
others by dual ascent. `examples` is the table of what is known, `losses` and `weights` the problem.
"""
