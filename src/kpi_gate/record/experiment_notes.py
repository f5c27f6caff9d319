"""What MLflow's own pages say of a use case: who is champion, and how a run is read."""

DECISIONS_VIEW = "mlflow.sharedViewState.decisions"  # `?viewStateShareKey=decisions` opens it
VIEW = {
    "selectedColumns": [
        "attributes.`Created`",
        "tags.`verdict`",
        "metrics.`decision/money`",
        "metrics.`decision/probability`",
        "metrics.`decision/checks_failed`",
    ],
    "searchFilter": "tags.kind = 'retrain'",
}
NO_BUTTON = (
    "*Promote model* above asks no gate: `kpi-gate promote {name}` does. To approve what waits, "
    "set the tag `approved_by` here."
)
_HOW_TO_READ = """\
**How to read a run.** One that is named by a date and a verdict is a decision: its description \
says why, what it is worth and what would change it; its artifact `decision/decision.html` is the \
whole page. The tag `kind` tells runs apart: `retrain`, `monitor`, `backtest`, `variant`.

**Do not press *Promote model*, and move no alias by hand.** MLflow asks no gate: an alias that \
the ledger does not know stops every promotion as INVALID. Use `kpi-gate promote {name}` and \
`kpi-gate rollback {name} --reason "..."`; to approve a version that waits, set its tag \
`approved_by`."""


def champion_note(use_case: str, version: str, since: str, served: str = "") -> str:
    """Return the description of a use case's experiment and of its registered model, as Markdown.

    Args:
        use_case: Its name.
        version: The champion, such as `v2`; empty where the rule of thumb is in use.
        since: How it came to be that, in words.
        served: In which form a server runs it, in a sentence.
    """
    who = f"**Champion: {version}**" if version else "**No champion: the rule of thumb is in use**"
    told = f"{who}{f', {since}' if since else ''}.{f' {served}' if served else ''}"
    return f"{told}\n\n{_HOW_TO_READ.format(name=use_case)}"
