"""One home a use case on a Prefect server, told by the server's own clock."""

import asyncio

import pytest

from kpi_gate.orchestration import lease
from kpi_gate.orchestration.lease import LEASE_SECONDS, Lease
from kpi_gate.record.lock import BusyError
from kpi_gate.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prefect")]


@pytest.fixture
def home(prefect_server, tmp_path):
    """Make leases of homes by their names."""

    def make(name, *use_cases):
        return Lease(Workspace(root=tmp_path / name), use_cases)

    return make


def hold(*leases):
    """Let each hold its use cases anew, in turn."""
    from prefect.client.orchestration import get_client

    async def work():
        async with get_client() as client:
            for each in leases:
                each._renewed = -LEASE_SECONDS  # it was a while ago
                await each.hold(client)

    asyncio.run(work())


def release(held):
    from prefect.client.orchestration import get_client

    async def work():
        async with get_client() as client:
            await held.release(client)

    asyncio.run(work())


def test_a_second_home_is_refused_and_both_are_named(home):
    first, second = home("first", "ads", "fraud"), home("second", "fraud", "toy")
    hold(first)
    with pytest.raises(BusyError, match="fraud is served by another home") as refused:
        hold(second)
    assert first.where in str(refused.value)
    assert second.where in str(refused.value)
    assert "stop the other `kpi-gate schedule`" in str(refused.value)
    hold(first)  # it goes on
    release(first)


def test_other_use_cases_and_the_same_home_are_no_matter(home):
    hold(home("first", "campaign"), home("second", "retention"), home("first", "campaign"))


def test_it_is_free_at_once_where_it_was_given_back(home):
    first, second = home("first", "given_back"), home("second", "given_back")
    hold(first)
    release(second)  # not his to give
    with pytest.raises(BusyError):
        hold(second)
    release(first)
    hold(second)


def test_it_is_free_after_a_while_where_its_holder_fell_silent(home, monkeypatch):
    first, second = home("first", "silent"), home("second", "silent")
    hold(first)
    monkeypatch.setattr(lease, "LEASE_SECONDS", -1.0)
    hold(second)
    monkeypatch.undo()
    with pytest.raises(BusyError, match="silent is served by another home"):
        hold(first)  # whoever comes back finds it taken


def test_of_two_at_once_one_has_it(home):
    from prefect.client.orchestration import get_client

    leases = [home(name, "at_once") for name in ("first", "second", "third")]

    async def work():
        async with get_client() as client:
            tries = [each.hold(client) for each in leases]
            return await asyncio.gather(*tries, return_exceptions=True)

    outcomes = asyncio.run(work())
    assert outcomes.count(None) == 1
    assert sum(isinstance(each, BusyError) for each in outcomes) == 2


def test_of_several_that_take_over_at_once_one_has_it(home):
    from prefect.client.orchestration import get_client

    old, *leases = [home(name, "taken_over") for name in ("old", "first", "second", "third")]
    hold(old)

    async def work():
        async with get_client() as client:
            (seen,) = (await old._read(client))[0].values()  # all have seen the same one silent
            name = seen["name"]
            tries = [each._write(client, name, seen) for each in leases]
            return await asyncio.gather(*tries, return_exceptions=True)

    outcomes = asyncio.run(work())
    assert outcomes.count(None) == 1
    assert sum(isinstance(each, BusyError) for each in outcomes) == 2
