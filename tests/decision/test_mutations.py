"""Switch off one rule of the gate after the other: each time an attack must get through.

An attack is evidence with one fault. Whole, the gate answers it as it must; without the rule that
the fault breaks it does not, so the rule is needed and is tested.
"""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from builders import SLICE, START, evidence, failed, lineage, noise, paired, settings

from kpi_gate.decision import gate
from kpi_gate.decision.evidence import Contender, Evidence, Foreknowledge, Window
from kpi_gate.decision.fingerprint import fingerprint
from kpi_gate.decision.gate import decide
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.verdict import Verdict

INVALID, REJECT, HOLD = Verdict.INVALID, Verdict.REJECT, Verdict.HOLD
TOO_LITTLE, AB_REQUIRED = Verdict.INSUFFICIENT_EVIDENCE, Verdict.AB_REQUIRED
AS_OF = START + timedelta(days=60)
DAY = timedelta(days=1)
RATE = {"measure": "contact_rate", "at_most": 0.9}
RISE = {"measure": "calibration_error", "may_rise_by": 0.02, "budget": 0.03}
ERRORS = {"candidate": 0.06, "champion": 0.05, "anchor": 0.05}
KEYS = np.arange(600)


def errors(**changes):
    return {side: {"calibration_error": number} for side, number in {**ERRORS, **changes}.items()}


def of_window(**changes):
    """Evidence whose rows lie in the window, with keys as fingerprinted."""
    origin = {"row_fingerprint": fingerprint(KEYS), "label_delay_days": 20.0, **changes}
    moment = np.full(600, int(START.timestamp() * 1e6))
    return evidence(key=KEYS, time=moment, lineage=lineage(**origin))


def levels_of(*parts):
    return np.repeat([f"l{i}" for i in range(len(parts))], [len(part) for part in parts])


def of_slices(*parts):
    return evidence(np.concatenate(parts), region=levels_of(*parts))


def with_nan(side="candidate"):
    rows = paired(noise())
    getattr(rows, side)[7] = np.nan
    return evidence(rows)


def other_unit():
    champion = np.abs(noise(sd=0.5)) + 0.1
    return evidence(99 * champion + 0 * champion, champion=champion)


def skewed(sign, errors_above, rows=200):
    """Differences on whose certainty the bootstrap and Hall's bound disagree; all of one day."""
    values = sign * np.random.default_rng(0).exponential(1.0, rows)
    values += errors_above * values.std() / np.sqrt(rows) - values.mean()
    return evidence(values, day=np.zeros(rows, dtype=int))


# past candidates that gained much: shrinkage then leaves a gain as it is
GOOD_PAST = {"past": [(0.5, 0.1)] * 20}
FREE = {
    "min_effect": 0.0,
    "switch_cost": 0,
    "min_effective_units": 5,
    "min_days": 1,
    "resamples": 10_000,
}
WEIGHTS = {
    f"{name}_{side}": value
    for side in ("champion", "candidate")
    for name, value in (("effective_share", 0.3), ("largest_weight_share", 0.01))
}
FRESH = Contender(name="v3", digest="c", trained_until=START, promoted_on=START)

THE_OUTCOME = Foreknowledge(column="hint", rows="gate", auc=0.995)

