"""Fill the new project: what is alike in this repository is copied, and the machine is a wheel.

Cookiecutter renders this hook and the few files that only a project has. Nothing is kept twice: the
flows, `dvc.yaml`, `compose.yaml` and the rest come from where they run and are tested.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

SLUG, PACKAGE = "{{ cookiecutter.project_slug }}", "{{ cookiecutter.package_name }}"
OWN, VERSION = "{{ cookiecutter.use_case_name }}", "{{ cookiecutter.kpi_gate }}"
EXAMPLES = "src/kpi_gate/examples"
FORM = "ads"  # its schedule is what a use case gets that asks for none
ALIKE = (
    *(".dvc/config", ".dvcignore", ".gitignore", "data/README.md"),
    *("flows/retrain.py", "flows/monitor.py"),
)


def main() -> None:
    """Fill the folder that cookiecutter made; it is the working folder of a hook."""
    with tempfile.TemporaryDirectory() as scratch:
        repository = find_repository(Path(scratch, "clone"))
        refuse_locked_name(repository)
        kept = choose(repository)
        for name in ALIKE:
            copy(repository / name, name)
        lay_out_cases(repository, kept)
        fill_stages(repository, kept)
        fill_containers(repository)
        install_machine(repository)


def find_repository(clone: Path) -> Path:
    """Locate this repository: cookiecutter says where it is, cruft only which commit."""
    template = r"{{ cookiecutter._repo_dir | default('') }}"
    if template:  # relative to where cookiecutter was called, and a hook runs elsewhere
        return Path(os.environ.get("PWD", "."), template).parent.resolve()
    address, commit = (
        r"{{ cookiecutter._template }}",
        "{{ cookiecutter._commit | default('HEAD') }}",
    )
    subprocess.run(["git", "clone", "--quiet", address, clone], check=True)
    subprocess.run(["git", "-C", clone, "checkout", "--quiet", commit], check=True)
    return clone


def refuse_locked_name(repository: Path) -> None:
    """Refuse the name of a package that the project itself installs."""
    lock = (repository / "requirements-dev.lock").read_text(encoding="utf-8")
    locked = {"kpi-gate", *re.findall(r"^([a-z0-9-]+)", lock, re.MULTILINE)}
    for name in (SLUG, PACKAGE.replace("_", "-")):
        if name in locked:
            sys.exit(f"{name!r} is a package that the project installs: choose another name")


def choose(repository: Path) -> dict[str, Path]:
    """Return the module of each use case to begin with, by its name in the project."""
    known = {path.stem: path for path in (repository / EXAMPLES).glob("[!_]*.py")}
    answer = r"""
{{ cookiecutter.use_cases }}
"""
    words = dict.fromkeys(re.findall(r"[^\s,]+", answer))
    there_are = f"there are: toy, blank, {', '.join(sorted(known))}; or all of these examples"
    if not words:
        sys.exit(f"no use case is named; {there_are}")
    kept = {}
    for word in words:
        if word in ("toy", "blank"):
            kept[OWN] = repository / f"template/{word}/{word}.py"
        elif word != "all" and word not in known:
            sys.exit(f"no use case {word!r}; {there_are}")
        kept |= {name: path for name, path in known.items() if word in (name, "all")}
    if {"toy", "blank"} <= words.keys():
        sys.exit("toy and blank would have one name: choose one of them")
    return dict(sorted(kept.items()))


def copy(source: Path, target: str, **words: str) -> None:
    """Copy a text, with words of this repository replaced by the project's."""
    text = source.read_text(encoding="utf-8")
    for name, word in words.items():
        text = re.sub(rf"\b{name}\b", word, text)
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(text, encoding="utf-8")


def lay_out_cases(repository: Path, kept: dict[str, Path]) -> None:
    """Copy the modules and settings of the use cases, and what their data come from."""
    for name, path in kept.items():
        for source in (path, path.with_suffix(".yaml")):
            target = f"src/{PACKAGE}/usecases/{name}{source.suffix}"
            copy(source, target, **({} if path.stem == name else {path.stem: name}))
    if any(path.parent.name == "examples" for path in kept.values()):
        copy(repository / "requirements-data.lock", "requirements-data.lock")


def fill_stages(repository: Path, kept: dict[str, Path]) -> None:
    """Write `dvc.yaml` and `prefect.yaml` for the project's use cases."""
    copy(repository / "dvc.yaml", "dvc.yaml", **{EXAMPLES: f"src/{PACKAGE}/usecases"})
    stages = Path("dvc.yaml")
    listed = re.sub(
        r"(?<=^- use_cases: \[)[^]]*", ", ".join(kept), stages.read_text("utf-8"), flags=re.M
    )
    stages.write_text(listed, encoding="utf-8")
    text = (repository / "prefect.yaml").read_text(encoding="utf-8")
    head, *blocks = re.split(r"^(?=- name: )", text, flags=re.MULTILINE)
    made = []
    for name, path in kept.items():
        form = name if path.stem == name else FORM
        ours = [block for block in blocks if block.startswith(f"- name: {form}\n")]
        made += [re.sub(rf"\b{form}\b", name, block) for block in ours]
    Path("prefect.yaml").write_text(head + "".join(made), encoding="utf-8")


def fill_containers(repository: Path) -> None:
    """Give image and services the project's name; the image runs as the one here does."""
    text = (repository / "compose.yaml").read_text(encoding="utf-8")
    named = re.sub(r"^( *(?:name|image): )kpi-gate$", rf"\g<1>{SLUG}", text, flags=re.MULTILINE)
    Path("compose.yaml").write_text(named, encoding="utf-8")
    runs = (repository / "Dockerfile").read_text(encoding="utf-8").split("\n\n")[-1]
    with Path("Dockerfile").open("a", encoding="utf-8") as dockerfile:
        dockerfile.write(runs)


def install_machine(repository: Path) -> None:
    """Put the library into the project, with the lock that goes with it."""
    sys.path.insert(0, str(repository / "src"))
    sys.dont_write_bytecode = True
    from kpi_gate.record import installation

    root = Path.cwd()
    if VERSION == "wheel":
        with tempfile.TemporaryDirectory() as folder:
            installation.adopt(build(repository, Path(folder)), root)
        return
    locked = (repository / name for name in (installation.LOCK, installation.TOOLS))
    Path(installation.LOCK).write_text("".join(path.read_text("utf-8") for path in locked), "utf-8")
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    made = uv and subprocess.run(["make", "lock", f"UV={uv}"], check=False).returncode == 0
    if not made:
        sys.stderr.write("kpi-gate is not locked yet: run `make lock` where your index answers.\n")


def build(repository: Path, folder: Path) -> Path:
    """Build the library's wheel with what is installed, else with what an index gives."""
    uv, pip = shutil.which("uv"), [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    ways = [
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        [uv, "build", "--quiet", "--wheel", "--out-dir", folder],
        [*pip, "--wheel-dir", folder, "."],
    ]
    if find_spec("hatchling") is None:
        ways.pop(0)
    faults = []
    for way in filter(lambda way: way[0], ways):
        done = subprocess.run(way, cwd=repository, capture_output=True, text=True, check=False)
        made = [*folder.glob("kpi_gate-*.whl")]
        if made:
            return made[0]
        faults += (done.stderr or done.stdout).strip().splitlines()[-1:]
    sys.exit(
        f"the wheel of kpi-gate cannot be built ({'; '.join(faults)}): install hatchling beside "
        "cookiecutter, or answer `kpi_gate` with a version from an index"
    )


if __name__ == "__main__":
    main()
