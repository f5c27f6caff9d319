"""Tables on a terminal and in a pipe: nothing is cut."""

from kpi_gate.proof.selftest import Bout
from kpi_gate.report.terminal import show_selftest


def test_a_long_reason_of_the_selftest_is_whole(capsys):
    why = "a word " * 40 + "x" * 120
    bout = Bout(name="oracle", words="", must=("PROMOTE",), got="HOLD", why=why, answer="wrong")
    with show_selftest(quiet=False) as each:
        each(bout)
    out = capsys.readouterr().out
    told = "".join(out.split())
    assert "".join(why.split()) in "".join(told.partition("HOLD")[2].split())
    assert "..." not in out
    assert "…" not in out
