"""A use case of one's own is two files: with files, a database or rows that load() makes itself."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import FIRST_TICK

from kpi_gate.cli.app import app
from kpi_gate.decision.verdict import Verdict
from kpi_gate.orchestration import work_pools
from kpi_gate.orchestration.deployments import plans
from kpi_gate.pipeline import stages
from kpi_gate.pipeline.raw_folder import stand_in_for_files
from kpi_gate.record import case_list
from kpi_gate.run.context import open_run
from kpi_gate.usecase import discovery

REPOSITORY = Path(__file__).parents[2]
FETCHED = "    fetch=fetch,\n"
READ = '    visits = pd.read_csv(folder / "visits.csv")\n'
AS_IT_IS = '    return visits[visits["event_time"] < as_of]\n'
OWN_FILES = {FETCHED: ""}
A_DATABASE = {
    FETCHED: "",
    READ: '    import sqlite3\n\n    sqlite3.connect(folder / "no/shop.db").execute("select 1")\n',
}
MADE = {  # all rows whatever the moment, and numpy warns in the owner's own code
    FETCHED: "",
    READ: "    fetch(folder)\n    np.log(np.zeros(1))\n" + READ,
    AS_IT_IS: "    return visits\n",
}
WRONG = {FETCHED: "", READ: "    visits = pd.read_csvs(folder)\n"}


def lay_out(project, name, changes):
    """Put the toy beside itself under another name, changed."""
    cases = project / "src/kpi_gate/examples"
    module = (cases / "toy.py").read_text(encoding="utf-8").replace('name="toy"', f'name="{name}"')
    for old, new in changes.items():
        assert old in module
        module = module.replace(old, new)
    (cases / f"{name}.py").write_text(module, encoding="utf-8")
    shutil.copy(cases / "toy.yaml", cases / f"{name}.yaml")


@pytest.fixture
def own(project):
    """Two files are dropped into a project, and the rows where its owner keeps them."""
    discovery.load("toy").fetch(project / "data/raw/shop_visits")
    lay_out(project, "shop_visits", OWN_FILES)
    yield "shop_visits"
    for name in discovery.names():
        sys.modules.pop(f"kpi_gate.usecase.discovery.{name}", None)


def test_two_files_and_the_first_champion_is_decided_on(own):
    run = open_run(own, FIRST_TICK)
    stages.take_snapshot(run)
    stages.fetch_champion(run)
    for verb in (stages.validate, stages.train, stages.compare):
        assert verb(run)
    assert stages.decide(run).verdict is Verdict.PROMOTE


def test_what_git_keeps_follows_by_itself(own, project):
    from typer.testing import CliRunner

    kept = {"name": "mine", "entrypoint": "flows/mine.py:mine"}
    toy = work_pools.prefect_yaml(plan for plan in plans(pytest.fail) if plan.name == "toy")
    file = project / work_pools.FILE
    file.write_text(
        toy.replace("# image: kpi-gate", "image: mine")
        + "- name: mine\n  entrypoint: flows/mine.py:mine\n",
        encoding="utf-8",
    )
    listed = CliRunner().invoke(app, ["list"])
    assert listed.exit_code == 0
    assert own in listed.stdout
    assert "prefect.yaml follows the use cases: written anew" in listed.stderr
    assert yaml.safe_load((project / case_list.FILE).read_text())["vars"] == [
        {"use_cases": [own, "toy"]}
    ]
    made = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    assert [each["name"] for each in made] == [own, "toy", "mine"]
    assert made[-1] == kept
    assert "image: mine" in file.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["list"]).stderr == ""


def test_another_use_case_that_is_broken_keeps_its_deployments(own, project):
    file = project / work_pools.FILE
    file.write_text(work_pools.prefect_yaml(plans(pytest.fail)), encoding="utf-8")
    before = file.read_text(encoding="utf-8")
    (project / f"src/kpi_gate/examples/{own}.py").write_text("1 / 0\n", encoding="utf-8")
    sys.modules.pop(f"kpi_gate.usecase.discovery.{own}")
    for name in ("toy", ""):
        work_pools.follow(project, name)
    assert file.read_text(encoding="utf-8") == before


@pytest.mark.slow
def test_the_contract_is_tested_wherever_the_rows_are(own, project):
    """It passes where rows are at hand, says where there are none, fails where load() is wrong."""
    for name, changes in {
        "no_files": OWN_FILES,
        "no_database": A_DATABASE,
        "made": MADE,
        "wrong": WRONG,
    }.items():
        lay_out(project, name, changes)
    stand_in_for_files(project / "data/raw/no_files")  # as a run that was refused left it
    (project / "tests/examples").mkdir(parents=True)
    beside = [path for path in (REPOSITORY / "tests").glob("*.py") if path.name[:5] != "test_"]
    for path in (
        REPOSITORY / "pyproject.toml",
        REPOSITORY / "tests/examples/test_contracts.py",
        *beside,
    ):
        shutil.copy(path, project / path.relative_to(REPOSITORY))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "tests"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": f"{project}/src:{project}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.findall(r"^(PASSED|FAILED|ERROR) .*\[(\w+)\]", done.stdout, re.MULTILINE)
    ends = {
        (name, end): sum(1 for found in told if found == (end, name))
        for name in discovery.names()
        for end in ("PASSED", "FAILED", "ERROR")
    }
    rows_seen, alone = ends["toy", "PASSED"], ends["no_files", "PASSED"]
    on_rows = rows_seen - alone + 1  # nothing is chosen among, which is said once rows are there
    assert on_rows > 10, done.stdout
    assert ends == {
        (name, end): count
        for name, passed, wrong in (
            (own, rows_seen, 0),
            ("made", rows_seen, 0),
            ("no_database", alone, 0),
            ("no_files", alone, 0),
            ("toy", rows_seen, 0),
            ("wrong", alone, on_rows),
        )
        for end, count in (("PASSED", passed), ("FAILED", 0), ("ERROR", wrong))
    }, done.stdout
    for name, words in (
        ("no_files", "FileNotFoundError"),
        ("no_database", "OperationalError: unable to open database file"),
    ):
        said = f"{name}: not tested on its rows, for none are at hand: data/raw/{name}/ is empty, "
        assert (
            done.stdout.count(
                f"{said}it has no `fetch`, and the rows of {name} cannot be loaded: {words}"
            )
            == on_rows
        )
    assert "RuntimeWarning: divide by zero" in done.stdout
