import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from estimators.inputs import csv_input_fn


def _write(folder, text, name="rows.csv"):
    (folder / name).write_text(text)
    return str(folder / name)


def _batches(*args, **options):
    return list(csv_input_fn(*args, **options)().as_numpy_iterator())


def test_it_reads_what_pandas_reads(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "i": rng.integers(-(2**40), 2**40, 50),
            "f": rng.normal(size=50).astype(np.float32),
            "s": [f'a, "{n}"' for n in range(50)],
        }
    )
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (batch,) = _batches(str(tmp_path / "rows.csv"))
    np.testing.assert_array_equal(batch["i"], frame["i"])
    np.testing.assert_array_equal(batch["f"], frame["f"])
    assert [text.decode() for text in batch["s"]] == list(frame["s"])


def test_types_are_inferred_given_or_defaulted(tmp_path):
    path = _write(tmp_path, "i,f,s,e,given,big\n1,1,x,,3,99999999999999999999\n,2.5,1,,,1\n")
    options = {"dtypes": {"given": "float64"}, "defaults": {"given": -1.0, "i": 7}}
    spec = csv_input_fn(path, **options)().element_spec
    assert {key: value.dtype for key, value in spec.items()} == {
        "i": tf.int64, "f": tf.float32, "s": tf.string, "e": tf.string, "given": tf.float64,
        "big": tf.float32,
    }  # fmt: skip
    (batch,) = _batches(path, **options)
    assert batch["i"].tolist() == [1, 7]
    assert batch["given"].tolist() == [3.0, -1.0]
    assert batch["e"].tolist() == [b"", b""]


def test_na_value_means_missing(tmp_path):
    path = _write(tmp_path, "a,b\n1,?\n?,x\n")
    (batch,) = _batches(path, na_value="?")
    assert batch["a"].tolist() == [1, 0]
    assert batch["b"].tolist() == [b"", b"x"]


def test_epochs_and_files_follow_one_another(tmp_path):
    for name, rows in (("b.csv", "3\n4\n"), ("a.csv", "1\n2\n")):
        _write(tmp_path, "n\n" + rows, name)
    batches = _batches(str(tmp_path / "*.csv"), batch_size=3, num_epochs=2)
    assert [b["n"].tolist() for b in batches] == [[1, 2, 3], [4, 1, 2], [3, 4]]


def test_columns_can_be_named_and_selected_and_labels_taken_out(tmp_path):
    path = _write(tmp_path, "1;2;no\n3;4;yes\n")
    names = {"header": False, "column_names": ["a", "b", "y"], "field_delim": ";"}
    ((features, labels),) = _batches(path, label_column="y", select_columns=["b"], **names)
    assert set(features) == {"b"}
    assert features["b"].tolist() == [2, 4]
    assert labels.tolist() == [b"no", b"yes"]
    ((features, labels),) = _batches(path, label_column=["y", "a"], **names)
    assert set(features) == {"b"}
    assert set(labels) == {"y", "a"}


def test_blank_lines_are_no_rows(tmp_path):
    path = _write(tmp_path, "a,b\n1,2\n\n3,4\n\n\n")
    batches = _batches(path, batch_size=2)
    assert [b["a"].tolist() for b in batches] == [[1], [3]]


@pytest.mark.parametrize(("row", "width"), [("5", 1), ("5,6,7", 3), ('"5,6"', 1), ('5,"6,6",7', 3)])
def test_a_row_of_another_width_is_named_with_its_file_and_line(row, width, tmp_path):
    _write(tmp_path, "a,b\n1,2\n", "first.csv")
    path = _write(tmp_path, f'a,b\n1,2\n3,"4,4"\n{row}\n', "second.csv")
    input_fn = csv_input_fn(str(tmp_path / "*.csv"), dtypes={"a": "int64", "b": "string"})
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        list(input_fn())
    text = str(error.value).replace("\\", "")
    assert f'"{path}" line 4: expected 2 fields, got {width}' in text


def test_quoted_delimiters_are_no_fields(tmp_path):
    (batch,) = _batches(_write(tmp_path, 'a,b\n1,"2,2"\n3,"x ""y"", z"\n'))
    assert batch["b"].tolist() == [b"2,2", b'x "y", z']


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("age,job\n1,x\n", {"label_column": "jop"}, r"`label_column` .* 'jop', .*rows.csv does not "
         r"have. Did you mean 'job'\? Its columns are \['age', 'job'\]"),
        ("age,job\n1,x\n", {"select_columns": ["z"]}, "`select_columns` names column 'z'"),
        ("age,job\n1,x\n", {"dtypes": {"agee": "int64"}}, "`dtypes` .* Did you mean 'age'"),
        ("age,job\n1,x\n", {"dtypes": {"age": "bool"}}, r"dtypes\['age'\] must be one of .* bool"),
        ("age,job\n1,x\n", {"defaults": {"q": 1}}, "`defaults` names column 'q'"),
        ("age,age\n1,x\n", {}, "Column 'age' stands more than once"),
        ("age,job\n", {}, r"at least one row, got none in \['.*rows.csv'\]"),
        ("a\n", {"dtypes": {"a": "int64"}, "num_epochs": None}, "at least one row"),
        ("age,job\n1,x\n", {"infer_rows": 0}, "`infer_rows` must be an int >= 1, got 0"),
        ("age,job\n1,x\n", {"shuffle_buffer_size": 0}, "`shuffle_buffer_size` must be an int"),
        ("", {}, "rows.csv is empty"),
        ("a,b\n1\n", {}, r"A row of .*rows.csv must have 2 fields, got 1: \['1'\]"),
        ("1,2\n", {"header": False}, "Files without a header need `column_names`"),
        ("1,2\n", {"column_names": ["a", "b"]}, r"header of .* must be \['a', 'b'\].*got \['1',"),
    ],
)  # fmt: skip
def test_wrong_columns_are_named_before_the_first_batch(text, options, message, tmp_path):
    path = _write(tmp_path, text)
    with pytest.raises(ValueError, match=message):
        csv_input_fn(path, **options)()


def test_headers_of_all_files_must_agree(tmp_path):
    _write(tmp_path, "a,b\n1,2\n", "1.csv")
    _write(tmp_path, "b,a\n1,2\n", "2.csv")
    with pytest.raises(ValueError, match=r"header of .*2.csv must be \['a', 'b'\].*got \['b', 'a'"):
        csv_input_fn(str(tmp_path / "*.csv"))()


def test_a_pattern_without_files_is_named(tmp_path):
    with pytest.raises(ValueError, match="No file matches '.*none-"):
        csv_input_fn(str(tmp_path / "none-*"))()
    with pytest.raises(ValueError, match="at least one file"):
        csv_input_fn([])()


def test_a_delimiter_is_one_character():
    with pytest.raises(ValueError, match="`field_delim` must be one character, got '::'"):
        csv_input_fn("x", field_delim="::")
