"""The names that a notebook and a use case import, and what they need."""

import subprocess
import sys
import textwrap

import pytest

import kpi_gate

pytestmark = pytest.mark.slow

# what the whole machine needs, and the gate alone must do without
HEAVY = (
    *("sklearn", "joblib", "pyarrow", "mlflow", "prefect", "dvc", "great_expectations", "skops"),
    *("sqlalchemy", "pydantic_settings", "typer", "rich", "threadpoolctl", "filelock"),
    *("fastapi", "matplotlib", "polars"),
)


def run_bare(code):
    """Run code in a process in which nothing of `HEAVY` can be imported."""
    bare = f"""
    import sys
    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {HEAVY}:
                raise ImportError(f"{{name}} is not there")
    sys.meta_path.insert(0, Blocked())
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(bare) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_public_name_is_there_and_nothing_else_is_listed():
    for name in kpi_gate.__all__:
        assert getattr(kpi_gate, name) is not None
    assert dir(kpi_gate) == sorted(kpi_gate.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        kpi_gate.nothing  # noqa: B018


def test_importing_the_package_imports_nothing_else():
    code = "import sys, kpi_gate; assert 'numpy' not in sys.modules, 'numpy'"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_table_is_judged_without_the_machine(tmp_path):
    code = f"""
    import numpy as np, pandas as pd
    from kpi_gate import Guardrail, Objective, judge
    number = np.arange(900)
    champion = (number % 3 == 0) * 1.0
    rows = pd.DataFrame({{
        "unit": number,
        "event_time": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(number, unit="h"),
        "value_champion": champion,
        "value_candidate": champion + 0.3 + np.sin(number),
        "region": np.where(number % 2, "north", "south"),
    }})
    objective = Objective(unit="EUR", horizon_decisions=10_000, min_effect=0.1)
    rails = [Guardrail(slice="region", may_lose=0.2)]
    decision = judge(rows, objective, guardrails=rails)
    assert decision.verdict == "PROMOTE", decision.sentence
    assert "<svg" in decision._repr_html_() and "<svg" in decision.to_html()
    rows.to_csv({str(tmp_path / "rows.csv")!r}, index=False)
    again = judge({str(tmp_path / "rows.csv")!r}, objective, guardrails=rails)
    assert again.gain == decision.gain
    print(repr(decision))
    """
    found = run_bare(code)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("Decision(PROMOTE: +0.30")


def test_an_experiment_is_planned_without_the_machine_and_analysed_with_it():
    code = """
    from datetime import UTC, datetime
    import numpy as np, pandas as pd
    from kpi_gate import analyse, plan_experiment
    number = np.arange(3_000)
    time = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(number % 28, unit="D")
    history = pd.DataFrame({"time": time, "unit": number, "amount": np.sin(number)})
    plan = plan_experiment(
        history, use_case="toy", kpi="margin", unit="EUR", horizon_decisions=9,
        control="v1", treatment="v2", minimum_effect=0.1,
    )
    print(plan.weeks)
    try:
        start = datetime(2026, 2, 1, tzinfo=UTC)
        analyse(history, plan, started=start, as_of=start)
    except ValueError as error:
        print(error)
    """
    found = run_bare(code)
    assert found.returncode == 0, found.stderr
    weeks, words = found.stdout.splitlines()
    assert int(weeks) >= 1
    assert "kpi-gate[pipeline]" in words
