"""The contract of every use case as tests: `def test_contract(contract_check): contract_check()`.

pytest finds this module by itself wherever the library is installed. Each check of each use case
is a test of its own, marked `kpi_gate`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kpi_gate.pipeline.contract_case import Case

_KEPT: pytest.StashKey["Case"] = pytest.StashKey()  # the rows of one use case at a time


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "kpi_gate: a check of a use case's contract")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for every check of every use case of the project."""
    if "contract_check" not in metafunc.fixturenames:
        return
    from kpi_gate.pipeline.contract_checks import CHECKS
    from kpi_gate.usecase.names import names

    shared = metafunc.config.pluginmanager.hasplugin("xdist")
    asked = []
    for name in names():
        marks = [pytest.mark.kpi_gate, *([pytest.mark.xdist_group(name)] if shared else [])]
        asked += [
            pytest.param((name, check), id=f"{name}-{check.__name__}", marks=marks)
            for check in CHECKS
        ]
    metafunc.parametrize("contract_check", asked, indirect=True)


@pytest.fixture
def contract_check(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], None]:
    """Return one check of one use case, to be called: it fails with what is wrong, in words."""
    from kpi_gate.errors import ConfigurationError
    from kpi_gate.pipeline.contract_case import Case, NotTestedError
    from kpi_gate.usecase.refusal import Refusal
    from kpi_gate.workspace import Workspace

    name, check = request.param
    kept = request.session.stash.get(_KEPT, None)
    if kept is None or kept.name != name:
        kept = Case(name, Workspace().raw(name), tmp_path_factory.mktemp(name))
        request.session.stash[_KEPT] = kept
    case: Any = kept

    def run() -> None:
        try:
            faults = [*check(case)]
        except NotTestedError as error:
            pytest.skip(str(error))
        except (ConfigurationError, Refusal) as error:
            faults = [str(error)]
        if faults:
            pytest.fail(f"{name}: {'; '.join(faults)}", pytrace=False)

    return run
