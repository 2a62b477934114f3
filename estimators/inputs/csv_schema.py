"""The columns of csv files: their names from the header, their types from the first rows."""

from __future__ import annotations

import csv
import dataclasses
import difflib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimators.inputs.options import at_least_one

_INT64 = range(-(2**63), 2**63)
_MISSING: Mapping[tf.DType, Any] = {tf.string: ""}
_READABLE = (tf.float32, tf.float64, tf.int32, tf.int64, tf.string)


@dataclasses.dataclass(frozen=True)
class CsvFormat:
    """How the text is to be read.

    Attributes:
        field_delim: one character between fields.
        na_value: text that means "missing", beside the empty field.
        header: whether the first line of each file holds the column names.
    """

    field_delim: str = ","
    na_value: str = ""
    header: bool = True

    def __post_init__(self) -> None:
        if len(self.field_delim) != 1:
            raise ValueError(f"`field_delim` must be one character, got {self.field_delim!r}.")


@dataclasses.dataclass(frozen=True)
class CsvSchema:
    """The columns of a set of csv files, in the order of the files.

    Attributes:
        names: every column of the files.
        dtypes: `tf.DType` by column.
        defaults: value of a missing field by column.
    """

    names: tuple[str, ...]
    dtypes: Mapping[str, tf.DType]
    defaults: Mapping[str, Any]

    def record_defaults(self, names: Iterable[str]) -> list[Any]:
        """Returns what `tf.io.decode_csv` wants for the named columns."""
        return [tf.constant([self.defaults[name]], self.dtypes[name]) for name in names]


def read_schema(
    files: Sequence[str],
    form: CsvFormat,
    *,
    column_names: Sequence[str] | None,
    dtypes: Mapping[str, Any],
    defaults: Mapping[str, Any],
    infer_rows: int,
) -> CsvSchema:
    """Returns the schema of the files; a column without a given dtype gets one from its values.

    The first `infer_rows` rows are looked at: int64 if all are whole numbers,
    float32 if all are numbers, else string. A column that is empty in all of them is a string.

    Raises:
        ValueError: files differ in their header, a name is unknown or stands twice, or there is
            no row.
    """
    at_least_one("infer_rows", infer_rows)
    if not form.header and column_names is None:
        raise ValueError("Files without a header need `column_names`.")
    names = tuple(column_names or _header(files[0], form))
    _check_headers(files, form, names)
    for option, given in (("dtypes", dtypes), ("defaults", defaults)):
        check_known(given, names, f"`{option}`", files[0])
    chosen = {name: _readable(name, dtype) for name, dtype in dtypes.items()}
    # One row at the least is looked for: repeating none without end would wait for ever instead.
    rows = _first_rows(files, form, len(names), infer_rows if len(chosen) < len(names) else 1)
    chosen = {
        name: chosen.get(name) or _infer(column, form)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    missing = {name: defaults.get(name, _MISSING.get(chosen[name], 0)) for name in names}
    return CsvSchema(names, chosen, missing)


def check_known(asked: Iterable[str], names: Sequence[str], what: str, file: str) -> None:
    """Raises a ValueError that names the first column that the file does not have, and its like."""
    for name in asked:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"{what} names column {name!r}, which {file} does not have.{hint} "
                f"Its columns are {list(names)}."
            )


def _lines(file: str) -> Iterator[str]:
    with tf.io.gfile.GFile(file, "r") as handle:
        yield from handle


def _rows(file: str, form: CsvFormat) -> Iterator[list[str]]:
    return csv.reader(_lines(file), delimiter=form.field_delim)


def _header(file: str, form: CsvFormat) -> list[str]:
    header = next(_rows(file, form), None)
    if header is None:
        raise ValueError(f"{file} is empty; its first line must hold the column names.")
    return header


def _check_headers(files: Sequence[str], form: CsvFormat, names: tuple[str, ...]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Column {twice[0]!r} stands more than once in {list(names)}.")
    if not form.header:
        return
    for file in files:
        header = _header(file, form)
        if tuple(header) != names:
            raise ValueError(
                f"The header of {file} must be {list(names)}, as in `column_names` or the first "
                f"file, got {header}. Pass header=False if its first line is a row."
            )


def _first_rows(
    files: Sequence[str], form: CsvFormat, width: int, infer_rows: int
) -> list[list[str]]:
    first = list(itertools.islice(_rows_below_headers(files, form), infer_rows))
    if not first:
        raise ValueError(f"There must be at least one row, got none in {list(files)}.")
    for file, row in first:
        if len(row) != width:
            raise ValueError(
                f"A row of {file} must have {width} fields, got {len(row)}: {row}. Quote fields "
                f"that contain {form.field_delim!r}."
            )
    return [row for _, row in first]


def _rows_below_headers(files: Sequence[str], form: CsvFormat) -> Iterator[tuple[str, list[str]]]:
    for file in files:
        for row in itertools.islice(_rows(file, form), int(form.header), None):
            if row:
                yield file, row


def _readable(name: str, dtype: Any) -> tf.DType:
    dtype = tf.as_dtype(dtype)
    if dtype not in _READABLE:
        raise ValueError(
            f"dtypes[{name!r}] must be one of {[t.name for t in _READABLE]}, got {dtype.name}."
        )
    return dtype


def _infer(values: Iterable[str], form: CsvFormat) -> tf.DType:
    present = [value for value in values if value not in ("", form.na_value)]
    if not present:
        return tf.string
    if all(_is_int64(value) for value in present):
        return tf.int64
    return tf.float32 if all(_is_float(value) for value in present) else tf.string


def _is_int64(text: str) -> bool:
    digits = text.lstrip("+-")
    return digits.isascii() and digits.isdigit() and int(text) in _INT64


def _is_float(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False
