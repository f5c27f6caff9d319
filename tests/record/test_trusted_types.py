"""What is trusted unasked: enough for scikit-learn's own models, and nothing that acts."""

import ast
import importlib
import inspect
import textwrap

import pytest
from sklearn.utils import all_estimators

from kpi_gate.record.trusted_types import trusted_by_default

pytestmark = pytest.mark.slow

TRUSTED = trusted_by_default()
ACTS = {"exec", "eval", "compile", "open", "__import__", "system", "popen", "Popen", "urlopen"}
# estimators that open the files which their rows name, when they score; skops trusts them too
OPENS_ROWS = {"CountVectorizer", "HashingVectorizer", "TfidfVectorizer"}


def resolve(name):
    module, _, own = name.rpartition(".")
    return getattr(importlib.import_module(module), own)


def test_every_estimator_of_scikit_learn_is_trusted():
    names = {f"{kind.__module__}.{kind.__name__}" for _, kind in all_estimators()}
    assert names <= TRUSTED


@pytest.mark.parametrize(
    "name",
    [
        "builtins.eval",
        "builtins.exec",
        "builtins.getattr",
        "builtins.open",
        "ctypes.CDLL",
        "joblib.numpy_pickle.load",
        "numpy.fromfile",
        "numpy.genfromtxt",
        "numpy.load",
        "numpy.loadtxt",
        "numpy.memmap",
        "numpy.save",
        "numpy.savetxt",
        "numpy.savez",
        "numpy.savez_compressed",
        "operator.attrgetter",
        "operator.methodcaller",
        "os.system",
        "pickle.loads",
        "posix.system",
        "scipy.io.loadmat",
        "scipy.sparse.load_npz",
        # its state holds source code, which is executed when it is set
        "scipy.stats._continuous_distns.uniform_gen",
        "sklearn.datasets._base.load_files",
        "sklearn.datasets._openml.fetch_openml",
        "sklearn.externals._arff.load",
        "sklearn.utils._testing._delete_folder",
        "sklearn.utils._testing.assert_run_python_script_without_output",
        "sklearn.utils.parallel.Parallel",
        "subprocess.Popen",
    ],
)
def test_what_acts_is_not_trusted(name):
    assert name not in TRUSTED


def test_every_name_is_a_class_or_a_function_of_these_packages():
    for name in TRUSTED:
        found = resolve(name)
        assert callable(found), name
        root = name.partition(".")[0]
        assert root in {"sklearn", "numpy", "scipy", "collections", "functools", "kpi_gate"}, name


def test_nothing_that_is_trusted_opens_or_runs_anything_by_itself():
    read = 0
    for name in sorted(TRUSTED):
        found = resolve(name)
        try:
            source = textwrap.dedent(inspect.getsource(inspect.unwrap(found)))
        except (OSError, TypeError):  # compiled
            continue
        if found.__name__ in OPENS_ROWS or not name.startswith(("sklearn.", "numpy.", "scipy.")):
            continue
        read += 1
        calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        called = {getattr(call, "id", getattr(call, "attr", "")) for call in calls}
        assert called.isdisjoint(ACTS), name
    assert read > 400
