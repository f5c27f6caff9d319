"""Pages from templates: whatever a template shows is cleaned and escaped, unless it is markup."""

from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kpi_gate.report.kpi_link import is_unlinked
from kpi_gate.report.numbers import share
from kpi_gate.report.terms import TERMS
from kpi_gate.text import clean, number, percent, shorten


def digits(value: object, decimals: int | None = None, *, sign: bool = False) -> str:
    """Write a number for the page, with a real minus sign."""
    return number(value, decimals, sign=sign).replace("-", "−")


def or_dash(value: object, decimals: int | None = None, *, sign: bool = False) -> str:
    """Write a number for the page; a dash where there is none."""
    return "–" if value is None else digits(value, decimals, sign=sign)


def day(value: datetime | str | None) -> str:
    """Write a day as all pages do, such as `2024-06-01`; a dash where there is none."""
    return str(value)[:10] if value else "–"


def moment(value: datetime | str | None) -> str:
    """Write a moment as all pages do, such as `2024-06-01 03:00 UTC`; a dash for none."""
    if not value:
        return "–"
    known = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{known.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


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
    "day": day,
    "moment": moment,
    "digits": digits,
    "number": number,
    "or_dash": or_dash,
    "percent": percent,
    "shorten": shorten,
    "share": share,
    "spaced": lambda words: clean(words).replace("_", " "),
}
_TEMPLATES.globals |= {"glossary": TERMS}
_TEMPLATES.tests["unlinked"] = is_unlinked
_TEMPLATES.tests["address"] = lambda place: str(place).startswith(("http://", "https://", "../"))


def fill(template: str, **values: object) -> Markup:
    """Fill a template of `templates/`.

    Args:
        template: Its file.
        values: What it shows; it may call functions and read attributes.

    Raises:
        jinja2.UndefinedError: If it asks for what is not there.
    """
    return Markup(_TEMPLATES.get_template(template).render(values))  # noqa: S704  (escaped there)
