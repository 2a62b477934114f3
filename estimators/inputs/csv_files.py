"""`csv_input_fn`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.aliases import Dataset, Tensor
from estimators.inputs.csv_schema import CsvFormat, CsvSchema, check_known, read_schema
from estimators.inputs.files import Records, label_names, matching_files, split_labels
from estimators.inputs.options import ReadOptions, Shard, finish

# An origin is a row's place in one number: the file's index times this, plus the line's number.
_LINES = 2**40


def csv_input_fn(
    file_pattern: str | Sequence[str],
    batch_size: int = 128,
    label_column: str | Sequence[str] | None = None,
    num_epochs: int | None = 1,
    shuffle: bool = False,
    *,
    column_names: Sequence[str] | None = None,
    select_columns: Sequence[str] | None = None,
    dtypes: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    header: bool = True,
    field_delim: str = ",",
    na_value: str = "",
    infer_rows: int = 1000,
    shuffle_buffer_size: int = 10_000,
    seed: int | None = None,
) -> CsvInputFn:
    r"""Returns an input function that reads csv files, one record per line.

    Args:
        file_pattern: path, glob pattern, or several; read in sorted order.
        batch_size: rows per batch and per replica.
        label_column: the column to take out of the features as label (strings stay strings: the
            head maps them); several names give a dict of labels; None gives features only.
        num_epochs: passes over the files; None means without end. A batch may span two passes.
        shuffle: whether files and rows are shuffled, anew each epoch.
        column_names: names of all columns; None means those in the header.
        select_columns: features to keep; None means all.
        dtypes: dtype by column, as `tf.DType` or its name: float32, float64, int32, int64, string.
            Others are inferred: int64, float32 or string.
        defaults: value of a missing field by column. Others get 0 or "".
        header: whether each file begins with the column names.
        field_delim: character between fields. Fields may be quoted with `"`, and may not contain
            a line break.
        na_value: text that means "missing", beside the empty field.
        infer_rows: rows that dtypes are inferred from.
        shuffle_buffer_size: rows that are shuffled together; they are part of the saved state of
            an iterator, as lines of text.
        seed: of the shuffles; None means the `tf_random_seed` of the run.

    Returns:
        `input_fn(config=None, input_context=None)`, which gives a dataset of `features` (dict of
        tensors `[batch]`) or `(features, labels)`. The files are looked at when it is called, and
        a ValueError tells of a pattern without files, of headers that differ and of unknown
        columns. A row with too many or too few fields ends the run with an InvalidArgumentError
        that names its file and line.

    Raises:
        ValueError: a number is below 1, or `field_delim` is not one character.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("age,job,rich\n30,nurse,no\n40,,yes\n")
    >>> next(csv_input_fn(str(path), label_column="rich")().as_numpy_iterator())
    ({'age': array([30, 40]), 'job': array([b'nurse', b''], dtype=object)}, array([b'no', b'yes'], dtype=object))
    """  # noqa: E501 - a printed line
    return CsvInputFn(
        file_pattern=file_pattern,
        options=ReadOptions(batch_size, num_epochs, shuffle, seed),
        form=CsvFormat(field_delim, na_value, header),
        label_column=label_column,
        column_names=column_names,
        select_columns=select_columns,
        dtypes=dtypes or {},
        defaults=defaults or {},
        infer_rows=infer_rows,
        shuffle_buffer_size=shuffle_buffer_size,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CsvInputFn:
    """Reads batches from csv files; see `csv_input_fn` for the attributes."""

    file_pattern: str | Sequence[str]
    options: ReadOptions
    form: CsvFormat
    label_column: str | Sequence[str] | None
    column_names: Sequence[str] | None
    select_columns: Sequence[str] | None
    dtypes: Mapping[str, Any]
    defaults: Mapping[str, Any]
    infer_rows: int
    shuffle_buffer_size: int

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert
    def __call__(self, config: Any = None, input_context: Any = None) -> Dataset:
        """Returns the dataset of `features` or `(features, labels)`, in batches."""
        files = matching_files(self.file_pattern)
        schema = read_schema(
            files,
            self.form,
            column_names=self.column_names,
            dtypes=self.dtypes,
            defaults=self.defaults,
            infer_rows=self.infer_rows,
        )
        decoder = _Decoder(files, schema, self.form, self._columns(schema, files[0]))
        shard = Shard.of(input_context)
        lines = Records(_with_origins(files, self.form), decoder.open_file).read(
            self.options,
            seed=self.options.seed_of(config, shard),
            shard=shard,
            shuffle_buffer_size=self.shuffle_buffer_size,
        )
        batches = lines.batch(self.options.batch_size)

        def decode(lines: Tensor, origins: Tensor) -> Any:
            return split_labels(decoder.decode(lines, origins), self.label_column)

        rows = batches.map(decode, num_parallel_calls=tf.data.AUTOTUNE).filter(_has_rows)
        return finish(rows, shard)

    def _columns(self, schema: CsvSchema, file: str) -> tuple[str, ...]:
        labels = label_names(self.label_column)
        check_known(labels, schema.names, "`label_column`", file)
        if self.select_columns is None:
            return schema.names
        check_known(self.select_columns, schema.names, "`select_columns`", file)
        return tuple(n for n in schema.names if n in self.select_columns or n in labels)


def _with_origins(files: Sequence[str], form: CsvFormat) -> tuple[Any, ...]:
    first_line = 2 if form.header else 1
    origins = np.arange(len(files), dtype=np.int64) * _LINES + first_line
    return files, origins


def _has_rows(*batch: Any) -> Tensor:
    """Whether anything is left of a batch whose blank lines were dropped."""
    return tf.size(tf.nest.flatten(batch)[0]) > 0


@dataclasses.dataclass(frozen=True)
class _Decoder:
    """Turns lines into columns, and knows where each line stood."""

    files: Sequence[str]
    schema: CsvSchema
    form: CsvFormat
    columns: tuple[str, ...]

    def open_file(self, path: Tensor, origin: Tensor) -> Dataset:
        lines = tf.data.TextLineDataset(path, buffer_size=1 << 20)
        # Zipped with a range, not mapped: a function call per line halves the speed.
        return tf.data.Dataset.zip(
            lines.skip(int(self.form.header)), tf.data.Dataset.range(origin, tf.int64.max)
        )

    def decode(self, lines: Tensor, origins: Tensor) -> dict[str, Tensor]:
        """Returns the columns of the lines that are not blank, as the last of many files is."""
        written = tf.strings.length(lines) > 0
        lines, origins = tf.boolean_mask(lines, written), tf.boolean_mask(origins, written)
        with tf.control_dependencies([self._check_widths(lines, origins)]):
            fields = tf.io.decode_csv(
                lines,
                self.schema.record_defaults(self.columns),
                field_delim=self.form.field_delim,
                na_value=self.form.na_value,
                select_cols=[self.schema.names.index(name) for name in self.columns],
            )
        return dict(zip(self.columns, fields, strict=True))

    def _check_widths(self, lines: Tensor, origins: Tensor) -> tf.Operation:
        """Asserts that each line has its fields, and names the file and line of one that has not.

        `decode_csv` finds such rows itself, but knows neither file nor line. Quoted delimiters,
        which are no ends of fields, cost a second, slower look at the batch.
        """
        return tf.cond(
            self._has_as_many_delimiters(lines),
            lambda: tf.no_op(),
            lambda: self._assert_each_width(lines, origins),
        )

    def _has_as_many_delimiters(self, lines: Tensor) -> Tensor:
        """Whether each line has one delimiter less than there are columns, quoted ones counted.

        In the text of all lines together, the i-th group of so many delimiters must lie within
        line i.
        """
        each = len(self.schema.names) - 1
        text = tf.io.decode_raw(tf.strings.reduce_join(lines), tf.uint8)
        places = tf.cast(tf.where(tf.equal(text, ord(self.form.field_delim)))[:, 0], tf.int32)
        if not each:
            return tf.equal(tf.size(places), 0)
        lengths = tf.strings.length(lines)
        ends = tf.cumsum(lengths)
        expected = each * tf.size(lines)
        padded = tf.pad(places, [[0, expected]], constant_values=-1)
        groups = tf.reshape(padded[:expected], [-1, each])
        inside = (groups[:, 0] >= ends - lengths) & (groups[:, -1] < ends)
        return tf.reduce_all(inside) & tf.equal(tf.size(places), expected)

    def _assert_each_width(self, lines: Tensor, origins: Tensor) -> tf.Operation:
        delim = self.form.field_delim
        unquoted = tf.strings.regex_replace(lines, '"[^"]*"', "")
        others = tf.strings.regex_replace(unquoted, f"[^\\x{{{ord(delim):x}}}]", "")
        widths = tf.strings.length(others) + 1
        good = tf.equal(widths, len(self.schema.names))
        bad = tf.argmin(tf.cast(good, tf.int32))
        origin = origins[bad]
        message = tf.strings.format(
            f"{{}} line {{}}: expected {len(self.schema.names)} fields, got {{}}: {{}}. "
            f"Quote fields that contain {delim!r}.",
            (
                tf.gather(tf.constant(self.files), origin // _LINES),
                origin % _LINES,
                widths[bad],
                lines[bad],
            ),
        )
        return tf.debugging.Assert(tf.reduce_all(good), [message])
