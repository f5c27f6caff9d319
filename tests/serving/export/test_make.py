"""What is exported decides as the library does, whatever the kind of use case."""

import json
import shutil

import numpy as np
import pytest
from exports import example, export_of, made_up, model_of, trained

from kpi_gate.learning.averaged import Averaged
from kpi_gate.record.model_files import Model
from kpi_gate.serving.errors import ExportError
from kpi_gate.serving.export import make, make_export
from kpi_gate.serving.export.reference import Reference
from kpi_gate.serving.predictor import NEEDS_PROCESS, load_export
from kpi_gate.serving.schema import Checker

pytestmark = pytest.mark.slow

COMPILED = ["campaign", "fraud", "recommend", "retention", "case"]
LIGHT = {"campaign": True, "fraud": True, "case": True, "recommend": False, "retention": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the export of each example, made once."""
    found = {}

    def get(name):
        if name not in found:
            use_case = example(name)
            rows = made_up(use_case)
            estimator = trained(use_case, rows)
            folder = tmp_path_factory.mktemp("exports") / name
            loaded = export_of(use_case, estimator, rows, folder)
            found[name] = (
                loaded,
                Reference(model_of(use_case, estimator, rows, folder.with_name("model")), use_case),
                folder,
            )
        return found[name]

    return get


@pytest.mark.parametrize("name", COMPILED)
def test_the_examples_default_models_are_compiled_and_decide_alike(made, name):
    loaded, reference, _ = made(name)
    assert loaded.manifest.compiled, loaded.manifest.why
    assert loaded.manifest.light_rule == LIGHT[name], loaded.manifest.why_heavy_rule
    rows = loaded.golden["rows"]
    found, expected = loaded.decide(rows), reference.decide(rows)
    assert found.score == pytest.approx(expected.score, abs=1e-9)
    assert found.advantage == pytest.approx(expected.advantage, abs=1e-6)
    decided = [not words for words in found.fault]
    assert (
        np.compress(decided, found.action).tolist()
        == np.compress(decided, expected.action).tolist()
    )
    assert any(decided)
    assert loaded.recheck() == ""


def test_the_mean_of_two_models_is_compiled(tmp_path):
    use_case = example("campaign")
    rows = made_up(use_case)
    parts = [trained(use_case, made_up(use_case, seed=seed)) for seed in (1, 2)]
    loaded = export_of(use_case, Averaged(parts), rows, tmp_path / "export")
    assert loaded.manifest.compiled, loaded.manifest.why


def test_numbers_in_single_precision_are_read_as_such(tmp_path):
    use_case = example("recommend")
    rows = made_up(use_case, kind=np.float32)
    loaded = export_of(use_case, trained(use_case, rows), rows, tmp_path / "export")
    assert loaded.manifest.compiled, loaded.manifest.why
    assert all(c.single for c in loaded.manifest.columns if c.role == "feature")


def test_choices_are_served_by_the_model_process(tmp_path):
    use_case = example("ads")
    rows = made_up(use_case).assign(ad=0, slot=1, group=0, ad_in_group=0, item="ad00")
    estimator = trained(use_case, rows.assign(outcome=np.arange(len(rows)) % 2), calibrate=False)
    loaded = export_of(use_case, estimator, rows, tmp_path / "export")
    assert not loaded.manifest.compiled
    assert loaded.manifest.why == "its policy chooses among levels"
    assert loaded.manifest.levels[0] == "ad00"
    required = {column.name for column in loaded.manifest.columns if column.required}
    assert required == {"unit", "slot", "group"}  # the others come with the choice
    assert loaded.decide([{"unit": "u", "slot": 1, "group": 2}]).action == [NEEDS_PROCESS]


def test_an_export_names_nobody(made):
    loaded, reference, folder = made("campaign")
    units = set(reference.model.golden["unit"])
    assert "u399" in units
    shown = "".join(path.read_text() for path in folder.glob("*.json"))
    assert not any(f'"{unit}"' in shown for unit in units)
    assert loaded.golden["rows"][0]["unit"] == "unit 1"


def test_an_export_is_made_once_and_says_so_of_another_model(made, tmp_path):
    _, reference, folder = made("case")
    copy = tmp_path / "export"
    shutil.copytree(folder, copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    again = make_export(reference.model, reference.use_case, copy, version="1")
    assert again.fingerprint() == load_export(copy).manifest.fingerprint()
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    with pytest.raises(ExportError, match=r"it is of case 1 \(abcdef01\), not of case 2"):
        make_export(reference.model, reference.use_case, copy, version="2")


@pytest.mark.parametrize("name", ["model.tl", "golden.json", "manifest.json"])
def test_a_broken_export_is_made_anew_as_it_was(made, tmp_path, name):
    loaded, reference, folder = made("case")
    copy = tmp_path / "export"
    shutil.copytree(folder, copy)
    (copy / name).write_bytes(b"")
    again = make_export(reference.model, reference.use_case, copy, version="1")
    assert again.fingerprint() == loaded.manifest.fingerprint()
    assert load_export(copy, fingerprint=again.fingerprint()).recheck() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_golden_rows_of_old_models_hold_features_alone(made, tmp_path):
    _, reference, _ = made("case")
    model = reference.model
    old = Model(model.folder, card=model.card, estimator=model.estimator)
    old.golden = model.golden[list(model.card.features)]
    loaded = make_export(old, reference.use_case, tmp_path / "export", version="1")
    assert loaded.compiled
    assert [column.name for column in loaded.columns] == ["unit", "interest", "basket_eur"]


def test_what_cannot_be_exported_says_whose_it_is_and_leaves_nothing(made, tmp_path):
    _, reference, _ = made("case")
    model = Model(reference.model.folder, card=reference.model.card, estimator=None)
    model.golden = reference.model.golden.iloc[:0]
    with pytest.raises(ExportError, match="case 3 cannot be exported: "):
        make_export(model, reference.use_case, tmp_path / "export", version="3")
    assert list(tmp_path.iterdir()) == []


def test_the_same_model_gives_the_same_fingerprint(made, tmp_path):
    loaded, reference, _ = made("campaign")
    again = make_export(reference.model, reference.use_case, tmp_path / "again", version="1")
    assert again.fingerprint() == loaded.manifest.fingerprint()


def test_every_changed_file_is_refused(made, tmp_path):
    loaded, _, folder = made("campaign")
    for name in [*loaded.manifest.files, "manifest.json"]:
        copy = tmp_path / name
        shutil.copytree(folder, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(bytes(content))
        with pytest.raises(ExportError):
            load_export(copy, fingerprint=loaded.manifest.fingerprint())
        (copy / name).unlink()
        with pytest.raises(ExportError, match=name.replace(".", r"\.")):
            load_export(copy, fingerprint=loaded.manifest.fingerprint())


def test_an_export_that_decides_otherwise_than_when_it_was_made_is_refused(made, tmp_path):
    _, _, folder = made("campaign")
    copy = tmp_path / "export"
    shutil.copytree(folder, copy)
    golden = json.loads((copy / "golden.json").read_text())
    golden["score"][0] += 1e-6
    (copy / "golden.json").write_text(json.dumps(golden))
    said = json.loads((copy / "manifest.json").read_text())
    from kpi_gate.serving.manifest import sha256

    said["files"]["golden.json"] = sha256(copy / "golden.json")
    (copy / "manifest.json").write_text(json.dumps(said))
    with pytest.raises(ExportError, match="1 of 40 golden rows differ, the first of them row 0"):
        load_export(copy)


def test_golden_rows_pass_the_check_of_their_own_columns(made):
    for name in COMPILED:
        loaded, _, _ = made(name)
        assert Checker(loaded.manifest.columns).check(loaded.golden["rows"]) == []


def test_two_that_make_an_export_at_once_make_one(made, tmp_path, monkeypatch):
    loaded, reference, folder = made("case")
    written = make._Export.write

    def overtaken(self):
        found = written(self)
        shutil.copytree(folder, tmp_path / "export")
        return found

    monkeypatch.setattr(make._Export, "write", overtaken)
    found = make_export(reference.model, reference.use_case, tmp_path / "export", version="1")
    assert found.fingerprint() == loaded.manifest.fingerprint()
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
