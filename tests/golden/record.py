"""Record what is decided; later code that must decide alike is held against it.

    python -m tests.golden.record               # write tests/golden/*.json anew
    python -m tests.golden.record --compare     # say what differs; exit code 1 if anything does
    python -m tests.golden.record --compare judge campaign

It goes through the command line alone. `judge` takes seconds, and is a test too; the others play
real retrainings in a folder of their own, some minutes each. Numbers are held bit for bit;
latencies, times of day, run ids and paths are left out.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.golden.facts import GOLDEN, Facts, differences, facts, recorded, written
from tests.golden.judged import CASES, judged

REPOSITORY = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("kpi-gate")
TICKS = {
    "ads": ("2024-03-25", "2024-04-25"),
    "campaign": ("2008-08-01", "2008-10-01", "2009-03-01", "2009-07-01"),
    "fraud": ("2018-06-01", "2018-06-15"),
    "recommend": ("2017-06-19", "2017-07-17"),
    "retention": ("2017-08-01", "2017-10-01", "2017-12-01"),
}
BACKTEST = ("campaign", "--from", "2009-05-01", "--to", "2009-08-15")


class Project:
    """A copy of this repository's files with a home of its own, and `kpi-gate` in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True)
        for name in names.stdout.split("\0"):
            if (REPOSITORY / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes((REPOSITORY / name).read_bytes())
        (root / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
        ours = ("KPI_GATE_", "PREFECT_", "MLFLOW_")
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        self._environment["PYTHONHASHSEED"] = "0"

    def run(self, *words: str, program: tuple[str, ...] = (str(COMMAND),)) -> str:
        """Return what a command prints; an exit code of 10 to 14 is a verdict.

        Raises:
            SystemExit: If it did not come to an answer.
        """
        done = subprocess.run(
            [*program, *words],
            cwd=self._root,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 10, 11, 12, 13, 14):
            raise SystemExit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout


def chain(name: str) -> Facts:
    """Retrain at each tick in one home, the last one twice: the second finds nothing new."""
    found: Facts = {}
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        for tick in (*TICKS[name], TICKS[name][-1]):
            told = json.loads(project.run("retrain", name, "--as-of", tick, "--json"))
            label = f"{tick} again" if tick in found else tick
            found[label] = facts(told)
        exported = project.run("ledger", "export", name, "--format", "csv")
        kept = ("kind", "verdict", "version", "from", "why", "as_of", "snapshot", "policy_hash")
        found["ledger"] = {
            row["number"]: [row[column] for column in kept]
            for row in csv.DictReader(io.StringIO(exported))
        }
    return found


def judge(*, estimators: bool) -> Facts:
    """Judge the tables whose YAML names an estimator, or the others."""
    return {
        name: facts(judged(case))
        for name, case in CASES.items()
        if (case.estimator is not None) == estimators
    }


def bandit() -> Facts:
    """Judge the real log of ads that the README judges."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        python = (sys.executable, "-m", "kpi_gate.examples.sources.open_bandit")
        project.run("bandit", program=python)
        return {
            rows: facts(
                json.loads(
                    project.run(
                        "judge",
                        *("--objective", "bandit/objective.yaml"),
                        *("--rows", f"bandit/{rows}.parquet", "--json"),
                    )
                )
            )
            for rows in ("all", "women_reversed")
        }


def backtest() -> Facts:
    """Play the promotion policies on a few months of the bank's campaign."""
    with tempfile.TemporaryDirectory() as folder:
        told = json.loads(Project(Path(folder)).run("backtest", *BACKTEST, "--json"))
    return {"backtest": told}


PLAYS: dict[str, Callable[[], Facts]] = {
    "judge": partial(judge, estimators=False),
    "judge_estimators": partial(judge, estimators=True),
    "bandit": bandit,
    "backtest": backtest,
    **{name: partial(chain, name) for name in TICKS},
}


def tell(*lines: str) -> None:
    """Write lines at once, since the next play may take minutes."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def main() -> None:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PLAYS)}; default all")
    parser.add_argument("--compare", action="store_true", help="write nothing, say what differs")
    given = parser.parse_args()
    unknown = set(given.names) - set(PLAYS)
    if unknown:
        parser.error(f"{', '.join(unknown)}: must be of {', '.join(PLAYS)}")
    differ = False
    for name in given.names or PLAYS:
        found = PLAYS[name]()
        if not given.compare:
            (GOLDEN / f"{name}.json").write_text(written(found), encoding="utf-8")
            tell(f"{name}: recorded")
            continue
        faults = list(differences(recorded(name), json.loads(written(found)), name))
        differ |= bool(faults)
        tell(*faults or [f"{name}: the same"])
    sys.exit(int(differ))


if __name__ == "__main__":
    main()
