"""A new use case runs at once, and nothing that is there is written over."""

import json

import pytest
from door import call


@pytest.mark.slow
def test_a_new_use_case_runs_at_once(project):
    code, out, err = call("new", "next_visit")
    assert code == 0, err
    made = project / "src/toys/usecases/next_visit.py"
    assert "made src/toys/usecases/next_visit.py" in out
    assert "data/raw/next_visit/" in made.read_text()
    assert {row["name"] for row in json.loads(call("list", "--json")[1])} == {"toy", "next_visit"}
    assert "next_visit" in (project / "dvc.yaml").read_text()
    code, out, err = call("snapshot", "next_visit")
    assert code == 0, err
    for verb in ("validate", "train", "compare"):
        assert call(verb, "next_visit")[0] == 0
    code, out, err = call("decide", "next_visit")
    assert (code, out.partition(":")[0]) == (0, "PROMOTE"), (out, err)
    before = made.read_text()
    code, _, err = call("new", "next_visit")
    assert code == 2
    assert "src/toys/usecases/next_visit.py: is there already; choose another NAME" in err
    assert made.read_text() == before


@pytest.mark.slow
def test_the_new_use_case_keeps_the_contract(tmp_path, project):
    from kpi_gate.pipeline.contract_case import Case, NotTestedError
    from kpi_gate.pipeline.contract_checks import CHECKS

    assert call("new", "next_visit")[0] == 0
    (tmp_path / "raw").mkdir()
    case = Case("next_visit", project / "data/raw/next_visit", tmp_path / "raw")
    faults, untested = [], []
    for check in CHECKS:
        try:
            faults += check(case)
        except NotTestedError as error:
            untested.append(str(error))
    assert (faults, untested) == ([], ["nothing is chosen among"])


@pytest.mark.parametrize("name", ["Next", "next-visit", "2nd", "class", "_shared", "", "a.b", "é"])
def test_a_name_that_is_none_is_refused_and_leaves_nothing(project, name):
    before = sorted(project.rglob("*.py"))
    code, _, err = call("new", name)
    assert code == 2
    assert f"NAME == {name!r}, must be a Python name" in err
    assert sorted(project.rglob("*.py")) == before
