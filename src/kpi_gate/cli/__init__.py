"""The command line, one module a noun. Nothing heavy is imported before a verb is chosen.

May import every room, and none imports it.
"""

import sys


def main() -> None:
    """Run a command, where the whole machine is installed."""
    try:
        from kpi_gate.cli.app import main as run
    except ModuleNotFoundError as error:
        if str(error.name).startswith("kpi_gate"):
            raise
        sys.stderr.write(
            f"kpi-gate: no module {error.name}: the command line is a part of the whole machine, "
            "pip install 'kpi-gate[pipeline]'. The gate alone is `from kpi_gate import judge`\n"
        )
        sys.exit(2)
    run()
