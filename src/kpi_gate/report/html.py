"""Pages from templates: whatever a template shows is cleaned and escaped, unless it is markup."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kpi_gate.text import clean, number, percent, shorten

# blue against vermilion (Okabe and Ito 2008) is told apart with every colour vision, and no
# colour stands alone: each comes with a word, a mark or a place
TONES = {
    "PROMOTE": "#005a8c",
    "HOLD": "#7a5c00",
    "INSUFFICIENT_EVIDENCE": "#7a5c00",
    "AB_REQUIRED": "#5b4a9e",
    "REJECT": "#b8420a",
    "INVALID": "#b8420a",
}


def digits(value: object, decimals: int | None = None, *, sign: bool = False) -> str:
    """Write a number for the page, with a real minus sign."""
    return number(value, decimals, sign=sign).replace("-", "−")


def or_dash(value: object, decimals: int | None = None, *, sign: bool = False) -> str:
    """Write a number for the page; a dash where there is none."""
    return "–" if value is None else digits(value, decimals, sign=sign)


def _shown(value: object) -> object:
    return value if isinstance(value, Markup) else clean(value)


_TEMPLATES = Environment(
    loader=PackageLoader("kpi_gate.report"),
    autoescape=True,
    finalize=_shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "digits": digits,
    "number": number,
    "or_dash": or_dash,
    "percent": percent,
    "shorten": shorten,
    "spaced": lambda words: clean(words).replace("_", " "),
}


def fill(template: str, **values: object) -> Markup:
    """Fill a template of `templates/`.

    Args:
        template: Its file.
        values: What it shows; it may call functions and read attributes.

    Raises:
        jinja2.UndefinedError: If it asks for what is not there.
    """
    return Markup(_TEMPLATES.get_template(template).render(values))  # noqa: S704  (escaped there)
