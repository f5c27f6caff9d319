"""The loop closed where the truth is known: a gain, an experiment, the link, another threshold.

`make demo-loop` runs this, in a project of its own beside the state of this one. The worlds say how
much of an offline gain arrives online; the gate, the experiment and the link have to find it out.
"""

import io
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stderr
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.console import Console
from rich.table import Table

from kpi_gate.environment import prepare_environment
from kpi_gate.files import project
from kpi_gate.orchestration.temporary_server import prefect_at_hand
from kpi_gate.record import case_list
from kpi_gate.record.prefect_key import meet_prefect
from kpi_gate.report.experiment_wording import schedule_in_words
from kpi_gate.report.numbers import money_range
from kpi_gate.text import number
from kpi_gate.workspace import Workspace

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision
    from kpi_gate.experiment.result import Analysis
    from kpi_gate.run.result import RetrainResult

FOLDER = "loop"  # in the home: the project that the loop is played in
MARK = ".made-by-demo-loop"
CASES = "usecases"
PAGES = "pages"
REQUIRED = {"kpi_link: advisory ": "kpi_link: required "}


class Story(NamedTuple):
    """One use case's way round the loop.

    Attributes:
        name: The use case.
        first: When its first candidate asks.
        then: When the next one does, after the experiment.
        transfer: Share of an offline gain that arrives online in this world.
        settings: Lines of its YAML that are others here.
    """

    name: str
    first: datetime
    then: datetime
    transfer: float
    settings: Mapping[str, str]


STORIES = (
    Story(
        "fraud",
        datetime(2018, 6, 1, tzinfo=UTC),
        datetime(2018, 7, 15, tzinfo=UTC),
        0.6,  # who is stopped comes back with another card
        {**REQUIRED, "train_last_rows: [150000, 300000]": "train_last_rows: [150000]"},
    ),
    Story(
        "ads",
        datetime(2024, 3, 15, tzinfo=UTC),
        datetime(2024, 4, 20, tzinfo=UTC),
        0.8,
        {
            **REQUIRED,
            "data: {ads: 80,": "data: {ads: 20,",
            "estimator: ": "experiment: {minimum_effect: 0.0003}\nestimator: ",
        },
    ),
    Story(
        "recommend",
        datetime(2017, 7, 10, tzinfo=UTC),
        datetime(2017, 9, 4, tzinfo=UTC),
        0.5,  # what a household buys anyway, it need not be shown
        {
            "train_last_rows: [1000000, null]": "train_last_rows: [300000]",
            "estimator: ": "experiment: {minimum_effect: 0.02}\nestimator: ",
        },
    ),
)


class Told(NamedTuple):
    """What came of one story.

    Attributes:
        story: The story.
        before: The first decision.
        analysis: Its experiment.
        truth: The effect that is true in this world, per decision.
        link: What the experiment taught, in a sentence.
        after: The next decision.
    """

    story: Story
    before: "Decision"
    analysis: "Analysis"
    truth: float
    link: str
    after: "Decision"


def main(names: Sequence[str] = ()) -> None:
    """Play every story, or those of some use cases, and say what each has learnt."""
    here = Workspace()
    root = here.home / FOLDER
    begin_anew(root)
    lay_out(root)
    os.chdir(root)
    workspace = Workspace(root=root, home=root / ".kpi-gate")
    prepare_environment(workspace.home)
    meet_prefect(workspace.home)
    console = Console(highlight=False, width=100, soft_wrap=True)
    with ExitStack() as stack:
        with console.status("Starting Prefect, MLflow and DVC ..."):
            stack.enter_context(prefect_at_hand(workspace))
        told = [
            play(console, workspace, story) for story in STORIES if not names or story.name in names
        ]
    console.print(summary(told))
    console.print(f"Pages of each step: [bold]{here.shown(root / PAGES)}[/bold]", soft_wrap=True)


def play(console: Console, workspace: Workspace, story: Story) -> Told:
    """Play one story: retrain, experiment, link, retrain."""
    pages = workspace.root / PAGES
    console.print(f"[bold]{story.name}[/bold]")
    before = _retrain(console, workspace, story, story.first, "1-decision")
    analysis, truth, shipped = _experiment(console, workspace, story)
    link, sentence = _link(story, shipped)
    _write(pages / f"{story.name}-3-link.html", link)
    console.print(f"  link        {sentence}; in this world it is {story.transfer:g}")
    after = _retrain(console, workspace, story, story.then, "4-decision")
    return Told(story, before, analysis, truth, sentence, after)


def _retrain(
    console: Console, workspace: Workspace, story: Story, as_of: datetime, page: str
) -> "Decision":
    """Retrain as the schedule does, through the flow."""
    from kpi_gate.orchestration.ending import call_flow

    with console.status(f"  {story.name}: retraining as of {as_of:%Y-%m-%d} ...") as status:
        found = call_flow(project.here().flow("retrain"), story.name, as_of, status.update)
    decision = cast("RetrainResult", found).decision
    _write(workspace.root / PAGES / f"{story.name}-{page}.html", decision.to_html())
    gain = "" if decision.gain is None else f", gain {number(decision.gain.estimate, sign=True)}"
    console.print(
        f"  {as_of:%Y-%m-%d}  {decision.verdict}{gain} {decision.unit} a decision; "
        f"needs {needed(decision)}"
    )
    return decision


def needed(decision: "Decision") -> str:
    """Say which offline gain the link asks for."""
    answer = decision.notes.get("link")
    if not answer:
        return "an experiment first"
    least = answer["required_gain"]
    return "more than any gain" if least is None else f"{number(least, sign=True)}"


