"""Take the pictures of the README and the documentation, and say what they were made of.

`python -m benchmarks.screenshots` takes them anew from the decision that lies beside them, in half
a minute; `--play` first plays the demo for that decision, in some minutes. It needs chromium
(`apt-get install chromium`). `tests/benchmarks/test_screenshots.py` says when they are stale.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks.readme import lock_kept
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.environment import prepare_environment
from kpi_gate.orchestration.servers.pages import running_mlflow
from kpi_gate.record import decision_run
from kpi_gate.record.decision_numbers import shown_numbers
from kpi_gate.record.decision_run import RunContent
from kpi_gate.record.ledger import open_ledger
from kpi_gate.record.mlflow_client import client
from kpi_gate.render import render
from kpi_gate.workspace import Workspace

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs/pictures"
DECISION = PICTURES / "decision.json"
TAKEN = PICTURES / "taken.json"
REMEDY = "run `python -m benchmarks.screenshots`"
PAGE = {"verdict.png": (960, 542), "decision.png": (960, 1500)}  # width and most of the height
RUN = {"run.png": (1400, 1000)}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = "--disable-gpu --disable-quic --no-first-run --disable-background-networking "
QUIET += "--disable-component-update --disable-sync --hide-scrollbars --no-sandbox"


def decision() -> Decision:
    """Return the decision that the pictures show: the demo's last promotion."""
    return Decision.model_validate_json(DECISION.read_text(encoding="utf-8"))


def made_of(shown: Decision) -> dict[str, str]:
    """Return by picture a digest of all that it is made of, in the present state of the code."""
    page = _digest(shown.to_html())
    told = render(shown, "run name"), decision_run.description(shown, "", "")
    run = _digest(*told, json.dumps(shown_numbers(shown)), version("mlflow"))
    return {**dict.fromkeys(PAGE, page), **dict.fromkeys(RUN, run)}


def stale() -> list[str]:
    """Return the pictures that show another page than there is, or that nobody took."""
    taken = json.loads(TAKEN.read_text(encoding="utf-8"))
    now = made_of(decision())
    return [
        name
        for name, made in now.items()
        if taken.get(name) != {"made_of": made, "picture": _of_file(PICTURES / name)}
    ]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _of_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""


def played() -> Decision:
    """Play the demo in a folder of its own; return its last promotion."""
    with tempfile.TemporaryDirectory() as home, lock_kept():
        environment = os.environ | {"KPI_GATE_HOME": home, "NO_COLOR": "1"}
        subprocess.run(
            [sys.executable, "-m", "kpi_gate.cli.demo"], cwd=ROOT, env=environment, check=True
        )
        entries = open_ledger(Workspace(root=ROOT, home=Path(home))).entries("campaign", "decision")
        promoted = [entry.body for entry in entries if entry.body["verdict"] == Verdict.PROMOTE]
        return Decision.model_validate(promoted[-1]["decision"])


def recorded(shown: Decision, home: Path) -> str:
    """Record the decision in an MLflow of its own; return the run's place in the UI."""
    workspace, seen = _place(home), shown.lineage
    if seen is None:
        raise ValueError(f"{DECISION.name} is of a bare table: {REMEDY} --play")
    tags = {"use_case": "campaign", "decision_id": shown.decision_id}
    tags |= {"verdict": shown.verdict.value, "as_of": seen.as_of.isoformat()}
    tags |= {"champion_then": seen.champion.name, "evidence_end": seen.window.end.isoformat()}
    content = RunContent(parameters={}, tags=tags, artifacts={}, snapshot=seen.snapshot)
    run = decision_run.record_run(workspace, "campaign", shown, content).run_id
    with client(workspace) as mlflow_client:
        experiment = mlflow_client.get_run(run).info.experiment_id
    return f"#/experiments/{experiment}/runs/{run}"


def _place(home: Path) -> Workspace:
    return Workspace(root=ROOT, home=home, mlflow_uri=f"sqlite:///{home / 'mlflow.db'}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def picture(address: str, name: str, width: int, height: int) -> None:
    """Take one screenshot, in few colours and without what is empty below."""
    from PIL import Image, ImageChops

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit("no chromium is installed: apt-get update && apt-get install chromium")
    with tempfile.TemporaryDirectory() as scratch:
        shot = Path(scratch, "shot.png")
        command = [browser, "--headless", *QUIET.split(), f"--user-data-dir={scratch}/profile"]
        command += [f"--window-size={width},{height}", "--virtual-time-budget=25000"]
        subprocess.run(
            [*command, f"--screenshot={shot}", address],
            check=True,
            capture_output=True,
            timeout=180,
        )
        with Image.open(shot) as taken:
            image = taken.convert("RGB")
    empty = Image.new("RGB", image.size, image.getpixel((0, height - 1)))
    filled = ImageChops.difference(image, empty).getbbox()
    image = image.crop((0, 0, width, min(height, filled[3] + 16) if filled else height))
    image.quantize(colors=128).save(PICTURES / name, optimize=True)


def main() -> None:
    """Take all pictures, and write down what they were made of."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--play", action="store_true", help="play the demo for the decision first")
    if parser.parse_args().play:
        text = played().model_dump_json(indent=1)
        DECISION.write_text(text + "\n", encoding="utf-8")
    shown = decision()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        prepare_environment(home)
        page = home / "decision.html"
        page.write_text(shown.to_html(), encoding="utf-8")
        for name, size in PAGE.items():
            picture(page.as_uri(), name, *size)
        run = recorded(shown, home)
        with running_mlflow(_place(home), _free_port()) as server:
            server.wait()
            for name, size in RUN.items():
                picture(f"{server.address}/{run}", name, *size)
    taken = {
        name: {"made_of": made, "picture": _of_file(PICTURES / name)}
        for name, made in made_of(shown).items()
    }
    TAKEN.write_text(json.dumps(taken, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
