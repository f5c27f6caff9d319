"""Types that every stored model may hold: those of scikit-learn, numpy and scipy, derived.

skops may call what it trusts with whatever a file says, so each of them must be harmless whatever
it is given: estimators and their parts, which only keep it, and functions of arrays. What reads or
writes files, asks the network or runs code is not among them, such as the distributions of
`scipy.stats`, whose state is executed when it is set.
"""

import inspect
import sys
from collections.abc import Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

PLAIN = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "functools.partial",
    "kpi_gate.learning.amounts.WithAmounts",
    "kpi_gate.learning.averaged.Averaged",
    "numpy.dtype",
)
_NO_PARTS = frozenset({"callback", "datasets", "externals", "tests", "_testing", "_mocking"})
_FILES = frozenset({"file", "fname"})  # how numpy calls a parameter that is a file


@cache
def trusted_by_default() -> frozenset[str]:
    """Return the full names of all types and functions that need nobody's word."""
    return frozenset({*PLAIN, *_classes(), *_functions(), *_array_functions(), *_of_scipy()})


def _classes() -> Iterator[str]:
    """Yield scikit-learn's estimators, also private ones, and what they are made of."""
    # skops imports every other module of scikit-learn; these two are experimental
    import sklearn.impute._iterative
    import sklearn.model_selection._search_successive_halving  # noqa: F401
    import skops.io  # noqa: F401

    kinds = _kinds()
    for name, module in list(sys.modules.items()):
        root, *path = name.split(".")
        if root != "sklearn" or not _NO_PARTS.isdisjoint(path):
            continue
        for found in list(vars(module).values()):
            if isinstance(found, type) and found.__module__ == name and issubclass(found, kinds):
                yield _full_name(found)


def _kinds() -> tuple[type, ...]:
    """Return what every part of a fitted model of scikit-learn descends from."""
    from sklearn._loss.link import BaseLink
    from sklearn._loss.loss import BaseLoss
    from sklearn.base import BaseEstimator
    from sklearn.calibration import _CalibratedClassifier
    from sklearn.compose import make_column_selector
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.gaussian_process.kernels import Kernel
    from sklearn.metrics import DistanceMetric
    from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
    from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
    from sklearn.model_selection._split import _RepeatedSplits
    from sklearn.neighbors import BallTree, KDTree
    from sklearn.neural_network._stochastic_optimizers import BaseOptimizer
    from sklearn.tree._tree import Tree
    from sklearn.utils import Bunch
    from sklearn.utils._metadata_requests import MetadataRequest, MethodMetadataRequest

    models = (BaseEstimator, _CalibratedClassifier, Kernel, BaseLoss, BaseLink)
    trees = (Tree, TreePredictor, KDTree, BallTree, DistanceMetric)
    searches = (BaseCrossValidator, BaseShuffleSplit, _RepeatedSplits)
    scorers = (_BaseScorer, _MultimetricScorer, _PassthroughScorer)
    plain = (Bunch, BaseOptimizer, MetadataRequest, MethodMetadataRequest, make_column_selector)
    return (*models, *trees, *searches, *scorers, *plain, tuple)  # tuple: named ones


def _functions() -> Iterator[str]:
    """Yield scikit-learn's public functions of arrays: scores, metrics, kernels, scalers."""
    import sklearn.feature_selection
    import sklearn.metrics
    import sklearn.metrics.pairwise
    import sklearn.preprocessing
    from sklearn.utils.validation import check_array

    yield _full_name(check_array)
    for module in (sklearn.feature_selection, sklearn.metrics, sklearn.preprocessing):
        yield from _public(module, module.__all__)
    pairwise = sklearn.metrics.pairwise
    yield from _public(pairwise, [name for name in vars(pairwise) if not name.startswith("_")])


def _public(module: ModuleType, names: list[str]) -> Iterator[str]:
    for found in (getattr(module, name) for name in names):
        if isinstance(found, FunctionType) and found.__module__.startswith("sklearn."):
            yield _full_name(found)


def _array_functions() -> Iterator[str]:
    """Yield numpy's functions of arrays but for those that take a file; skops knows the ufuncs."""
    import numpy as np

    dispatched: type = type(np.clip)
    for module in (np, np.linalg):
        for found in vars(module).values():
            if isinstance(found, dispatched) and _FILES.isdisjoint(_parameters(found)):
                yield _full_name(found)


def _parameters(function: Any) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


def _of_scipy() -> Iterator[str]:
    """Yield sparse containers, and what a spline is made of."""
    import scipy.sparse
    from scipy.interpolate import BSpline

    for found in vars(scipy.sparse).values():
        if isinstance(found, type) and issubclass(
            found, scipy.sparse.sparray | scipy.sparse.spmatrix
        ):
            yield _full_name(found)
    yield _full_name(BSpline)
    asarray = getattr(BSpline([0.0, 0.0, 1.0, 1.0], [0.0, 1.0], 1), "_asarray", None)
    if asarray is not None:
        yield _full_name(asarray)


def _full_name(found: Any) -> str:
    return f"{found.__module__}.{found.__name__}"
