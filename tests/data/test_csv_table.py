"""A CSV file is read whole, or the line that is wrong is named."""

import gzip
import io
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_gate.data.csv_table import read_csv

ROWS = "unit,event_time,value\na,2024-05-01,1.5\nb,2024-05-02,2.5\n"
WANTED = ("unit", "event_time")


@pytest.fixture
def read(tmp_path):
    def run(content):
        path = tmp_path / "rows.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_csv(path, WANTED)

    return run


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        "\ufeff" + ROWS,
        ROWS.replace("\n", "\r\n"),
        "\n\n" + ROWS.replace("\n", "\n\n"),
        ROWS.rstrip("\n"),
        ROWS.replace(",", " , "),
        '"unit","event_time","value"\n"a","2024-05-01","1.5"\n"b","2024-05-02","2.5"\n',
        ",unit,event_time,value\n0,a,2024-05-01,1.5\n1,b,2024-05-02,2.5\n",
        "unit,event_time,value,,\na,2024-05-01,1.5,,\nb,2024-05-02,2.5,,\n",
    ],
)
def test_the_ways_of_writing_commas_give_one_table(read, content):
    assert read(content).to_dict("list") == {
        "unit": ["a", "b"],
        "event_time": ["2024-05-01", "2024-05-02"],
        "value": ["1.5", "2.5"],
    }


def test_words_are_what_they_say_and_an_empty_field_is_null(read):
    found = read('unit,event_time,region\n007,x,NA\n,y,"a\nb"\n 1.0 ,"", \n')
    assert found["unit"].tolist()[::2] == ["007", "1.0"]
    assert found.isna().to_numpy().tolist() == [
        [False] * 3,
        [True, False, False],
        [False, True, True],
    ]
    assert found["region"].tolist()[:2] == ["NA", "a\nb"]


def test_a_header_alone_is_a_table_without_rows(read):
    assert list(read("unit,event_time\n").columns) == ["unit", "event_time"]
    assert len(read("unit,event_time")) == 0
    assert len(read("\n\nunit,event_time\n\n")) == 0


def packed(name):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), ROWS)  # of no date: its bytes name the test
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty; it must have a line of column names"),
        ("\ufeff\n", "is empty"),
        (ROWS.replace(",", ";"), "line 1: columns are separated by ';': write commas"),
        (ROWS.replace(",", "\t"), "columns are separated by a tab"),
        (ROWS.replace(",", "|"), "columns are separated by '|'"),
        (ROWS.replace(",", ";").replace("1.5", "1,5"), "columns are separated by ';'"),
        ("sep=;\n" + ROWS.replace(",", ";"), "line 1: 'sep=;' is a note to a spreadsheet"),
        (
            ROWS.replace("1.5", "1,5"),
            "row 1 has 4 fields, the header 3: more fields than the header",
        ),
        (ROWS.replace(",2.5", ""), "row 2 has 2 fields, the header 3: fewer fields"),
        ("unit,unit,event_time\n1,2,3\n", "a column name is there twice: 'unit'"),
        ("unit, unit ,event_time\n1,2,3\n", "a column name is there twice: 'unit'"),
        ("unit,,event_time\n1,2,3\n", "line 1: column 2 of 3 has no name"),
        (gzip.compress(ROWS.encode(), mtime=0), "is packed by gzip: unpack it first"),
        (packed("rows.csv"), "is a zip file or a workbook: save the sheet as CSV"),
        (ROWS.encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (ROWS.replace("b,", "\xe4,").encode("latin-1"), "line 3: byte 0xe4 is no UTF-8"),
        (b"unit,event_t\xe4me\n", "line 1: byte 0xe4 is no UTF-8"),
        (b"PAR1" + ROWS.encode(), "is Parquet: let its name end in .parquet"),
        ("unit," + "x" * 200_000 + "\n", "field larger than field limit"),
    ],
)
def test_what_is_no_table_in_commas_is_named(read, content, words):
    with pytest.raises(ValueError, match=r".") as caught:
        read(content)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400


FIELDS = st.text(st.characters(exclude_categories=("C",)), max_size=8).map(str.strip)


@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=8))
@settings(max_examples=50)
def test_what_pandas_writes_is_read_as_it_was(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    rows = [(f"u{first}", second) for first, second in rows]
    pd.DataFrame(rows, columns=["unit", "event_time"]).to_csv(path, index=False)
    found = read_csv(path, WANTED)
    assert found.astype(object).where(found.notna(), "").to_numpy().tolist() == [
        list(r) for r in rows
    ]
