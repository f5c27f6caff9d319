"""What goes with the use cases that a project does not keep; any number of them, by any name."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "template"))
from selection import Selection
from selection import known_names as known

CASES = "src/kpi_gate/examples"
SHOP = {
    "Makefile": ".PHONY: help demo test bench years\n\n"
    "demo: install\n\tpython -m kpi_gate.cli.demo\n\ntest:\n\tpytest\n\n"
    "bench: install\n\tpython -m benchmarks\n\nyears:\n\tpython -m benchmarks.years\n",
    "use_cases.yaml": "# read by dvc.yaml\nuse_cases:\n- books\n- shoes\n- toys\n",
    "prefect.yaml": "deployments:\n"
    + "".join(
        f"- name: {name}\n  entrypoint: flows/retrain.py:retrain\n  tags: [{name}]\n"
        f'  schedules: [{{cron: "0 {hour} * * *", timezone: UTC}}]\n'
        for hour, name in enumerate(("books", "shoes", "toys"))
    ),
    "pyproject.toml": 'data = [ # read\n    "old-books==1", # print\n    "shop_log==2",\n]\n',
    "requirements-data.lock": "# made by `make lock` from requirements 0123456789abcdef\n"
    "old-books==1 \\\n    --hash=sha256:1\nshop-log==2 \\\n    --hash=sha256:2\n",
    "benchmarks/__init__.py": "",
    "benchmarks/__main__.py": 'USE_CASE = "books"\n',
    "benchmarks/gate.py": "from benchmarks import years\n",
    "benchmarks/years.py": "",
    "src/kpi_gate/cli/demo.py": 'USE_CASE = "books"\n',
    "flows/retrain.py": "from kpi_gate import usecases\n",
    "src/kpi_gate/__init__.py": "",
    "src/kpi_gate/value.py": "",
    "src/kpi_gate/examples/sources/__init__.py": "",
    "src/kpi_gate/carriers/log.py": 'PACKAGE = "shop_log"\n',
    "src/kpi_gate/carriers/sizes.py": 'USE_CASE = "shoes"\n',
    "src/kpi_gate/simulators/__init__.py": "",
    "src/kpi_gate/simulators/feet.py": "",
    "src/kpi_gate/simulators/feet.json": "",
    "src/kpi_gate/simulators/worlds.py": "from kpi_gate.examples.sources import feet\n",
    f"{CASES}/__init__.py": "",
    f"{CASES}/books.py": 'from kpi_gate import value\nfind_spec("old_books")\n',
    f"{CASES}/books.yaml": "",
    f"{CASES}/shoes.py": "from kpi_gate.examples.sources.log import PACKAGE\n"
    "import kpi_gate.examples.sources.worlds\n",
    f"{CASES}/shoes.yaml": "",
    f"{CASES}/toys.py": "def fetch():\n    from kpi_gate.examples.sources import log\n",
    f"{CASES}/toys.yaml": "",
    "tests/carriers/test_log.py": "from kpi_gate.examples.sources import log\n",
    "tests/flows/test_demo.py": "from kpi_gate.cli.demo import USE_CASE\n",
    "tests/simulators/feet_of.py": "from kpi_gate.examples.sources.feet import *\n",
    "tests/simulators/test_feet.py": "from feet_of import *\n",
    "tests/usecases/test_books.py": "",
    "tests/usecases/test_contracts.py": "",
    "tests/usecases/test_size.py": 'USE_CASE = "shoes"\n',
    "tests/usecases/test_toys.py": "",
}
BOOKS = {
    "benchmarks/__main__.py",
    "src/kpi_gate/cli/demo.py",
    "tests/flows/test_demo.py",
    "tests/usecases/test_books.py",
}
BOOKS |= {f"{CASES}/books.py", f"{CASES}/books.yaml"}
SHOES = {name for name in SHOP if "simulators" in name} | {"tests/usecases/test_size.py"}
SHOES |= {f"{CASES}/shoes.py", f"{CASES}/shoes.yaml"}
TOYS = {f"{CASES}/toys.py", f"{CASES}/toys.yaml", "tests/usecases/test_toys.py"}
SHOES |= {"src/kpi_gate/carriers/sizes.py"}
LOG = {name for name in SHOP if "carriers" in name}


@pytest.fixture
def select(tmp_path):
    skeleton = {"template/blank/blank.yaml": 'schedule: {retrain: "5 4 * * 1", timezone: A/B_C}\n'}
    for name, text in (SHOP | skeleton).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return lambda answer, own="mine": Selection.read(tmp_path, list(SHOP), answer, own)


def test_the_choice_is_read_from_the_files():
    assert known(SHOP) == ["books", "shoes", "toys"]


@pytest.mark.parametrize(
    ("answer", "kept", "own"),
    [
        ("books", ("books",), ""),
        ("toys, books", ("books", "toys"), ""),
        (" shoes  toys,\n", ("shoes", "toys"), ""),
        ("all", ("books", "shoes", "toys"), ""),
        ("all blank", ("books", "shoes", "toys"), "mine"),
        ("blank", (), "mine"),
    ],
)
def test_an_answer_is_understood(select, answer, kept, own):
    assert select(answer).kept == kept
    assert select(answer).own == own


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("hats", "no use case 'hats'; there are: books, shoes, toys; `all` for all; `blank`"),
        ("Books", "no use case 'Books'"),
        ("", "no use case is named; there are: books, shoes, toys"),
    ],
)
def test_a_wrong_answer_says_what_there_is(select, answer, message):
    with pytest.raises(ValueError, match=message):
        select(answer)


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        ("all", set()),
        ("books", SHOES | TOYS | LOG),
        ("shoes", BOOKS | TOYS),
        ("toys", BOOKS | SHOES),
        ("books, shoes", TOYS),
        ("books, toys", SHOES),
        ("blank", BOOKS | SHOES | TOYS | LOG),
    ],
)
def test_what_only_the_others_need_is_left_out(select, answer, gone):
    assert select(answer).left_out == gone


def test_the_texts_name_what_is_there(select):
    def texts(answer):
        return {name: select(answer).edit(name, text) for name, text in SHOP.items()}

    assert texts("all") == SHOP | {"requirements-data.lock": texts("all")["requirements-data.lock"]}
    toys = texts("toys, blank")
    assert toys["use_cases.yaml"] == "# read by dvc.yaml\nuse_cases:\n- mine\n- toys\n"
    assert toys["prefect.yaml"] == (
        "deployments:\n"
        "- name: mine\n  entrypoint: flows/retrain.py:retrain\n  tags: [mine]\n"
        '  schedules: [{cron: "5 4 * * 1", timezone: A/B_C}]\n'
        "- name: toys\n  entrypoint: flows/retrain.py:retrain\n  tags: [toys]\n"
        '  schedules: [{cron: "0 2 * * *", timezone: UTC}]\n'
    )
    assert toys["Makefile"] == (
        ".PHONY: help test years\n\ntest:\n\tpytest\n\nyears:\n\tpython -m benchmarks.years\n"
    )
    assert toys["pyproject.toml"].startswith('data = [ # read\n    "shop_log==2",\n]\n')
    assert f'skip = ["{CASES}/mine.py", "{CASES}/mine.yaml"]' in toys["pyproject.toml"]
    assert toys["requirements-data.lock"].splitlines()[1:] == [
        "shop-log==2 \\",
        "    --hash=sha256:2",
    ]
    assert texts("books")["requirements-data.lock"].endswith("sha256:1\n")
    assert texts("blank")["pyproject.toml"].startswith("data = [ # read\n]\n")
