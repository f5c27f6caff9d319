"""A person is deleted from everything that the log holds, and the record does not say who."""

import json
import sqlite3
import threading

import pytest
from served import decision, finished_segment

from kpi_gate.serving.errors import LogBusyError, ServingError
from kpi_gate.serving.log.forget import RECORD, forget
from kpi_gate.serving.log.keep import keep
from kpi_gate.serving.log.read import read_log
from kpi_gate.serving.log.segment import Segment, segments

ASKED = {"key": b"k" * 32, "by": "ada", "reason": "article 17", "wait_seconds": 0.3}


def everything(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def units(folder) -> set[str]:
    return set(read_log(folder)["unit"].to_pylist())


def test_a_unit_is_gone_from_parquet_segments_and_lines_set_aside(tmp_path) -> None:
    finished_segment(tmp_path, *(decision(i, unit="Bo Lind") for i in range(3)))
    keep(tmp_path)  # a file of this unit alone
    finished_segment(tmp_path, decision(3, unit="Bo Lind"), decision(4, unit="Bo Lindqvist"))
    keep(tmp_path)
    finished_segment(tmp_path, decision(5, unit="Bo Lind"), {"unit": "Bo Lind"}, {"unit": "x"})
    (tmp_path / "2026-12-01" / ".torn.parquet").write_text("Bo Lind, half-written")
    found = forget(tmp_path, "Bo Lind", **ASKED)
    assert found.rows == 5
    assert units(tmp_path) == {"Bo Lindqvist"}
    assert not segments(tmp_path)
    assert everything(tmp_path).replace(b"Bo Lindqvist", b"").count(b"Bo Lind") == 0
    assert b'{"unit":"x"}' in everything(tmp_path)
    begun, done = map(json.loads, (tmp_path / RECORD).read_text().splitlines())
    assert (begun["state"], done["state"], done["rows"]) == ("begun", "done", 5)
    assert (done["by"], done["reason"]) == ("ada", "article 17")
    assert begun["unit"] == done["unit"]
    assert len(done["unit"]) == 64


def test_a_server_lets_its_segment_go_or_nothing_is_said_to_be_deleted(tmp_path) -> None:
    held = Segment(tmp_path, "server")
    held.append(b"", 0)
    with pytest.raises(LogBusyError, match="nothing was deleted"):
        forget(tmp_path, "c1", **ASKED)
    assert '"done"' not in (tmp_path / RECORD).read_text()
    threading.Timer(0.05, held.close).start()
    assert forget(tmp_path, "c1", **{**ASKED, "wait_seconds": 20}).rows == 0


def test_who_is_not_there_deletes_nothing(tmp_path) -> None:
    finished_segment(tmp_path, decision(1, unit="a"))
    assert forget(tmp_path, "b", **ASKED)[:3] == (0, 0, 0)
    assert units(tmp_path) == {"a"}


def test_the_table_has_each_segment_once_and_forgets_too(tmp_path) -> None:
    folder, path = tmp_path / "shop", tmp_path / "log.db"
    url = f"sqlite:///{path}"
    finished_segment(folder, decision(1, unit="a"), decision(2, unit="b", score=None))
    [segment] = segments(folder)
    content = segment.read_bytes()
    keep(folder, url)
    segment.write_bytes(content)  # as after a crash before the segment went
    keep(folder, url)
    with sqlite3.connect(path) as database:
        question = "select use_case, id, unit, score from kpi_gate_decisions order by id"
        assert database.execute(question).fetchall() == [
            ("shop", "d1", "a", 0.25),
            ("shop", "d2", "b", None),
        ]
        assert forget(folder, "b", sql_url=url, **ASKED)[:2] == (1, 1)
        assert [row[1] for row in database.execute(question)] == ["d1"]


def test_a_database_that_is_away_keeps_the_segment(tmp_path) -> None:
    finished_segment(tmp_path, decision(1))
    with pytest.raises(ServingError, match="does not take decisions") as told:
        keep(tmp_path, f"sqlite:///{tmp_path / 'no' / 'such.db'}?pass=1")
    assert "KPI_GATE_SERVING_LOG_URL" in str(told.value)
    assert segments(tmp_path)
    assert read_log(tmp_path).num_rows == 1
