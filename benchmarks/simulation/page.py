"""The figures as one HTML page that needs nothing but itself."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from benchmarks.simulation import plots
from benchmarks.simulation.figures import Results, Row, aims
from benchmarks.simulation.our_gate import terms
from benchmarks.simulation.worlds import DAYS, ERROR, LOSSES, RARE_LOSSES
from benchmarks.simulation.years import BLOCK, LOOKS, OURS, RIVALS, RULES, STANDING

NAME = "operating_characteristics"
STYLE = """
body { margin: 0 auto; padding: 20px 24px 40px; max-width: 1080px; color: #1f2933;
  font: 14px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 24px; } h2 { font-size: 16px; margin-top: 28px; border-bottom: 1px solid #dde2e7; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; }
th { font-weight: 400; color: #5f6b76; text-align: left; }
td, th { padding: 2px 10px 2px 0; vertical-align: baseline; }
td.n, th.n { text-align: right; }
.all td { white-space: nowrap; }
tr.first td { border-top: 1px solid #dde2e7; } tr.ours td { color: #0072b2; font-weight: 600; }
.no { color: #b8420a; font-weight: 600; } svg { max-width: 100%; height: auto; }
dt { font-weight: 600; } dd { margin: 0 0 6px 20px; }
"""
WORLD_WORDS = {
    "A/A": "Identical learners: the true gain is 0, every promotion is false. 800 customers with "
    "one decision each; three in ten differ.",
    "all worse": "True gains N(-0.2, 0.05²): whatever is promoted does harm.",
    "mostly null": "True gains N(-0.3, 0.6²): most retrainings are for nothing.",
    "good": "True gains N(0.3, 1).",
    "drift": "True gains N(-0.1, 0.2²), but one candidate in twenty meets a changed world: "
    "N(0, 4²).",
    "clusters": "600 cards with four decisions each on average; a card that differs does so on "
    "most of its rows and in one direction, as frauds come in episodes.",
    "fraud": "3,000 payments, lognormal amounts with a cap at ten medians. Traders take many small "
    f"savings for {LOSSES[0]:.0f} to {LOSSES[1]:.0f} more missed frauds a window; swappers catch "
    "some frauds and miss others. The objective asks for "
    f"{RARE_LOSSES} loss events (a third to half of the windows have fewer: no decision).",
}
RULE_WORDS = {
    OURS: "The real <code>decide</code>, with a ledger that is empty when a year begins.",
    STANDING: f"The same with a ledger that goes on; counted from its year {BLOCK // 2 + 1} to "
    f"{BLOCK}.",
    RIVALS[0]: "Candidate's metric above the champion's on the gate window.",
    RIVALS[1]: "<code>MetricThreshold(min_relative_change=0.05)</code> of MLflow's "
    "<code>validate_evaluation_results</code>, with the figure of its documentation; "
    "<code>GenericChangeThreshold(relative=…)</code> of TFX. 5 % is half a standard error here.",
    RIVALS[2]: "Candidate's metric of today above the one that was stored with the champion when "
    "it was promoted, on other rows.",
    RIVALS[3]: "Eight variants a look; the best on one holdout that serves all year is promoted if "
    "it is above the champion there. The variants are equally good and differ in luck: choosing "
    "among better and worse ones is done on other rows, and open to every rule.",
    RIVALS[4]: "P(gain &gt; 0) above .95 by a bootstrap of rows, units ignored.",
}


def write_page(results: Results, folder: Path) -> tuple[Path, Path]:
    """Write the page and the README's picture into a folder; return both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{NAME}.html"
    page.write_text(_page(results), encoding="utf-8")
    return page, plots.picture(results, folder / f"{NAME}.png")


def _page(results: Results) -> str:
    sections = {
        "What was aimed at, and what was found": _aims(results),
        "False promotions": plots.svg(plots.false_promotions, results, 9.4, 6.4),
        "Power": plots.svg(plots.power_curves, results, 9.4, 4.6)
        + plots.svg(plots.power_by_world, results, 9.4, 3.2),
        "Is the reported gain honest?": plots.svg(plots.honesty, results, 9.4, 4.8),
        "All figures": _table(results.rows),
        "Worlds": _words(WORLD_WORDS),
        "Rules": _words(RULE_WORDS),
        "How it was done, and what it does not say": _method(results),
    }
    body = "".join(f"<h2>{escape(head)}</h2>{part}" for head, part in sections.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Operating characteristics</title><style>{STYLE}</style></head><body>"
        "<h1>How often is a model promoted that is no better, and how often one that is?</h1>"
        f"<p>{results.years:,} simulated years a world, {LOOKS} looks a year, each with its own "
        "rows and a known true gain. All gains are in standard errors of one window.</p>"
        f"{body}</body></html>\n"
    )


def _aims(results: Results) -> str:
    rows = "".join(
        f"<tr><td>{escape(aim.words)}</td><td>{escape(aim.found)}</td>"
        + ("<td>yes</td></tr>" if aim.reached else '<td class="no">no</td></tr>')
        for aim in aims(results)
    )
    return f"<table><tr><th>aim</th><th>found</th><th>reached</th></tr>{rows}</table>"


def _table(rows: Iterable[Row]) -> str:
    heads = ("promoted a year", "false a year", "false per decision", "share false")
    gains = ("raw gain", "booked gain", "true gain", "true gain a year")
    named = "".join(f'<th class="n">{head}</th>' for head in (*heads, *gains))
    lines = []
    for row in rows:
        counts = (f"{row.promotions:.2f}", f"{row.false:.2f} ± {row.error:.2f}")
        shares = (f"{row.per_decision:.2%}", f"{row.share:.0%}")
        found = ("" if gain is None else f"{gain:.2f}" for gain in (row.raw, row.booked, row.true))
        cells = "".join(
            f'<td class="n">{cell}</td>'
            for cell in (*counts, *shares, *found, f"{row.yearly:+.1f}")
        )
        kind = ("first " * (row.rule == RULES[0])) + "ours" * (row.rule in RULES[:2])
        name = escape(row.world) if row.rule == RULES[0] else ""
        lines.append(f'<tr class="{kind}"><td>{name}</td><td>{escape(row.rule)}</td>{cells}</tr>')
    return f'<table class="all"><tr><th>world</th><th>rule</th>{named}</tr>{"".join(lines)}</table>'


def _words(words: dict[str, str]) -> str:
    return (
        "<dl>"
        + "".join(f"<dt>{escape(n)}</dt><dd>{said}</dd>" for n, said in words.items())
        + "</dl>"
    )


def _method(results: Results) -> str:
    objective = terms().objective
    return (
        "<p>The objective is the same in all worlds, as an owner would write it: least effect "
        f"{objective.min_effect / ERROR:.1f} and switch cost "
        f"{objective.switch_cost / objective.horizon_decisions / ERROR:.2f} standard errors, "
        f"confidence {objective.confidence:.0%}, {objective.resamples:,} replicates, all else by "
        f"default. A window has {DAYS} days; the champion's own level differs by 5 % between "
        "windows.</p>"
        "<p>PROMOTE needs enough evidence and a lower bound above the threshold. Both are measured "
        "by the gate's own code without a bootstrap; a look that fails them is not asked further "
        f"(a test holds that this changes no verdict). Of {results.looks:,} looks "
        f"{results.asked:,} needed the whole <code>decide</code>.</p>"
        "<p>A promotion is false if its true gain is not positive. “Per decision” leaves out, for "
        "our gate, looks that its evidence rules did not admit. The errors are of the simulation. "
        "The curves come from "
        f"{results.windows} windows a point; the quiet ledgers are of the mostly-null world.</p>"
        "<p>The prior of the shrinkage was calibrated on worlds like these. It keeps a chance of "
        "1.5 % that a candidate meets a changed world, so that a real drift is not taken for luck; "
        "where nothing ever drifts, that chance makes the booked gain somewhat too large.</p>"
        "<p>What caution costs is in the last column: where most candidates are good, promoting "
        "every higher metric earns more. Each look here is a chance that does not come again; a "
        "real candidate that is held comes back with more rows.</p>"
        "<p>It does not say how true gains are spread in your business, looks are independent, and "
        "an offline gain is not an online one.</p>"
        f"<p><code>python -m benchmarks.operating_characteristics --years {results.years} "
        f"--windows {results.windows} --seed {results.seed}</code></p>"
    )
