"""Great Expectations: run the rules on the rows, and say in plain sentences what fails."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kpi_gate.data.validation.probable_cause import probable_cause
from kpi_gate.data.validation.rules import Rule

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

LONGEST = 300  # characters of a value or message that a sentence quotes


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    Attributes:
        rule: The rule.
        success: Whether it is met; None where there was nothing to look at.
        observed: What was found.
        reason: One plain sentence: what was expected, what was found, an example.
        positions: Offending rows.
        count: Number of rows that break it; 0 where the expectation is on an aggregate.
        broken: Whether the check itself could not run, which says nothing of the data.
        probably: What it comes from, as a guess; empty where there is none.
    """

    rule: Rule
    success: bool | None
    observed: object
    reason: str = ""
    positions: Sequence[int] = ()
    count: int = 0
    broken: bool = False
    probably: str = ""

    @property
    def told(self) -> str:
        """The reason, and what it probably comes from."""
        guess = f" ({self.probably[:1].lower()}{self.probably[1:]})" if self.probably else ""
        return f"{self.reason}{guess}"

    @property
    def column(self) -> str:
        """Column that it is about; empty for the whole table."""
        return self.rule.about

    @property
    def quiet(self) -> bool:
        """Whether it says that nothing new has come, and not that something is wrong."""
        return self.rule.quiet and not self.broken


def run_rules(batch: pd.DataFrame, rows: pd.DataFrame, rules: list[Rule]) -> list[Finding]:
    """Run rules on one batch; what raises, or gives no result, is broken and never a pass."""
    findings = [_broken(rule, "it gave no result") for rule in rules]
    built: dict[int, Expectation] = {}
    for number, rule in enumerate(rules):
        try:
            built[number] = _build(rule, number)
        except Exception as error:  # noqa: BLE001 - any error in it is the rule's own fault
            findings[number] = _broken(rule, str(error))
    if batch.empty and any(rule.recent for rule in rules):
        for number in built:
            findings[number] = Finding(rules[number], None, "skipped: there are no recent rows")
    elif built:
        try:
            for result in _validate(batch, list(built.values())):
                number = result.expectation_config.meta["rule"]
                findings[number] = _finding(rules[number], result, batch, rows)
        except Exception as error:  # noqa: BLE001 - without results nothing of the batch is known
            return [_broken(rule, str(error)) for rule in rules]
    return findings


def _build(rule: Rule, number: int) -> "Expectation":
    """Build the expectation, and refuse one that would pass on any data."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    # results come back in another order: each carries the number of its rule
    wanted = ExpectationConfiguration(rule.type, dict(rule.kwargs), meta={"rule": number})
    expectation = wanted.to_domain_obj()
    if all(getattr(expectation, name, 0) is None for name in ("min_value", "max_value")):
        raise ValueError("min_value and max_value are both missing: it would pass on any data")
    if getattr(expectation, "mostly", 1) == 0:
        raise ValueError("mostly == 0: it would pass on any data")
    return expectation


def _validate(
    batch: pd.DataFrame, expectations: list["Expectation"]
) -> list["ExpectationValidationResult"]:
    """Let Great Expectations run in memory: no telemetry, no progress bar, no folder."""
    import great_expectations as gx
    from great_expectations.data_context.types import base

    config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=base.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    whole = asset.add_batch_definition_whole_dataframe("rows")
    # not a ValidationDefinition: its store cannot write numpy's booleans
    result = whole.get_batch(batch_parameters={"dataframe": batch}).validate(
        gx.ExpectationSuite(name="rows", expectations=expectations),
        result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
    )
    return list(result.results)


def _finding(
    rule: Rule, result: "ExpectationValidationResult", batch: pd.DataFrame, rows: pd.DataFrame
) -> Finding:
    """Turn a result of Great Expectations into plain values and a sentence."""
    info = result.exception_info or {}
    for entry in (info, *(value for value in info.values() if isinstance(value, dict))):
        if entry.get("raised_exception"):
            return _broken(rule, str(entry.get("exception_message")))
    found = result.result
    positions = found.get("unexpected_index_list") or []
    unexpected = 0
    observed = _plain(found.get("observed_value", found.get("partial_unexpected_list")))
    if "element_count" in found:
        unexpected = found["unexpected_count"]
        seen = found["element_count"] - found.get("missing_count", 0)
        observed = f"{unexpected} of {seen} rows are not so"
        if positions and rule.about in rows:
            observed += f", such as {_quoted(rows[rule.about].iloc[positions[0]])}"
    if result.success:
        return Finding(rule, True, observed)
    if not positions and rule.recent:
        positions = batch.index.tolist()
    shown = f"{observed:.6g}" if isinstance(observed, float) else observed
    said = observed if unexpected else f"it is {'not so' if observed is None else shown}"
    reason = f"{rule.says}{' (recent rows only)' if rule.recent else ''}; {said}"
    reason += f"; {rule.way_out}" if rule.way_out else ""
    probably = probable_cause(rule, rows, positions, found.get("observed_value"))
    return Finding(rule, False, observed, reason, positions, unexpected, probably=probably)


def _quoted(value: object) -> str:
    return "null" if pd.api.types.is_scalar(value) and pd.isna(value) else repr(_plain(value))


def _broken(rule: Rule, message: str) -> Finding:
    reason = f"{rule.says}; the check itself is broken: {' '.join(message.split())[:LONGEST]}"
    return Finding(rule, False, None, reason, broken=True)


def _plain(value: object) -> object:
    """Return a value as strict JSON can hold it, cut where it is long."""
    text = json.dumps(value, default=lambda it: it.item() if hasattr(it, "item") else str(it))
    return json.loads(text, parse_constant=str) if len(text) <= LONGEST else text[:LONGEST]
