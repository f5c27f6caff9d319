"""The five use cases keep the contract that the library checks in every project."""

import pytest

from kpi_gate.errors import ConfigurationError
from kpi_gate.usecase import discovery


def test_use_case_keeps_its_contract(contract_check):
    contract_check()


def test_an_unknown_use_case_is_named():
    with pytest.raises(ConfigurationError, match="no use case 'nothing'; there are: "):
        discovery.load("nothing")
