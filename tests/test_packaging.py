"""The wheel is one package that judges a table with six others, outside of any checkout."""

import subprocess
import zipfile

import pytest
from support.environments import SITE, build_wheel, link_requirements, make_environment, run

from kpi_gate import __version__
from kpi_gate.run.provenance import machine_hash

JUDGE = """
import numpy as np, pandas as pd
from kpi_gate import Objective, judge

random = np.random.default_rng(3)
days = pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(np.arange(2000) % 20, unit="D")
rows = pd.DataFrame({"unit": np.arange(2000), "event_time": days})
rows["value_champion"] = random.normal(size=2000)
rows["value_candidate"] = rows["value_champion"] + random.normal(0.3, 1.0, 2000)
rows.to_csv("rows.csv", index=False)
objective = Objective(unit="EUR", horizon_decisions=9000, min_effect=0.05, switch_cost=9)
for given in (rows, "rows.csv"):
    decision = judge(given, objective)
    print(decision.verdict, len(decision.to_html()) > 1000)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("dist"))


def test_it_is_one_package_with_its_types_and_what_a_project_is_made_of(wheel):
    assert wheel.name == f"kpi_gate-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"kpi_gate", f"kpi_gate-{__version__}.dist-info"}
    shipped = ("py.typed", "CHANGELOG.md", "requirements.lock", "requirements-project.lock")
    begun = ("template/case/case.py", "template/case/case.yaml")
    assert {f"kpi_gate/{name}" for name in (*shipped, *begun)} <= names


@pytest.mark.slow
def test_it_judges_a_table_beside_six_packages_and_no_more(wheel, tmp_path):
    beside = tmp_path / "beside"
    linked = link_requirements(beside, "kpi-gate")
    direct = {"jinja2", "numpy", "pandas", "pydantic", "pyyaml", "scipy"}
    assert direct <= linked
    assert not {"scikit-learn", "pyarrow", "sqlalchemy", "typer", "prefect", "mlflow"} & linked
    bin_folder = make_environment(tmp_path / "bare", wheel, beside)
    assert run(bin_folder / "python", "-c", JUDGE, cwd=tmp_path).split() == 2 * ["PROMOTE", "True"]
    named = "import kpi_gate; print([getattr(kpi_gate, name) for name in kpi_gate.__all__])"
    assert "judge" in run(bin_folder / "python", "-c", named, cwd=tmp_path)
    door = subprocess.run(
        [bin_folder / "kpi-gate", "list"], capture_output=True, text=True, check=False
    )
    assert (door.returncode, "kpi-gate[pipeline]" in door.stderr) == (2, True)
    hashed = "from kpi_gate.run.provenance import machine_hash as h; print(h())"
    whole = make_environment(tmp_path / "whole", wheel, SITE)
    assert run(whole / "python", "-c", hashed, cwd=tmp_path).strip() == machine_hash()
