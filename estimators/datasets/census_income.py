"""The real census income data as a TensorFlow dataset: 48,842 people, of whom 24 % earn > $50,000.

Once it is prepared, `estimators.inputs.tfds_input_fn(CensusIncome(), label_key="income")` reads it.
"""

from __future__ import annotations

import csv
import dataclasses
import pathlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from estimators.datasets.census_columns import FEATURES, INTEGER_COLUMNS, LABEL, LABEL_VOCABULARY

_URL = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"

_CITATION = """@misc{becker1996adult,
  author = {Becker, Barry and Kohavi, Ronny},
  title = {Adult},
  year = {1996},
  publisher = {UCI Machine Learning Repository},
  doi = {10.24432/C5XW20}
}"""

_ROWS_HEADER = [*FEATURES, LABEL]


@dataclasses.dataclass(kw_only=True)
class CensusIncomeConfig(tfds.core.BuilderConfig):
    """Where the rows come from.

    Attributes:
        train_csv: csv file of the training rows; None means to download the data.
        test_csv: csv file of the test rows.

    Both files have a header with the names of `census_columns`, the label `income` last.

    >>> CensusIncomeConfig.from_csv("train.csv", "test.csv").train_csv
    'train.csv'
    """

    train_csv: str | None = None
    test_csv: str | None = None

    @classmethod
    def from_csv(cls, train_csv: str, test_csv: str) -> CensusIncomeConfig:
        """Returns the configuration that reads two local files.

        Its name, and so the folder that the data is prepared in, depends on the two paths: what was
        prepared from other files is not taken for it.
        """
        digest = zlib.crc32("\n".join((train_csv, test_csv)).encode())
        return cls(name=f"csv-{digest:08x}", train_csv=train_csv, test_csv=test_csv)


class CensusIncome(tfds.core.GeneratorBasedBuilder):
    """Whether a person earned more than $50,000 in 1994, from 14 columns of a census.

    Without arguments it downloads the files of the UCI repository. To prepare it from local csv
    files instead, give their paths:

        config = CensusIncomeConfig.from_csv("adult_train.csv", "adult_test.csv")
        CensusIncome(data_dir=..., config=config).download_and_prepare()

    Features are strings and int64 by the names of `census_columns.FEATURES`, a missing string is
    empty; the label "income" is the string "<=50K" or ">50K".

    >>> str(CensusIncome.VERSION)
    '1.0.0'
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [CensusIncomeConfig(name="uci", description="Files of the UCI repository.")]

    # TFDS looks for files beside this one (checksums, notes); there are none, and its look-up
    # needs importlib_resources, which it does not require.
    code_path = None

    def _info(self) -> tfds.core.DatasetInfo:
        features: dict[str, Any] = {
            name: np.int64 if name in INTEGER_COLUMNS else tfds.features.Text() for name in FEATURES
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description="Extract of the 1994 census of the USA ('Adult'), CC BY 4.0.",
            features=tfds.features.FeaturesDict(features | {LABEL: tfds.features.Text()}),
            homepage="https://archive.ics.uci.edu/dataset/2/adult",
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        config = self.builder_config
        if config.train_csv is not None:
            readers = {"train": _csv_rows(config.train_csv), "test": _csv_rows(config.test_csv)}
        else:
            files = dl_manager.download({"train": _URL + "adult.data", "test": _URL + "adult.test"})
            readers = {split: _uci_rows(file) for split, file in files.items()}
        return {split: self._generate_examples(rows) for split, rows in readers.items()}

    def _generate_examples(
        self, rows: Iterator[tuple[str, Sequence[str]]]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, (place, fields) in enumerate(rows):
            yield index, _example(place, fields)


def _csv_rows(path: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yields (place for messages, fields) of a csv file with a header."""
    with tf.io.gfile.GFile(path, "r") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header != _ROWS_HEADER:
            raise ValueError(f"The header of {path} must be {_ROWS_HEADER}, got {header}.")
        for fields in reader:
            if fields:
                yield f"{path} line {reader.line_num}", fields


def _uci_rows(path: pathlib.Path) -> Iterator[tuple[str, Sequence[str]]]:
    """Yields (place, fields) of a file as UCI spells it.

    There is no header, a blank follows each comma, "?" means missing, the test file begins with a
    remark and ends its labels with a full stop.
    """
    with tf.io.gfile.GFile(str(path), "r") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip() or line.startswith("|"):
                continue
            fields = [field.strip() for field in line.strip().rstrip(".").split(",")]
            yield f"{path} line {number}", ["" if field == "?" else field for field in fields]


def _example(place: str, fields: Sequence[str]) -> dict[str, Any]:
    if len(fields) != len(_ROWS_HEADER):
        raise ValueError(f"{place}: expected {len(_ROWS_HEADER)} fields, got {len(fields)}.")
    row: dict[str, Any] = dict(zip(_ROWS_HEADER, fields, strict=True))
    if row[LABEL] not in LABEL_VOCABULARY:
        raise ValueError(f"{place}: {LABEL!r} must be in {LABEL_VOCABULARY}, got {row[LABEL]!r}.")
    for name in INTEGER_COLUMNS:
        try:
            row[name] = int(row[name])
        except ValueError as error:
            raise ValueError(
                f"{place}: {name!r} must be a whole number, got {row[name]!r}."
            ) from error
    return row
