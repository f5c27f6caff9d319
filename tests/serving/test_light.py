import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

HEAVY = ("mlflow", "pandas", "sklearn", "skops", "prefect", "dvc", "great_expectations", "pyarrow")
CODE = """
import sys
import kpi_gate.serving.http.app, kpi_gate.serving.supervisor
print(*sorted({name.partition('.')[0] for name in sys.modules}))
"""


def test_the_process_that_answers_imports_none_of_the_machine():
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert set(HEAVY).isdisjoint(found.stdout.split())
