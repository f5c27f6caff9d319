"""A result is shown without knowing its page; nothing else has one."""

import pytest

from kpi_gate.render import render


def test_what_has_no_page_is_told():
    with pytest.raises(TypeError, match="value is int, which has no page"):
        render(7, "html")
