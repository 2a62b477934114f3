"""The training binary: absl flags, gin files, five modes.

    estimators-train --gin_file=configs/quickstart.gin --model_dir=model --mode=train_and_eval

Start reading at `main`; `experiment` is what a gin file fills in.
"""
