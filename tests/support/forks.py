"""Python started as a fork of the process of the tests, which has imported everything already."""

import os
import sys


class Fork:
    """A child process, with as much of `subprocess.Popen` as a reproduction asks for."""

    def __init__(self, child, asked, answers):
        self.child, self.returncode = child, None
        self.stdin, self.stdout = os.fdopen(asked, "w"), os.fdopen(answers)

    def wait(self):
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        return self.returncode

    def kill(self):
        if self.returncode is None:
            os.kill(self.child, 9)

    def communicate(self):
        self.stdin.close()
        said = self.stdout.read()
        self.stdout.close()
        self.wait()
        return said, None


def start(code, folder, environment, errors):
    """Run code in a fork, with its own folder, environment and streams, and its path in front."""
    (asked, to_ask), (answers, to_answer) = os.pipe(), os.pipe()
    child = os.fork()
    if child:
        os.close(asked)
        os.close(to_answer)
        return Fork(child, to_ask, answers)
    try:
        for number, stream in enumerate((asked, to_answer, errors.fileno())):
            os.dup2(stream, number)
        os.closerange(3, 1_000)
        names = ("r", "w", "w")
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(i, mode) for i, mode in enumerate(names))
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
        for name in [name for name in sys.modules if name.partition(".")[0] == "toys"]:
            del sys.modules[name]
        exec(code, {"__name__": "__main__"})  # noqa: S102
    finally:
        os._exit(1)


def unless_restored(start_cold):
    """Return what forks where the machine of the tests is the one that runs, else starts cold."""

    def start_either(code, folder, environment, errors):
        forks = not (folder / "src/kpi_gate").exists() and not (folder / "library").exists()
        return (start if forks else start_cold)(code, folder, environment, errors)

    return start_either
