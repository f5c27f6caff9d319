"""A project made from the template is thin and runs at once; a wrong answer makes none."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cookiecutter.exceptions import CookiecutterException, OutputDirExistsException
from cookiecutter.main import cookiecutter
from left_behind import at_work_in, require_kept
from support.environments import SITE, make_environment, run

from kpi_gate import __version__
from kpi_gate.orchestration.deployments import plans_of
from kpi_gate.orchestration.work_pools import prefect_yaml
from kpi_gate.record import installation

REPOSITORY = Path(__file__).parents[1]
MOST_FILES, MOST_LINES = 20, 400
OWN = ("flows/*", "src/**/*.*", "tests/*", "pyproject.toml")  # the others he seldom opens

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("template")]


@pytest.fixture(scope="module", autouse=True)
def empty_home(tmp_path_factory):
    """Keep cookiecutter's replays and clones, and the person's git settings, out of it."""
    person = {"NAME": "A Person", "EMAIL": "person@example.org"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.chdir(REPOSITORY)
        patch.setenv("PWD", str(REPOSITORY))
        for role in ("AUTHOR", "COMMITTER"):
            for key, value in person.items():
                patch.setenv(f"GIT_{role}_{key}", value)
        yield


def make(folder, **answers):
    return Path(cookiecutter(".", no_input=True, output_dir=str(folder), extra_context=answers))


def git(folder, *words):
    asked = ["git", "-C", folder, *words]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def commit(folder):
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make(tmp_path_factory.mktemp("made"), project_name="Ox")


def files(project):
    found = (path for path in project.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(project)): path for path in found}


def test_it_is_thin(project):
    found = files(project)
    assert len(found) < MOST_FILES, "one more comes with cruft"
    assert {"src/ox/usecases/offers.py", "src/ox/usecases/offers.yaml"} <= found.keys()
    own = {path for pattern in OWN for path in project.glob(pattern) if path.is_file()}
    assert sum(len(path.read_text("utf-8").splitlines()) for path in own) <= MOST_LINES
    text = [path.read_bytes() for name, path in found.items() if not name.endswith(".whl")]
    assert not any(b"cookiecutter" in content.replace(b"cookiecutter)", b"") for content in text)


@pytest.mark.parametrize("name", ["flows/retrain.py", "flows/monitor.py", ".dvc/config"])
def test_what_is_alike_is_copied(project, name):
    assert (project / name).read_bytes() == (REPOSITORY / name).read_bytes()


def test_everything_is_locked_by_hash_and_the_machine_lies_in_it(project):
    lock = (project / "requirements.lock").read_text(encoding="utf-8")
    wheel = project / f"wheels/kpi_gate-{__version__}-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f"kpi-gate=={__version__} \\\n    --hash=sha256:{digest}\n" in lock
    assert f'"kpi-gate[pipeline,serve]=={__version__}"' in (project / "pyproject.toml").read_text()
    pins = re.findall(r"^\S+==.*$", lock, re.MULTILINE)
    here = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert set(re.findall(r"^\S+==.*$", here, re.MULTILINE)) <= set(pins)
    assert all(pin.endswith("\\") for pin in pins)
    assert "://" not in lock
    assert {pin.partition("==")[0] for pin in pins} > {"pytest", "uv"}


def test_it_promotes_and_its_contract_is_tested(project, tmp_path):
    """Installed are its wheel and, from beside, what this environment has."""
    wheel = next((project / "wheels").iterdir())
    tools = make_environment(tmp_path / "venv", wheel, SITE)
    shutil.copytree(Path(sys.prefix) / "share/kpi-gate", tmp_path / "venv/share/kpi-gate")
    commit(project)
    place = {"PATH": f"{tools}:{os.environ['PATH']}", "CI": ""}
    assert "offers" in run(tools / "kpi-gate", "list", cwd=project, **place)
    assert git(project, "status", "--porcelain") == "", "nothing is written anew"
    told = run(tools / "python", "-m", "pytest", "-rs", cwd=project, **place)
    assert re.search(r"(\d+) passed, 1 skipped", told)
    asked = ("retrain", "offers", "--as-of", "2024-03-01", "--json")
    decided = json.loads(run(tools / "kpi-gate", *asked, cwd=project / "data", **place))
    assert decided["verdict"] == "PROMOTE"
    assert at_work_in(project, project / "data") == [], "its server outlives it"
    require_kept(project)
    assert git(project, "status", "--porcelain").split() == ["??", "dvc.lock"]
    assert "fault" not in run(tools / "kpi-gate", "doctor", cwd=project, **place)


def test_an_example_and_a_skeleton_become_the_owners(tmp_path, monkeypatch):
    project = make(
        tmp_path, project_name="Ad Lift", use_cases="campaign, blank", use_case_name="mine"
    )
    assert {path.name for path in (project / "src/ad_lift/usecases").iterdir()} == {
        *("campaign.py", "campaign.yaml", "mine.py", "mine.yaml")
    }
    assert "- use_cases: [campaign, mine]" in (project / "dvc.yaml").read_text(encoding="utf-8")
    compose = yaml.safe_load((project / "compose.yaml").read_text(encoding="utf-8"))
    assert {each["image"] for each in compose["services"].values()} == {"ad-lift"}
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(project)
    deployed = (project / "prefect.yaml").read_text(encoding="utf-8")
    assert deployed == prefect_yaml(
        plan for name in ("campaign", "mine") for plan in plans_of(name)
    )


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"use_cases": "campain"}, "no use case 'campain'; there are: toy, blank, ads"),
        ({"use_cases": ","}, "no use case is named"),
        ({"use_cases": "toy blank"}, "toy and blank would have one name"),
        ({"use_case_name": "my-case"}, "'my-case' is no name of a use case"),
        ({"package_name": "class"}, "'class' is no package name"),
        ({"package_name": "json"}, "'json' is taken by Python"),
        ({"project_slug": "9lives"}, "'9lives' is no project slug"),
        ({"project_slug": "pandas"}, "'pandas' is a package that the project installs"),
        ({"project_name": "a{b"}, "'a{b' is no project name"),
        ({"kpi_gate": "newest"}, "'newest' is no version of kpi-gate"),
    ],
)
def test_a_wrong_answer_is_told_and_leaves_nothing(tmp_path, capfd, answers, words):
    with pytest.raises(CookiecutterException):
        make(tmp_path, **answers)
    assert words in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path):
    mine = tmp_path / "offer-scout/mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputDirExistsException, match="already exists"):
        make(tmp_path)
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


def test_another_version_takes_the_place_of_the_first_and_what_was_added_stays(project, tmp_path):
    root = shutil.copytree(project, tmp_path / "project", ignore=shutil.ignore_patterns(".git"))
    own = "zebra==1.0 \\\n    --hash=sha256:00\n"
    with (root / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write(own)
    old = next((root / "wheels").iterdir())
    new = tmp_path / old.name.replace(__version__, "9.0.0")
    shutil.copy(old, new)
    assert installation.adopt(new, root) == "9.0.0"
    assert [path.name for path in (root / "wheels").iterdir()] == [new.name]
    text = (root / "requirements.lock").read_text(encoding="utf-8")
    assert "kpi-gate==9.0.0" in text
    assert f"kpi-gate=={__version__}" not in text
    assert own in text
    assert "kpi-gate[pipeline,serve]==9.0.0" in (root / "pyproject.toml").read_text(
        encoding="utf-8"
    )
    with pytest.raises(ValueError, match="is no wheel of kpi-gate"):
        installation.adopt(tmp_path / "kpi_gate-1-py3-none-any.whl", root)


def test_cruft_updates_the_thin_part_alone(tmp_path):
    listed = git(REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    published = tmp_path / "kpi-gate"
    for name in filter(None, listed.split("\0")):
        source, target = REPOSITORY / name, published / name
        if source.is_file() and not name.startswith(("tests/", "docs/")):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    commit(published)
    cruft = [sys.executable, "-m", "cruft"]
    asked = ("create", published.as_uri(), "--directory", "template", "--no-input")
    run(*cruft, *asked, "--output-dir", tmp_path, cwd=tmp_path)
    project = tmp_path / "offer-scout"
    assert len(files(project)) <= MOST_FILES
    mine = project / "src/offer_scout/usecases/offers.py"
    mine.write_text("# mine\n", encoding="utf-8")
    commit(project)
    for name in ("compose.yaml", "template/toy/toy.py", "src/kpi_gate/decision/gate.py"):
        with (published / name).open("a", encoding="utf-8") as file:
            file.write("# more\n")
    commit(published)
    run(*cruft, "update", "--skip-apply-ask", cwd=project)
    touched = {line[3:] for line in git(project, "status", "--porcelain").splitlines()}
    assert touched == {".cruft.json", "compose.yaml"}
    assert mine.read_text(encoding="utf-8") == "# mine\n"
