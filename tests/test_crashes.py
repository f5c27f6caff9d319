"""A promoting retrain dies by SIGKILL at every boundary; a restart leaves nothing half done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
HERE = Path(__file__).parent


def test_a_kill_at_any_boundary_is_healed_by_the_next_run(project):
    environment = os.environ | {"PYTHONPATH": f"{project}/src:{HERE}"}
    command = [sys.executable, "-W", "ignore", str(HERE / "crash_points.py")]
    answer = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    results = json.loads(answer.stdout.splitlines()[-1])
    assert len(results) >= 15
    for point, found in results.items():
        assert found["killed"] == -9, point
        assert found["restart"] == 0, point
        assert found["chain"] == [], point
        assert found["kinds"] == ["decision", "intent", "done"] * 2, point
        assert found["in_ledger"] == f"v{found['alias']}" == "v2", point
        assert found["loadable"] == 0, point
