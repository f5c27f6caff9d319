"""Every use case keeps its contract; the checks come with the library."""


def test_use_case_keeps_its_contract(contract_check):
    contract_check()