# rule: (evidence, settings, verdict, keywords of decide)
ATTACKS = {
    "rows_present": (evidence(np.array([])), {}, TOO_LITTLE),
    "known_in_time": (evidence(foreknowledge=(THE_OUTCOME,)), {}, INVALID),
    "rows_readable": (evidence(faults=("propensity: 1 of 600 rows is 0",)), {}, INVALID),
    "values_finite": (with_nan(), {}, INVALID),
    "exposure_readable": (evidence(exposure=np.r_[np.ones(599), np.nan]), {}, INVALID),
    "rows_distinct": (evidence(key=np.r_[0, KEYS[:-1]]), {}, INVALID),
    "slices_present": (evidence(), {"rails": [RATE, SLICE]}, INVALID),
    "same_action_same_value": (evidence(actions=(np.ones(600), np.ones(600))), {}, INVALID),
    "same_unit_of_money": (other_unit(), {"switch_cost": 0}, INVALID),
    "effective_share": (
        evidence(diagnostics=WEIGHTS | {"effective_share_candidate": 0.005}),
        {},
        TOO_LITTLE,
    ),
    "largest_weight": (
        evidence(diagnostics=WEIGHTS | {"largest_weight_share_champion": 0.2}),
        {},
        TOO_LITTLE,
    ),
    "log_support": (
        evidence(diagnostics=WEIGHTS | {"effective_share_candidate": 0.0}),
        {},
        TOO_LITTLE,
    ),
    "log_coverage": (
        evidence(diagnostics=WEIGHTS | {"covered_share_candidate": 0.4}),
        {},
        TOO_LITTLE,
    ),
    "window_fresh": (
        of_window(champion=FRESH.model_copy(update={"promoted_on": START + DAY})),
        {},
        INVALID,
    ),
    "window_in_the_past": (
        of_window(window=Window(start=START, end=AS_OF + DAY), label_delay_days=None),
        {},
        INVALID,
    ),
    "evidence_of_this_tick": (of_window(), {}, INVALID, {"tick": AS_OF + DAY}),
    "window_recent": (of_window(label_delay_days=18.0), {}, INVALID),
    "window_long_enough": (of_window(shortest_window_days=60), {}, TOO_LITTLE),
    "same_snapshot": (of_window(scored_snapshot="other"), {}, INVALID),
    "no_shared_rows": (of_window(shared_rows=1), {}, INVALID),
    "labels_mature": (of_window(matured=0.9), {}, INVALID),
    "rows_in_window": (
        of_window(window=Window(start=START + DAY, end=START + 40 * DAY)),
        {},
        INVALID,
    ),
    "rows_as_fingerprinted": (of_window(row_fingerprint="of other rows"), {}, INVALID),
    "effective_units": (
        evidence(np.r_[np.ones(400), -np.random.default_rng(1).lognormal(-0.5, 1.5, 100)]),
        {"min_effective_units": 350, "max_tail_skew": 9.0},
        TOO_LITTLE,
    ),
    "effective_winners": (
        evidence(np.r_[np.full(10, 10.0), np.full(980, -0.1)]),
        {},
        TOO_LITTLE,
    ),
    "days": (evidence(), {"min_days": 41}, TOO_LITTLE),
    "differences_vary": (evidence(np.full(600, 0.5)), {}, TOO_LITTLE),
    "levels region": (
        evidence(
            region=np.full(600, "north"),
            lineage=lineage(trained_levels={"region": {"north": 0.9, "west": 0.1}}),
        ),
        {"rails": [RATE, SLICE]},
        TOO_LITTLE,
    ),
    "top_unit_share": (
        evidence(np.r_[noise(600, 0.5, 1.0), 90.0]),
        {"min_effective_units": 5},
        TOO_LITTLE,
    ),
    "loss_events": (evidence(), {"min_loss_events": 400}, TOO_LITTLE),
    "tail_skew": (evidence(np.r_[np.ones(1_980), np.full(20, -60.0)]), {}, TOO_LITTLE),
    "unseen_losses": (
        evidence(np.abs(noise()) + 0.2, champion=np.r_[-900.0, np.zeros(599)]),
        {},
        TOO_LITTLE,
    ),
    "outcomes_shown": (evidence(noise(gain=-0.1), at_best=noise(gain=0.4)), {}, TOO_LITTLE),
    "every_rule_speaks": (evidence(), {"rails": "none"}, INVALID),
    "gain_possible": (evidence(noise(gain=-0.5)), {}, REJECT),
    "gain_probable": (skewed(1.0, 1.56), FREE, HOLD, GOOD_PAST),
    "gain_lower_bound": (skewed(-1.0, 1.68), FREE | {"max_tail_skew": 1.0}, HOLD, GOOD_PAST),
    "worth_the_switch": (
        evidence(noise(400, gain=0.625, sd=5.0)),
        {"switch_cost": 700, "min_effect": 0, "confidence": 0.8},
        HOLD,
        {"past": [(gain, 0.25) for gain in np.random.default_rng(7).normal(0, 0.25, 40)]},
    ),
    "kpi_link": (evidence(), {"kpi_link": "required"}, AB_REQUIRED),
    "contact_rate": (evidence(measures={"candidate": {"contact_rate": 0.95}}), {}, REJECT),
    "calibration_error": (
        evidence(measures=errors(champion=0.03, anchor=0.06)),
        {"rails": [RISE]},
        REJECT,
    ),
    "calibration_error against anchor": (
        evidence(measures=errors(champion=0.06, anchor=0.02)),
        {"rails": [RISE]},
        REJECT,
    ),
    "slice region": (of_slices(noise(500, 1.0), noise(100, -0.8)), {"rails": [SLICE]}, REJECT),
    "sensitivity": (evidence(ranges=("rate",)), {}, INVALID),
    "sensitivity rate": (evidence(corners={"rate": (-0.8, 0.1)}), {}, HOLD),
}


