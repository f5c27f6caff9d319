"""Keys of the server at the door: make one, list them, revoke one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kpi_gate.cli.call_checks import this_workspace
from kpi_gate.cli.options import AsJson, helped, print_json
from kpi_gate.errors import ConfigurationError
from kpi_gate.usecase.names import require_name

if TYPE_CHECKING:
    from kpi_gate.serving.http.keys import Key

key_app = typer.Typer(
    help="Keys of those who may ask `kpi-gate serve`; only their hashes are kept.",
    no_args_is_help=True,
)
Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="decide|read|admin",
        help="What it may: ask for decisions (default), read versions and metrics, "
        "send everybody back to the version before. May be given again.",
    ),
]
UseCases = Annotated[
    list[str] | None,
    typer.Option("--use-case", help="On what; default: all. May be given again."),
]


def new(
    name: Annotated[str, typer.Argument(help="Whose key it is, such as checkout.")],
    scope: Scopes = None,
    use_case: UseCases = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once: nobody can read it again.

    Examples:
        kpi-gate key new checkout --use-case campaign
        kpi-gate key new prometheus --scope read
    """
    from kpi_gate.serving import places
    from kpi_gate.serving.http.keys import RIGHTS, new_key

    asked = scope or ["decide"]
    scopes = [right for right in RIGHTS if right in asked]
    if wrong := set(asked) - set(scopes):
        there = ", ".join(RIGHTS)
        raise ConfigurationError(f"--scope == {', '.join(sorted(wrong))}, must be of {there}")
    names = [require_name(one) for one in use_case or ()]
    workspace = this_workspace()
    key, written = new_key(places.keys(workspace), name, scopes, names)
    if as_json:
        print_json({**_facts(key), "key": written})
        return
    typer.echo(written)
    typer.echo(
        f"This is shown once. {key.name} may {_may(key)}, from now on, without a restart. "
        "Callers send it so: Authorization: Bearer KEY",
        err=True,
    )


def list_keys(as_json: AsJson = False) -> None:
    """List the keys: whose they are, and what they may.

    Examples:
        kpi-gate key list
    """
    from kpi_gate.serving import places
    from kpi_gate.serving.http.keys import listed

    found = listed(places.keys(this_workspace()))
    if as_json:
        print_json([_facts(key) for key in found])
        return
    for line in _table(found):
        typer.echo(line)


def revoke(
    which: Annotated[str, typer.Argument(help="Its id, or its name where only one has it.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key: within a second no server takes it any more.

    Examples:
        kpi-gate key revoke checkout
    """
    from kpi_gate.serving import places
    from kpi_gate.serving.http import keys

    key = keys.revoke(places.keys(this_workspace()), which)
    if as_json:
        print_json(_facts(key))
    else:
        typer.echo(f"Revoked {key.id} of {key.name}.")


def _facts(key: "Key") -> dict[str, Any]:
    return key.model_dump(mode="json", exclude={"hash"})


def _may(key: "Key") -> str:
    where = ", ".join(key.use_cases) or "all use cases"
    return f"{', '.join(key.scopes)} on {where}"


def _table(keys: Sequence["Key"]) -> list[str]:
    if not keys:
        return ["No keys. Make one: kpi-gate key new NAME"]
    width = max(len(key.name) for key in keys)
    return [f"{key.id}  {key.name:<{width}}  {key.made:%Y-%m-%d}  {_may(key)}" for key in keys]


for _name, _verb in (("new", new), ("list", list_keys), ("revoke", revoke)):
    _words, _examples = helped(_verb)
    key_app.command(_name, help=_words, epilog=_examples)(_verb)
