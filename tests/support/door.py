"""The command line: called in this process, or started in one of its own as a person starts it.

What a process of its own adds is its imports, for seconds of a core. A few tests of each kind of
verb start one; where the words alone matter, they are called.
"""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest.mock import patch

from kpi_gate.cli.app import main

COMMAND = [sys.executable, "-W", "ignore", "-c", "from kpi_gate.cli.app import main; main()"]


def call(*words, **environment):
    """Call the command line in the present folder; return its exit code and what it printed."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.dict(os.environ, environment),  # what the call sets is gone afterwards, too
        patch.object(sys, "argv", ["kpi-gate", *words]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


def start(project, *words, **environment):
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [*COMMAND, *words],
        cwd=project,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project, *words, **environment):
    """Run the command line in a process of its own; return its exit code and what it printed."""
    process = start(project, *words, **environment)
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err