def judge(attack, *, without=""):
    found, asked, _, *more = attack
    asked = dict(asked)
    rails = asked.pop("rails", ())
    rules = settings(*(() if rails == "none" else rails), **asked)
    if rails == "none":
        rules = GateSettings.model_construct(**{**vars(rules), "guardrails": ()})
    with pytest.MonkeyPatch.context() as patch:
        whole = gate._verdict
        patch.setattr(
            gate, "_verdict", lambda checks: whole([c for c in checks if c.name != without])
        )
        return decide(found, rules, **(more[0] if more else {}))


@pytest.mark.parametrize("rule", ATTACKS)
def test_the_whole_gate_stops_the_attack_by_this_rule_alone(rule):
    decision = judge(ATTACKS[rule])
    assert decision.verdict is ATTACKS[rule][2], decision.sentence
    stopping = {check.name for check in decision.failed if check.failing is decision.verdict}
    assert stopping == {rule}, decision.sentence


@pytest.mark.parametrize("rule", ATTACKS)
def test_without_the_rule_the_attack_is_answered_wrongly(rule):
    assert judge(ATTACKS[rule], without=rule).verdict is not ATTACKS[rule][2]


def test_every_rule_of_the_gate_has_an_attack():
    spoken = {"sensitivity"}
    for found, rules in (
        (replace(of_window(), foreknowledge=(THE_OUTCOME,)), settings()),
        (replace(of_window(), diagnostics=WEIGHTS), settings(RISE)),
        (
            evidence(
                actions=(np.zeros(600), np.ones(600)),
                at_best=noise(),
                exposure=np.ones(600),
                region=KEYS.astype(str),
            ),
            settings(RATE, SLICE),
        ),
        (evidence(np.abs(noise()), corners={"rate": (0.1, 0.2)}), settings()),
        (evidence(measures=errors()), settings(RISE)),
        (
            evidence(np.array([])),
            GateSettings.model_construct(**{**vars(settings()), "guardrails": ()}),
        ),
        (evidence(), GateSettings.model_construct(**{**vars(settings()), "guardrails": ()})),
    ):
        spoken |= {check.name for check in decide(found, rules, tick=AS_OF).checks}
    # what the days before show is in the interval of V1; its own line only says so
    assert spoken - {"day_history"} == set(ATTACKS)


def test_good_evidence_passes_every_rule():
    decision = decide(of_window(), settings(), tick=AS_OF)
    assert (decision.verdict, failed(decision)) == (Verdict.PROMOTE, set())
    assert isinstance(of_window(), Evidence)
