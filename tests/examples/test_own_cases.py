"""A use case of one's own is two files: with files, a database or rows that load() makes itself."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from conftest import FIRST_TICK

from kpi_gate import pipeline
from kpi_gate.cli.app import app
from kpi_gate.decision.verdict import Verdict
from kpi_gate.orchestration import work_pools
from kpi_gate.orchestration.deployments import plans
from kpi_gate.record import case_list
from kpi_gate.run.opening import plan_run
from kpi_gate.usecase import discovery

pytestmark = pytest.mark.slow

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
    cases = project / "src/toys/usecases"
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
        sys.modules.pop(f"toys.usecases.{name}", None)


def test_two_files_and_the_first_champion_is_decided_on(own):
    run = plan_run(own, FIRST_TICK)
    pipeline.take_snapshot(run)
    pipeline.fetch_champion(run)
    for verb in (pipeline.validate, pipeline.train, pipeline.compare):
        assert verb(run)
    assert pipeline.decide(run).verdict is Verdict.PROMOTE


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
    (project / f"src/toys/usecases/{own}.py").write_text("1 / 0\n", encoding="utf-8")
    sys.modules.pop(f"toys.usecases.{own}", None)
    for name in ("toy", ""):
        work_pools.follow(project, name)
    assert file.read_text(encoding="utf-8") == before
