import gin
import pytest
from absl import flags
from absl.testing import flagsaver

from estimators.cli import main

TINY = """
age/feature_columns.numeric_column.key = 'age'
job/feature_columns.categorical_column_with_hash_bucket:
    key = 'occupation'
    hash_bucket_size = 20
COLUMNS = [
    @age/feature_columns.numeric_column(),
    @job/feature_columns.categorical_column_with_hash_bucket()]
premade.LinearClassifier:
    feature_columns = %COLUMNS
    label_vocabulary = ['<=50K', '>50K']
    config = @estimators.RunConfig()
estimators.RunConfig.tf_random_seed = 1
feature_columns.make_parse_example_spec.feature_columns = %COLUMNS
estimators.datasets.synthetic_inputs.synthetic_census_input_fn:
    rows = 60
    batch_size = 20
test/estimators.datasets.synthetic_inputs.synthetic_census_input_fn.num_epochs = 1
estimators.Experiment:
    estimator = @premade.LinearClassifier
    train_input_fn = @estimators.datasets.synthetic_inputs.synthetic_census_input_fn()
    eval_input_fn = @test/estimators.datasets.synthetic_inputs.synthetic_census_input_fn()
    feature_spec = @feature_columns.make_parse_example_spec()
    max_steps = 4
    best_possible = {'auc': 0.75}
"""


@pytest.fixture(autouse=True)
def no_gin_values():
    gin.clear_config()
    yield
    gin.clear_config()


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.gin"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def call():
    """Runs the binary in this process; returns its exit code."""
    main.define_flags()

    def run(**values):
        gin.clear_config()
        with flagsaver.flagsaver():
            for name, value in values.items():
                flags.FLAGS[name].value = value
            return main.main(["estimators-train"])

    return run
