import numpy as np
import pytest

from estimators.datasets.census_columns import FEATURES, INTEGER_COLUMNS, LABEL
from estimators.datasets.census_income import CensusIncome, CensusIncomeConfig, _uci_rows
from estimators.datasets.synthetic_census import synthetic_census
from estimators.inputs import tfds_input_fn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def _builder(folder):
    config = CensusIncomeConfig.from_csv(str(folder / "train.csv"), str(folder / "test.csv"))
    return CensusIncome(data_dir=folder / "tfds", config=config)


def test_local_csv_files_become_its_splits(tmp_path):
    train, test = (synthetic_census(n, np.random.default_rng(n)) for n in (30, 10))
    train.write_csv(tmp_path / "train.csv")
    test.write_csv(tmp_path / "test.csv")
    builder = _builder(tmp_path)
    builder.download_and_prepare()

    input_fn = tfds_input_fn(builder, "train", batch_size=30, label_key=LABEL)
    features, labels = next(input_fn().as_numpy_iterator())

    assert builder.info.splits["test"].num_examples == 10
    assert set(features) == set(FEATURES)
    # Preparing shuffles the rows: fnlwgt tells them apart.
    places = np.argsort(features["fnlwgt"]), np.argsort(train.features["fnlwgt"])
    np.testing.assert_array_equal(labels.astype(str)[places[0]], train.labels[places[1]])
    for name in FEATURES:
        read = features[name][places[0]]
        if name not in INTEGER_COLUMNS:
            read = read.astype(str)
        np.testing.assert_array_equal(read, train.features[name][places[1]])


def test_other_files_are_prepared_in_another_folder():
    first = CensusIncomeConfig.from_csv("a.csv", "test.csv")
    other = CensusIncomeConfig.from_csv("b.csv", "test.csv")
    assert first.name != other.name


ROW = ["39", "Private", "1", "HS-grad", "9", "Divorced", "Sales", "Unmarried", "White", "Male"]
REST = ["0", "0", "40", "Cuba"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["x", *ROW[1:], *REST, ">50K"], "train.csv line 2: 'age' must be a whole number, got 'x'"),
        ([*ROW, *REST, "rich"], "train.csv line 2: 'income' must be in .* got 'rich'"),
        ([*ROW, *REST], "train.csv line 2: expected 15 fields, got 14"),
    ],
)
def test_a_wrong_row_is_named(row, message, tmp_path):
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("\n".join([",".join([*FEATURES, LABEL]), ",".join(row)]))
    with pytest.raises(ValueError, match=message):
        _builder(tmp_path).download_and_prepare()


def test_a_wrong_header_is_named(tmp_path):
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    (tmp_path / "test.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"header of .*train.csv must be \['age', .* got \['a'"):
        _builder(tmp_path).download_and_prepare()


def test_files_of_the_repository_are_read_as_they_are_spelled(tmp_path):
    path = tmp_path / "adult.test"
    path.write_text("|1x3 Cross validator\n25, ?, 226802, 11th, >50K.\n\n")
    rows = list(_uci_rows(path))
    assert rows == [(f"{path} line 2", ["25", "", "226802", "11th", ">50K"])]
