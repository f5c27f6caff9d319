"""A backtest and its what-if table in words and numbers, the same on the page and the terminal."""

from kpi_gate.backtest.result import Backtest, Sweep

TINY = 1e-6  # of sums of many rows: mere rounding
RIVALS = {"always": "always promoting the newest", "metric": "promoting the higher metric"}


def amount(value: float | None, *, sign: bool = False) -> str:
    """Write an amount: whole numbers where it is large."""
    if value is None:
        return "–"
    form = "+" if sign else ""
    if abs(value) < TINY:
        return "0"
    return f"{value:{form},.0f}" if abs(value) >= 100 else f"{value:{form}.3g}"


def between(lower: float | None, upper: float | None, *, sign: bool = False) -> str:
    """Write the bounds of an amount; empty where there are none."""
    known = lower is not None and upper is not None
    return f"{amount(lower, sign=sign)} to {amount(upper, sign=sign)}" if known else ""


def lead(found: Backtest) -> str:
    """Say in a sentence or two what came of it."""
    gate, rival = found.policies["gate"], found.policies[found.rival]
    over = gate.over_never
    span = between(over.lower, over.upper, sign=True)
    bounds = f" ({span})" if span else ""
    beside = [
        _beside(found, found.rival, RIVALS[found.rival]),
        _beside(found, "everything", "models trained on everything, which nothing can judge,"),
    ]
    return (
        f"Net of switching the gate earned {amount(over.estimate, sign=True)} {found.unit}{bounds} "
        f"over never retraining, {' and '.join(beside)}, with {_times(gate.promotions)} against "
        f"{rival.promotions}, {gate.false_promotions or 'none'} of them false against "
        f"{rival.false_promotions}."
    )


def _beside(found: Backtest, name: str, words: str) -> str:
    """Set the gate beside another policy: as a share where both earned more than never."""
    share, more = found.share_of(name), found.policies[name].over_never.estimate
    if share is not None and share > 0:
        return f"{share:.0%} of what {words} did"
    return f"against {amount(more, sign=True)} of {words.removesuffix(',')}"


def caution(found: Backtest) -> str:
    """Say what it came to that candidates had to wait."""
    balance = found.waiting_saved - found.waiting_cost
    return (
        f"Caution: until the tick after, the candidates that were held would have earned "
        f"{amount(found.waiting_cost)} {found.unit} more where they were better, and lost "
        f"{amount(found.waiting_saved)} where they were worse: holding them "
        f"{'saved' if balance > 0 else 'cost'} {amount(abs(balance))} {found.unit} in all."
    )


def in_words(found: Backtest, sweep: Sweep | None) -> str:
    """Return all that is said of it, a paragraph each."""
    more = [overfit(sweep)] if sweep else []
    return "\n\n".join([lead(found), caution(found), *more])


def _times(count: int) -> str:
    return f"{count or 'no'} promotion{'' if count == 1 else 's'}"


def sweep_rows(sweep: Sweep) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the what-if table, the best net KPI first."""
    head = [
        "setting",
        f"{sweep.unit} net of switching",
        "gross",
        "promotions",
        "false",
        "first half",
        "second half",
    ]
    rows = [
        [
            f"{trial.words}{' *' if trial is sweep.best else ''}",
            amount(trial.net),
            amount(trial.kpi),
            str(trial.promotions),
            str(trial.false_promotions),
            amount(trial.halves[0]),
            amount(trial.halves[1]),
        ]
        for trial in sorted(sweep.trials, key=lambda found: -found.net)
    ]
    return head, rows


def overfit(sweep: Sweep) -> str:
    """Name the best setting, and say why not to believe it."""
    best, first = sweep.best, max(sweep.trials, key=lambda found: found.halves[0])
    default = sweep.trials[0]
    ahead = (
        "no other setting earned more"
        if best is default
        else f"{amount(best.net - default.net, sign=True)} {sweep.unit} against {default.words}"
    )
    later = amount(first.halves[1] - default.halves[1], sign=True)
    return (
        f"Best on this history: {best.words}, {ahead}. Beware: it is the best of "
        f"{len(sweep.trials)} on one history, and the best of many is lucky. Whoever had chosen on "
        f"the first half ({first.words}) would have earned {later} {sweep.unit} in the second half "
        f"against {default.words}. Change a setting for a reason that you had before you looked."
    )
