"""The locks are in step with pyproject.toml, and a lock that is not is told."""

import shutil

import pytest
from locks import ROOT, SOURCES, faults


@pytest.fixture
def copy(tmp_path):
    for name in ("pyproject.toml", *SOURCES):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_the_locks_are_in_step(copy):
    assert faults(copy) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        (
            "pyproject.toml",
            '"numpy>=2.4,<3"',
            '"numpy>=2.5,<3"',
            "made from other requirements",
        ),
        ("requirements.lock", "\nnumpy==2", "\nnumpy==1", "pins numpy"),
        ("requirements.lock", "\nnumpy==", "\nnumby==", "pins numpy to None"),
        ("requirements.lock", "--hash=sha256:", "--hsah=sha256:", "has no hash"),
        ("requirements-dev.lock", "\nnumpy==", "\n--index-url x\nnumpy==", "names an address"),
    ],
)
def test_what_is_out_of_step_is_told(copy, name, old, new, fault):
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new))
    assert any(fault in found for found in faults(copy))
