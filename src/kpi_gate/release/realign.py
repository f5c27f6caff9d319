"""Let MLflow say again what the ledger says: one recorded act that puts every claim right."""

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.record import agreement, registry_claims, releases
from kpi_gate.record.agreement import Difference
from kpi_gate.record.registered import ANCHOR, CHAMPION
from kpi_gate.release import promotion
from kpi_gate.release.alias_move import PromotionError, asked_by, golden_fault
from kpi_gate.run.context import Run


def realign(run: Run, reason: str) -> list[str]:
    """Put aliases and tags back to what the ledger says; return what was done, in sentences.

    Rows that do not count are set aside. A champion whose files are gone, or are not those that
    were judged, is rolled back to the newest one before that is whole, at last to the baseline;
    such an anchor gives way to the champion.

    Raises:
        PromotionError: If there is no reason, or nothing to put right.
        LedgerError: If the ledger's chain is broken or it cannot be written.
        TrackingError: If MLflow cannot be reached.
    """
    if not reason.strip():
        raise PromotionError("a realignment needs a reason: --reason '...'")
    found = agreement.differences(run.workspace, run.history)
    broken = [] if found else _broken(run)
    if not found and not broken:
        raise PromotionError(f"{run.name}: MLflow says what the ledger says; nothing differs")
    faulty = list(run.history.faults)
    _record(run, [*(one.words for one in found), *broken], found, reason.strip())
    done = [f"row {number} is set aside" for number in faulty]
    done += _tags(run)
    promotion.recover(run)
    done += _champion(run, reason)
    return done + _anchor(run, reason)


def _record(run: Run, words: list[str], found: list[Difference], reason: str) -> None:
    """Write down what differs before it is put right: a crash between both is done again."""
    lost = any(one.check == "ledger_complete" for one in found)
    body = {
        "reason": reason,
        "asked_by": asked_by(),
        "found": words,
        "set_aside": list(run.history.faults),
        "lost": registry_claims.read_claims(run.workspace, run.name, ()).row if lost else None,
    }
    run.append(releases.REALIGNED, run.name, body)


def _broken(run: Run) -> list[str]:
    faults = {version: golden_fault(run, version) for version in run.history.in_use}
    return [f"{version}: {fault}" for version, fault in faults.items() if fault]


def _tags(run: Run) -> list[str]:
    """Put tags back; an approval that counts for nothing is taken away."""
    history, done = run.history, []
    claims = registry_claims.read_claims(run.workspace, run.name, history.in_use)
    for version, tags in claims.tags.items():
        for name, value in agreement.wanted_tags(history, version).items():
            if tags.get(name) != value:
                run.registry.set_tag(version, name, value)
                done.append(f"tag {name} of {version} is {value} again")
    for version, who in agreement.void_approvals(history, claims).items():
        run.registry.set_tag(version, registry_claims.APPROVED, "")
        done.append(f"the approval of {version} by {who} is taken away")
    return done


def _champion(run: Run, reason: str) -> list[str]:
    version, current = run.history.champion, run.registry.version_of(CHAMPION)
    fault = golden_fault(run, version) if version else ""
    if not fault:
        return _point(run, CHAMPION, current, version)
    if current not in ("", version):
        run.registry.point(CHAMPION, "")
    back = promotion.go_back(run, reason)
    return [f"{version} cannot be used ({fault}): the champion is {back or BASELINE} again"]


def _anchor(run: Run, reason: str) -> list[str]:
    version, current = run.history.anchor, run.registry.version_of(ANCHOR)
    fault = golden_fault(run, version) if version else ""
    if not fault:
        return _point(run, ANCHOR, current, version)
    champion = run.history.champion
    promotion.anchor_to(run, champion, reason)
    return [f"{version} cannot be used ({fault}): the anchor is {champion or 'none'} now"]


def _point(run: Run, alias: str, current: str, version: str) -> list[str]:
    if current == version:
        return []
    run.registry.point(alias, version)
    return [f"{run.name}@{alias} is {version or 'none'} again, it was {current or 'unset'}"]
