"""How a result is shown: a dispatch that `report/` fills, so that no result knows its page."""

from collections.abc import Mapping
from functools import singledispatch
from importlib import import_module


@singledispatch
def render(value: object, form: str, places: Mapping[str, str] | None = None) -> str:
    """Show a result; each page registers itself for the type that it shows.

    Args:
        value: The result, such as a decision.
        form: `html`, and whatever else its page offers, such as `sentence` or `markdown`.
        places: Where a page says that one can look further, by name: an address, or words.

    Raises:
        TypeError: If nothing shows such a value.
    """
    kind, unknown = type(value), render.dispatch(object)
    import_module("kpi_gate.report").load_page(kind)
    page = render.dispatch(kind)
    if page is unknown:
        raise TypeError(f"value is {kind.__name__}, which has no page")
    return str(page(value, form) if places is None else page(value, form, places))
