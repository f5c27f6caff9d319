"""Take the README's pictures from the demo's state; needs chromium."""

import subprocess
import sys
import tempfile
from pathlib import Path

from kpi_gate.environment import prepare_environment
from kpi_gate.record.decision_run import client
from kpi_gate.workspace import Place

ROOT = Path(__file__).parents[1]
PORTS = {"mlflow": "5392", "prefect": "4392"}
QUIET = "--disable-gpu --disable-quic --no-first-run --disable-background-networking "
QUIET += "--disable-component-update --disable-sync --hide-scrollbars --no-sandbox"


def picture(address: str, name: str, width: int, height: int) -> None:
    """Take one screenshot into docs/."""
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless", *QUIET.split(), f"--user-data-dir={profile}"]
        command += [f"--window-size={width},{height}", "--virtual-time-budget=25000"]
        command += [f"--screenshot={ROOT / 'docs' / name}", address]
        subprocess.run(command, check=True, capture_output=True, timeout=180)


def last_promotion(place: Place, scratch: Path) -> tuple[str, Path]:
    """Return the newest promoted run's place in the MLflow UI, and its decision page."""
    with client(place) as mlflow_client:
        experiment = mlflow_client.get_experiment_by_name("campaign").experiment_id
        run = mlflow_client.search_runs([experiment], "tags.verdict = 'PROMOTE'")[0].info
        page = mlflow_client.download_artifacts(run.run_id, "decision/decision.html", str(scratch))
    return f"#/experiments/{experiment}/runs/{run.run_id}", Path(page)


def main() -> None:
    """Start the pages over the demo's state, take the pictures, stop the pages."""
    place = Place()
    prepare_environment(place.home)
    (ROOT / "docs").mkdir(exist_ok=True)
    program = str(Path(sys.executable).with_name("kpi-gate"))
    words = [program, "ui", "--mlflow-port", PORTS["mlflow"], "--prefect-port", PORTS["prefect"]]
    server = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout is None or "MLflow" not in server.stdout.readline():
            raise RuntimeError("kpi-gate ui did not start")
        with tempfile.TemporaryDirectory() as scratch:
            run, page = last_promotion(place, Path(scratch))
            picture(page.as_uri(), "decision.png", 960, 1200)
        picture(f"http://127.0.0.1:{PORTS['mlflow']}/{run}", "run.png", 1400, 1100)
    finally:
        server.terminate()
        server.wait(timeout=30)


if __name__ == "__main__":
    main()
