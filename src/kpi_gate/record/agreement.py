"""MLflow held against the ledger: the ledger is the truth, aliases and tags are claims about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from kpi_gate.decision.verdict import Verdict
from kpi_gate.record import registered, registry_claims
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.registry_claims import Claims
from kpi_gate.record.releases import REALIGNED, Releases
from kpi_gate.workspace import Workspace

# what is wrong with MLflow's state or with rows that do not count, and not with data or a model
CHECKS = frozenset(
    {
        *("champion_present", "champion_recorded", "anchor_present", "anchor_recorded"),
        *("approval_counts", "ledger_complete", "releases_sound", "tags_recorded"),
    }
)


@dataclass(frozen=True)
class Difference:
    """One thing that MLflow, or a row that does not count, says otherwise than the ledger.

    Attributes:
        check: Name of the check that it fails.
        words: What differs.
    """

    check: str
    words: str


def differences(workspace: Workspace, history: LedgerView) -> list[Difference]:
    """Return everything in which MLflow and the ledger differ; what an open move explains is none.

    Raises:
        LedgerError: If the ledger's chain is broken.
        TrackingError: If MLflow cannot be reached.
    """
    claims = registry_claims.read_claims(workspace, history.use_case, history.in_use)
    return _all(workspace, history, claims)


def agrees_at_a_glance(workspace: Workspace, history: LedgerView) -> bool:
    """Tell the same in milliseconds where MLflow's tables can be read; False: ask `differences`."""
    claims = registry_claims.glance_at_claims(workspace, history.use_case, history.in_use)
    return claims is not None and not _all(workspace, history, claims)


def _all(workspace: Workspace, history: LedgerView, claims: Claims) -> list[Difference]:
    use_case = history.use_case
    return [
        *(Difference("releases_sound", fault) for fault in history.faults.values()),
        *_lost_rows(history, claims),
        *(() if history.opened else _aliases(workspace, use_case, history, claims)),
        *_tags(use_case, history, claims),
        *_approvals(use_case, history, claims),
    ]


def _lost_rows(history: LedgerView, claims: Claims) -> Iterator[Difference]:
    """Miss the row that the newest decision's run names, unless a person knows that it is lost."""
    number, _, row_hash = claims.row.partition(":")
    let_go = {entry.body.get("lost") for entry in history.of_kind(REALIGNED)}
    known = any(entry.hash == row_hash for entry in history.entries)
    if claims.row and claims.row not in let_go and not known:
        named = f"run {claims.run_id} of {history.use_case} in MLflow names row {number}"
        words = f"{named} of the ledger, "
        has = f"which has {history.size} rows and not this one: restore it from a backup, else"
        yield Difference("ledger_complete", f"{words}{has} its decisions are lost")


def _aliases(
    workspace: Workspace, use_case: str, said: Releases, claims: Claims
) -> Iterator[Difference]:
    for alias, wanted in ((registered.CHAMPION, said.champion), (registered.ANCHOR, said.anchor)):
        found = claims.aliases.get(alias, "")
        if found == wanted:
            continue
        if wanted and not claims.registered:
            what = f"has no registered model {use_case}"
        elif wanted and wanted not in claims.tags:
            what = f"has no version {wanted} of {use_case} any more"
        elif not found:
            what = f"has no {use_case}@{alias}"
        else:
            words = f"{use_case}@{alias} is {found} in MLflow, the ledger's is {wanted or 'none'}"
            yield Difference(f"{alias}_recorded", words)
            continue
        words = f"MLflow at {workspace.mlflow_uri} {what}, the ledger released {wanted}"
        yield Difference(f"{alias}_present", f"{words} as its {alias}")


def _tags(use_case: str, said: Releases, claims: Claims) -> Iterator[Difference]:
    for version, tags in claims.tags.items():
        for name, value in wanted_tags(said, version).items():
            if tags.get(name) != value:
                has = f"tag {name} of {use_case} version {version} is {tags.get(name, 'gone')}"
                yield Difference("tags_recorded", f"{has} in MLflow, the ledger says {value}")


def wanted_tags(said: Releases, version: str) -> dict[str, str]:
    """Return the tags of a released version that say what the ledger says."""
    judged = said.judged(version)
    return {"evidence_end": judged.evidence_end, "decision_id": judged.decision}


def _approvals(use_case: str, said: Releases, claims: Claims) -> Iterator[Difference]:
    for version, who in void_approvals(said, claims).items():
        made = said.decision_on(version)
        why = f"its decision is {made.body['verdict']}" if made else "no decision registered it"
        words = f"{use_case} version {version} is tagged approved_by {who} in MLflow, but {why}"
        yield Difference("approval_counts", words)


def void_approvals(said: Releases, claims: Claims) -> dict[str, str]:
    """Return who approved, by version, what no decision wants to promote."""
    made = {version: said.decision_on(version) for version, who in claims.approved.items() if who}
    return {
        version: claims.approved[version]
        for version, decision in made.items()
        if decision is None
        or (decision.body["verdict"] != Verdict.PROMOTE and not said.shown_by_experiment(decision))
    }