def _experiment(
    console: Console, workspace: Workspace, story: Story
) -> tuple["Analysis", float, bool]:
    """Run the experiment that the decision has planned, in this world, to its end."""
    from kpi_gate.examples.sources.simulated_experiment import Reaction, expose
    from kpi_gate.examples.sources.worlds import WORLDS
    from kpi_gate.pipeline.experiment import look_at_experiment
    from kpi_gate.pipeline.experiment_log import log_of
    from kpi_gate.pipeline.experiment_start import start
    from kpi_gate.run.opening import open_run

    with console.status(f"  {story.name}: an experiment ...") as status:
        with open_run(story.name, story.first, looking=True) as run:
            begun = start(run)
            plan, started = begun.plan, begun.started or story.first
            until = plan.look_times(started)[-1]
            policies = run.champion, run.candidate
            found = WORLDS[story.name](run, policies, (started, until))
            log, truth = expose(found, plan, started, Reaction(story.transfer))
            path = cast("Path", log_of(run))
            path.mkdir(parents=True, exist_ok=True)
            log.to_parquet(path / "log.parquet", index=False)
        seen = None
        for moment in plan.readable_times(started):
            status.update(f"  {story.name}: a look on {moment:%Y-%m-%d} ...")
            with open_run(story.name, moment, looking=True) as run:
                seen = look_at_experiment(run)
            if seen.analysis.ended:
                break
    if seen is None:
        raise RuntimeError(f"{story.name}: the plan has no look")
    analysis = seen.analysis
    _write(workspace.root / PAGES / f"{story.name}-2-experiment.html", analysis.to_html())
    planned = f"planned {schedule_in_words(plan)}"
    console.print(f"  experiment  {len(log):,} exposures, {planned}; {_seen(analysis)}")
    console.print(f"              true in this world: {number(truth, sign=True)} {plan.unit}")
    return analysis, truth, analysis.verdict == "ship"


def _seen(found: "Analysis") -> str:
    effect = found.effect
    if effect is None:
        return f"{found.verdict.value}: {found.because}"
    much = money_range(effect.estimate, effect.lower, effect.upper, found.plan.unit, sign=True)
    return f"{found.verdict.value} after look {len(found.looks)}, {much} a decision"


def _link(story: Story, shipped: bool) -> tuple[str, str]:
    """Put into use what was shipped, and ask what the experiment taught."""
    from kpi_gate.decision.link_report import report_link
    from kpi_gate.pipeline.release import promote_shipped
    from kpi_gate.run.opening import open_run

    moment = story.then - timedelta(days=1)
    with open_run(story.name, moment) as run:
        if shipped:
            promote_shipped(run)
        objective = run.use_case.settings.objective
        told = report_link(run.history.link_history(objective.unit), objective, moment, story.name)
    return told.to_html(), told.sentence


def summary(told: list[Told]) -> Table:
    """Return one row a story: the gain, what it was worth, and what the next one needs."""
    table = Table(
        title="What an offline gain is worth", title_justify="left", box=None, pad_edge=False
    )
    for name in ("", "offline", "online", "true", "slope learnt", "then needs"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for one in told:
        effect, gain = one.analysis.effect, one.before.gain
        answer = one.after.notes.get("link") or {}
        slope = answer.get("slope", (None,) * 3)
        table.add_row(
            f"{one.story.name}, {one.before.unit}",
            number(gain.estimate if gain else None, sign=True),
            number(effect.estimate if effect else None, sign=True),
            number(one.truth, sign=True),
            f"{number(slope[0], 2)} ({one.story.transfer:g} true)",
            needed(one.after),
        )
    return table


def begin_anew(root: Path) -> None:
    """Clear what an earlier loop left; a folder of the owner's is never touched."""
    if not root.exists():
        return
    if not (root / MARK).exists():
        raise SystemExit(f"demo-loop: {root} was not made by it: move it away")
    shutil.rmtree(root)


def lay_out(root: Path) -> None:
    """Make a project of the stories' use cases, with their settings of here."""
    here, cases = project.here().root, root / CASES
    cases.mkdir(parents=True)
    (root / MARK).touch()
    examples = files("kpi_gate.examples")
    for story in STORIES:
        for form in ("py", "yaml"):
            text = examples.joinpath(f"{story.name}.{form}").read_text(encoding="utf-8")
            for old, new in story.settings.items() if form == "yaml" else ():
                if old not in text:
                    raise ValueError(f"{story.name}.yaml has no {old!r}")
                text = text.replace(old, new)
            (cases / f"{story.name}.{form}").write_text(text, encoding="utf-8")
    (root / "pyproject.toml").write_text(
        f'[tool.kpi-gate]\nuse_cases = "{CASES}"\n', encoding="utf-8"
    )
    shutil.copytree(here / "flows", root / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".dvc").mkdir()
    shutil.copy(here / ".dvc/config", root / ".dvc")
    (root / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    for name in (".dvcignore", "requirements.lock"):
        shutil.copy(here / name, root)
    stages = (here / "dvc.yaml").read_text(encoding="utf-8")
    stages = stages.replace(str(project.here().use_cases.relative_to(here)), CASES)
    (root / "dvc.yaml").write_text(stages, encoding="utf-8")
    with redirect_stderr(io.StringIO()):  # that it was written anew is for its owner
        case_list.follow(root, [story.name for story in STORIES])


def _write(path: Path, html: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
