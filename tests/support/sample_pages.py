"""A page of every kind, from results made by hand: what is checked of how pages look."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from results import HOSTILE as WORDS
from results import backtest, sweep, trial
from sample_decisions import DECISIONS, hostile
from sample_experiments import EXPERIMENTS, analysis, audit, holdback, rollout
from sample_links import links

from kpi_gate.data.validation.engine import ValidationReport
from kpi_gate.data.validation.expectations import Finding as Failure
from kpi_gate.data.validation.rules import Rule
from kpi_gate.decision.evidence import Window
from kpi_gate.decision.verdict import Decision
from kpi_gate.evaluation.daily_value import Worth
from kpi_gate.proof.selftest import Bout, SelfTest
from kpi_gate.render import render
from kpi_gate.report import backtest_page, decision_page, history_page
from kpi_gate.watch.drift.result import Bar, ColumnDrift, DriftReport
from kpi_gate.watch.finding import data_finding
from kpi_gate.watch.history.alarms import Alarm
from kpi_gate.watch.history.result import (
    History,
    Lead,
    Measured,
    Promotion,
    Reign,
    Rollback,
)
from kpi_gate.watch.result import Watched
from kpi_gate.watch.value.realised import Realised

LONG = "durchschnittliche_kundenbetreuungskosten_je_vertragsabschluss_in_euro_" * 2
STRANGE = "客户价值_Ценность_عميل_" + LONG
PLACES = {
    "run": "https://mlflow.example/#/experiments/1/runs/0123456789abcdef0123456789abcdef",
    "the data's report": "../validation/report.html",
    "the ledger's row": "kpi-gate ledger show toy",
    "next tick": "2024-10-01 03:00 UTC",
}


def day(number: int) -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)


def large() -> Decision:
    """A decision with many slices, long names, and names that are not Latin."""
    decision = DECISIONS["hold"]
    gain = decision.slices[0]
    slices = [
        gain.model_copy(update={"column": STRANGE, "level": f"{LONG}{i}", "tested": i % 2 == 0})
        for i in range(60)
    ]
    named = [
        check.model_copy(update={"name": STRANGE, "reason": f"{STRANGE} {LONG}"})
        for check in decision.checks
    ]
    parts = {side: {STRANGE: 123456.789, LONG: -0.001} for side in ("candidate", "champion")}
    return decision.model_copy(
        update={
            "slices": tuple(slices),
            "checks": (*decision.checks, *named),
            "parts": parts,
            "corners": {STRANGE: (-1e6, 1e6), LONG: (0.1, 0.2)},
            "kpi": STRANGE,
            "unit": "EUR",
        }
    )


def worth(amount: float) -> Worth:
    return Worth(
        unit="EUR",
        first_day=day(0),
        last_day=day(40),
        days=40,
        decisions=4000.0,
        per_decision=amount,
        standard_error=0.1,
        plain_error=0.1,
        lower=amount - 0.2,
        upper=amount + 0.2,
        confidence=0.95,
    )


def series(unit: str = "v2", count: int = 6) -> tuple[Measured, ...]:
    return tuple(
        Measured(
            as_of=day(7 * i + 7),
            champion=unit if i >= count // 2 else "v1",
            promised=0.4,
            realised=0.3 + 0.05 * i,
            lower=0.1,
            upper=0.8,
            since=day(0 if i < count // 2 else 7 * (count // 2)),
            decisions=1000.0 * (i % (count // 2) + 1),
        )
        for i in range(count)
    )


def watched(words: str = "", **changes: object) -> Watched:
    """A look; the words go wherever words of a user can."""
    column = ColumnDrift(
        name=f"colour{words}",
        kind="category",
        psi=0.3,
        distance=0.2,
        chance=0.001,
        recent=3,
        in_a_row=3,
        importance=0.01,
        score_shift=-0.02,
        contribution=0.1,
        drifted=True,
        bars=(Bar(name=f"red{words}", reference=0.3, current=0.6),),
    )
    steady = column.model_copy(update={"name": f"age{words}", "drifted": False, "psi": 0.002})
    drift = DriftReport(
        until=day(42),
        period_days=7,
        reference_rows=900,
        current_rows=300,
        columns=(column, steady),
        score_before=0.1,
        score_now=0.2,
        score_deviation=0.1,
    )
    findings = (
        data_finding("units", "severe", f"units: 3 rows{words}", column=f"u{words}"),
        data_finding("late_column", "note", f"nothing to see{words}"),
    )
    realised = Realised(
        unit="EUR", champion="v2", since=day(21), worth=worth(4.2), gain=worth(0.5), promised=0.4
    )
    seen = Watched(
        use_case="toy",
        title=f"Toy{words}",
        as_of=day(42),
        champion="v2",
        window=Window(start=day(41), end=day(42)),
        rows=120,
        findings=findings,
        realised=realised,
        drift=drift,
        action=f"quarantined 2024-02-11{words}",
        track=series(),
    )
    return seen.model_copy(update=changes)


def history(words: str = "") -> History:
    made = Promotion(
        version="v2",
        replaced="v1",
        at=day(900),
        when=day(21),
        as_of=day(21),
        forced=f"because{words}",
        taken_back=True,
        unit="EUR",
        promised=0.4,
        booked=4000.0,
        realised=0.5,
        lower=0.3,
        upper=0.7,
        earned=2000.0,
        measured=day(42),
    )
    alarm = Alarm(
        check="units",
        column=f"u{words}",
        severity="severe",
        first=day(10),
        last=day(12),
        runs=2,
        sentence=f"units: 3 rows{words}",
        judged="true",
        because=f"quarantined{words}",
    )
    return History(
        use_case="toy",
        title=f"Toy{words}",
        now=day(900),
        entries=9,
        champion="v2",
        since=day(21),
        days_in_use=21.0,
        age_days=30.0,
        until=day(42),
        verdicts={"PROMOTE": 2, "HOLD": 1},
        promotions=(made,),
        series=series(),
        reigns=(
            Reign(version="baseline", start=day(-9), end=day(0)),
            Reign(version="v1", start=day(0), end=day(21)),
            Reign(version="v2", start=day(21), end=day(42)),
        ),
        lead=(Lead(part="decision on record, until in production", days=0.1, times=2),),
        rollbacks=(
            Rollback(
                at=day(901), when=day(43), version="v1", taken_back="v2", reason=f"bad{words}"
            ),
        ),
        choices={"retrain: max_age": 2, "skip: nothing_new": 3},
        runs=6,
        alarms=(alarm,),
        quarantined=("2024-01-12",),
    )


def validation(words: str = "", probably: str = "Probably 100 times too large: cents?"):
    """A report of which one value rule failed, in a dozen rows."""
    rows = pd.DataFrame(
        {
            "event_time": pd.date_range("2024-01-01", periods=12, tz="UTC"),
            f"spend{words}": [2500.0] * 11 + [None],
            "colour": [f"red{words}"] * 12,
        }
    )
    rule = Rule("expect_column_values_to_be_between", {}, f"spend{words}", "5 to 500")
    said = f"spend{words}: expected 5 to 500; 11 of 12 rows are not so"
    failure = Failure(rule, False, "11 of 12", said, range(11), 11, probably=probably)
    check = {
        "expectation": rule.type,
        "column": rule.about,
        "expected": "5 to 500",
        "rows": "all",
        "success": False,
        "broken": False,
        "observed": "11 of 12 rows are not so",
        "reason": said,
        "probably": probably,
    }
    met = {**check, "success": True, "reason": "", "probably": "", "observed": None}
    summary = {
        "use_case": "toy",
        "as_of": "2024-02-01T00:00:00+00:00",
        "rows": 12,
        "previous_rows": None,
        "recent_from": "2024-01-01T00:00:00+00:00",
        "recent_rows": 12,
        "bad_rows": 11,
        "set_aside": {"rows": 0, "share": 0.0, "tolerated": 0.01, "by_outcome": {}},
        "expectations": 3,
        "passed": 2,
        "failed": 1,
        "skipped": 0,
        "checks": [check, met, {**met, "column": "colour"}],
    }
    bad = rows.iloc[:11].assign(reason=said)
    return ValidationReport(False, (failure,), (), bad, summary)


def selftest(words: str = "") -> SelfTest:
    def bout(name: str, answer: str) -> Bout:
        return Bout(
            name=name,
            words=f"predicts what will happen{words}",
            must=("PROMOTE",),
            got="" if answer == "not tried" else "INSUFFICIENT_EVIDENCE",
            check="gain_probable",
            why=f"the gain is not certain enough{words}",
            answer=answer,
        )

    bouts = (bout("oracle", "wrong"), bout("random", "right"), bout("slow", "not tried"))
    return SelfTest(use_case="toy", as_of="2024-02-01T00:00:00+00:00", rows=900, bouts=bouts)


def _pages() -> dict[str, str]:
    made = {
        f"decision {name}": decision_page.page(decision, PLACES)
        for name, decision in DECISIONS.items()
    }
    settings = sweep(trial("as it is", 1000.0, 500.0), trial(f"a {WORDS}", 1300.0, 400.0))
    return made | {
        "decision large": decision_page.page(large(), PLACES),
        "decision hostile": decision_page.page(hostile()),
        "validation": render(validation(), "html"),
        "validation hostile": render(validation(WORDS + STRANGE), "html"),
        "monitor": render(watched(), "html"),
        "monitor well": render(watched(findings=(), realised=None, drift=None, track=()), "html"),
        "monitor hostile": render(watched(WORDS + STRANGE), "html"),
        "history": history_page.page([history()], day(900)),
        "history hostile": history_page.page([history(WORDS + STRANGE)] * 3, day(900)),
        "history empty": history_page.page([], day(900)),
        "backtest": backtest_page.page(backtest(), settings),
        "backtest hostile": backtest_page.page(backtest(WORDS + STRANGE), settings),
        **{f"experiment {name}": found.to_html() for name, found in EXPERIMENTS.items()},
        "audit": audit().to_html(),
        "audit that disagrees": audit(
            WORDS + STRANGE, verified=False, faults=(f"the log: {WORDS}",), ended=None, verdict=""
        ).to_html(),
        "audit of a plan": audit(
            started=None, ended=None, state="planned", rows=(), looks=(), lift=None, verdict=""
        ).to_html(),
        "holdback": holdback().to_html(),
        "holdback hostile": holdback(WORDS + STRANGE).to_html(),
        "holdback of nobody": holdback(effect=None, days=(), months=(), wins=()).to_html(),
        "rollout": rollout().to_html(),
        "rollout of two units": rollout(
            WORDS, standard_error=None, lower=None, upper=None, pre_trend=None, warnings=("few",)
        ).to_html(),
        "experiment hostile": analysis(words=WORDS + STRANGE).to_html(),
        **{name: found.to_html() for name, found in links().items()},
        "link hostile": links(WORDS + STRANGE)["link"].to_html(),
        "selftest": selftest().to_html(),
        "selftest hostile": selftest(WORDS + STRANGE).to_html(),
    }


PAGES = _pages()
