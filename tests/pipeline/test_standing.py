"""Nothing new is told at once; whatever leaves a run something to do is left to the run."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from kpi_gate.pipeline.repeat import repeated
from kpi_gate.record.mlflow_client import client
from kpi_gate.record.registered import CHAMPION
from kpi_gate.record.registry_claims import glance_at_claims, read_claims

pytestmark = pytest.mark.slow
HEAVY = ("mlflow", "prefect", "great_expectations")  # scikit-learn is imported by the toy itself
LOOK = f"""
import sys
from kpi_gate.cli.app import main
sys.argv = ["kpi-gate", "retrain", "toy", "--as-of", sys.argv[1]]
try:
    main()
finally:
    print([name for name in {HEAVY} if name in sys.modules])
"""


def test_a_tick_that_was_decided_is_repeated_and_any_change_is_left_to_the_run(run_at, begin):
    here = run_at()
    assert repeated(here) is None
    assert not here.work.exists(), "nothing is loaded for a tick that nobody has decided"
    begin("first_champion")
    found = repeated(here)
    assert found is not None
    assert found.repeated
    assert found.entry == here.ledger.entries("toy", "decision")[-1]
    assert repeated(run_at(here.as_of + timedelta(days=1))) is None

    words = [sys.executable, "-W", "ignore", "-c", LOOK, here.as_of.isoformat()]
    root = here.workspace.root
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    said = subprocess.run(
        words, capture_output=True, text=True, cwd=root, env=environment, check=False
    )
    assert "toy: nothing new since the decision" in said.stdout, said.stderr
    assert said.stdout.splitlines()[-1] == "[]", "what is heavy was imported"

    here.registry.point(CHAMPION, "")
    assert repeated(here) is None
    here.registry.point(CHAMPION, "v1")
    assert repeated(here) is not None
    here.ledger.append("toy", "rollback_intent", found.entry.subject, {"version": "", "from": "v1"})
    assert repeated(here) is None


def test_a_glance_at_mlflow_says_what_mlflow_says(run_at, begin):
    workspace = run_at().workspace
    asked = (workspace, "toy", ["v1", "v9"])
    assert glance_at_claims(*asked) == read_claims(*asked)
    begin("first_champion")
    with client(workspace) as mlflow_client:
        mlflow_client.set_model_version_tag("toy", "1", "approved_by", "jane")
    seen, told = glance_at_claims(*asked), read_claims(*asked)
    names = ("evidence_end", "decision_id", "approved_by")
    known = {name: told.tags["v1"][name] for name in names}
    assert seen == replace(told, tags={"v1": known})
    assert (seen.aliases["champion"], seen.approved, seen.row[:2]) == ("v1", {"v1": "jane"}, "1:")
    for elsewhere in ("http://127.0.0.1:1", "sqlite:///none.db", "postgresql://host/name"):
        other = workspace.model_copy(update={"mlflow_uri": elsewhere})
        assert glance_at_claims(other, "toy", []) is None
