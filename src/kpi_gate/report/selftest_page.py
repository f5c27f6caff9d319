"""The self-test as one page: each adversary, what the gate had to decide, and what it decided."""

from html import escape

from kpi_gate.proof.selftest import MARKS, Bout, SelfTest
from kpi_gate.render import render
from kpi_gate.report.document import document

CELLS = """td { vertical-align: top; } .mark, .must { white-space: nowrap; }
.who { width: 32%; } .got { overflow-wrap: normal; }"""


@render.register(SelfTest)
def page(result: SelfTest, form: str = "html") -> str:
    """Render the answers of the gate; `html` is the one form."""
    words = ("", "adversary", "must be", "decided", "because")
    head = "".join(f"<th>{word}</th>" for word in words)
    title = f"Self-test of the gate: {result.use_case}"
    body = (
        f'<header style="--tone: {"#005a8c" if result.passed else "#b8420a"}">'
        f'<div class="title">{escape(title)} · as of '
        f"{escape(result.as_of[:10])} UTC · {result.rows:,} decisions</div>"
        f"<h1>{'PASSED' if result.passed else 'FAILED'}</h1>"
        f'<p class="lead">{escape(result.sentence().capitalize())}.</p></header>',
        f"<section><table><tr>{head}</tr>{''.join(map(_row, result.bouts))}</table></section>",
    )
    return document(title, body, CELLS)


def _row(bout: Bout) -> str:
    style = ' class="failed"' if bout.answer == "wrong" else ""
    cells = (
        ("mark", escape(MARKS[bout.answer])),
        ("who", f'<b>{escape(bout.name)}</b><br><span class="note">{escape(bout.words)}</span>'),
        ("must", escape(bout.required)),
        ("got", escape(bout.got.replace("_", " ") or "–")),
        ("why", escape(bout.why)),
    )
    shown = "".join(f'<td class="{name}">{words}</td>' for name, words in cells)
    return f"<tr{style}>{shown}</tr>"
