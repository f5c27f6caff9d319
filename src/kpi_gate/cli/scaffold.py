"""Begin a use case: a module and a YAML that run at once, to be changed step by step."""

import keyword
import re
from typing import Annotated

import typer

from kpi_gate.errors import ConfigurationError


def _new_name(name: str) -> str:
    """Check that a use case may be called so."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ConfigurationError(
            f"NAME == {name!r}, must be a Python name of small letters, digits and `_` that begins "
            "with a letter, such as `churn` or `next_visit`: the module is called so"
        )
    return name


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", callback=_new_name)],
) -> None:
    """Make a use case that runs at once on small data of its own; then put yours in its place.

    Writes NAME.py and NAME.yaml into the project's folder of use cases. `kpi-gate retrain NAME`
    and the tests of the contract work straight after.

    Examples:
        kpi-gate new churn
        kpi-gate retrain churn
    """
    from kpi_gate.files import project
    from kpi_gate.orchestration import work_pools
    from kpi_gate.record.installation import shipped

    found = project.here()
    paths = [found.use_cases / f"{name}{suffix}" for suffix in (".py", ".yaml")]
    for path in paths:
        if path.exists():
            raise ConfigurationError(
                f"{found.shown(path)}: is there already; choose another NAME, or delete it first"
            )
    found.use_cases.mkdir(parents=True, exist_ok=True)
    for path in paths:
        text = shipped(f"template/case/case{path.suffix}")
        path.write_text(text.replace("data/raw/case/", f"data/raw/{name}/"), encoding="utf-8")
        typer.echo(f"made {found.shown(path)}")
    work_pools.follow(found.root)
    typer.echo(f"Run it:     kpi-gate retrain {name}")
    typer.echo(f"Look at it: kpi-gate open {name}")
    typer.echo(f"Change it:  the four steps at the top of {found.shown(paths[0])}")
