"""Let MLflow say again what the ledger says: one recorded act that puts every claim right."""

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.record import agreement, ledger_view, registry, registry_claims
from kpi_gate.record.agreement import Difference
from kpi_gate.record.ledger_view import Releases
from kpi_gate.release import promotion
from kpi_gate.release.alias_move import PromotionError, asked_by, golden_fault, pointed
from kpi_gate.workspace import Place


def realign(place: Place, use_case: str, reason: str) -> list[str]:
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
    found = agreement.differences(place, use_case)
    said = _said(place, use_case)
    broken = [] if found else _broken(place, use_case, said)
    if not found and not broken:
        raise PromotionError(f"{use_case}: MLflow says what the ledger says; nothing differs")
    _record(place, use_case, said, [*(one.words for one in found), *broken], found, reason.strip())
    done = [f"row {number} is set aside" for number in said.faults]
    done += _tags(place, use_case, _said(place, use_case))
    promotion.heal(place, use_case)
    done += _champion(place, use_case, reason)
    return done + _anchor(place, use_case, reason)


def _record(
    place: Place,
    use_case: str,
    said: Releases,
    words: list[str],
    found: list[Difference],
    reason: str,
) -> None:
    """Write down what differs before it is put right: a crash between both is done again."""
    lost = any(one.check == "ledger_complete" for one in found)
    body = {
        "reason": reason,
        "asked_by": asked_by(),
        "found": words,
        "set_aside": list(said.faults),
        "lost": registry_claims.read_claims(place, use_case, ()).row if lost else None,
    }
    place.ledger.append(use_case, ledger_view.REALIGNED, use_case, body)


def _said(place: Place, use_case: str) -> Releases:
    return ledger_view.read(place.ledger.entries(use_case))


def _broken(place: Place, use_case: str, said: Releases) -> list[str]:
    versions = [version for version in dict.fromkeys((said.champion, said.anchor)) if version]
    faults = {version: golden_fault(place, use_case, version) for version in versions}
    return [f"{version}: {fault}" for version, fault in faults.items() if fault]


def _tags(place: Place, use_case: str, said: Releases) -> list[str]:
    """Put tags back; an approval that counts for nothing is taken away."""
    known = [version for version in (said.champion, said.anchor) if version]
    claims, done = registry_claims.read_claims(place, use_case, known), []
    for version, tags in claims.tags.items():
        for name, value in agreement.wanted_tags(said, version).items():
            if tags.get(name) != value:
                registry_claims.set_tag(place, use_case, version, name, value)
                done.append(f"tag {name} of {version} is {value} again")
    for version, who in agreement.void_approvals(said, claims).items():
        registry_claims.set_tag(place, use_case, version, registry_claims.APPROVED, "")
        done.append(f"the approval of {version} by {who} is taken away")
    return done


def _champion(place: Place, use_case: str, reason: str) -> list[str]:
    said, current = _said(place, use_case), pointed(place, use_case, registry.CHAMPION)
    version = said.champion
    fault = golden_fault(place, use_case, version) if version else ""
    if not fault:
        return _point(place, use_case, registry.CHAMPION, current, version)
    if current not in ("", version):
        registry.point(place, use_case, registry.CHAMPION, "")
    back = promotion.go_back(place, use_case, said, reason)
    return [f"{version} cannot be used ({fault}): the champion is {back or BASELINE} again"]


def _anchor(place: Place, use_case: str, reason: str) -> list[str]:
    said, current = _said(place, use_case), pointed(place, use_case, registry.ANCHOR)
    version = said.anchor
    fault = golden_fault(place, use_case, version) if version else ""
    if not fault:
        return _point(place, use_case, registry.ANCHOR, current, version)
    promotion.anchor_to(place, use_case, said.champion, reason)
    return [f"{version} cannot be used ({fault}): the anchor is {said.champion or 'none'} now"]


def _point(place: Place, use_case: str, alias: str, current: str, version: str) -> list[str]:
    if current == version:
        return []
    registry.point(place, use_case, alias, version.removeprefix("v"))
    return [f"{use_case}@{alias} is {version or 'none'} again, it was {current or 'unset'}"]
