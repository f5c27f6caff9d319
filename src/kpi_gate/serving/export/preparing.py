"""Turn fitted transformers into steps: encoders, imputers, scalers, and what puts them together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.serving.export.checks import checked
from kpi_gate.serving.export.draft import NOTHING, Draft, NotCompiledError, chained, named
from kpi_gate.serving.export.encoders import compile_encoder
from kpi_gate.serving.program.arithmetic import FUNCTIONS
from kpi_gate.serving.program.table import Spec

Names = tuple[str, ...]
Compiled = tuple[Spec, Names]


def compile_transformer(step: Any, names: Names, draft: Draft) -> Compiled:
    """Return the steps of a fitted transformer, and the names of the columns that it gives.

    Args:
        step: Fitted.
        names: Columns that reach it.
        draft: Takes arrays.

    Raises:
        NotCompiledError: If it has no compiled form.
    """
    if step in (None, "passthrough"):
        return NOTHING, names
    selects = _selected if hasattr(step, "get_support") else None
    made = _KINDS.get(named(step), selects)
    if made is None:
        raise NotCompiledError(f"{named(step)} has no compiled form")
    return made(step, names, draft)


def _pipeline(pipeline: Any, names: Names, draft: Draft) -> Compiled:
    specs: list[Spec] = []
    for _, step in pipeline.steps:
        spec, names = compile_transformer(step, names, draft)
        specs.append(spec)
    return chained(NOTHING, *specs) if _any_work(specs) else NOTHING, names


def _any_work(specs: list[Spec]) -> bool:
    return any(spec is not NOTHING for spec in specs)


def _columns(step: Any, names: Names, draft: Draft) -> Compiled:
    branches: list[Any] = []
    given: list[str] = []
    for name, transformer, _ in step.transformers_:
        places = [int(at) for at in step._transformer_to_input_indices.get(name, ())]
        if _dropped(transformer) or not places:
            continue
        if step.transformer_weights and name in step.transformer_weights:
            raise NotCompiledError("ColumnTransformer(transformer_weights=...)")
        inner, out = compile_transformer(transformer, tuple(names[at] for at in places), draft)
        branches.append([places, inner])
        given += out
    return {"kind": "split", "branches": branches}, tuple(given)


def _dropped(transformer: Any) -> bool:
    return isinstance(transformer, str) and transformer == "drop"


def _union(step: Any, names: Names, draft: Draft) -> Compiled:
    branches: list[Any] = []
    given: list[str] = []
    for name, transformer in step.transformer_list:
        if _dropped(transformer):
            continue
        if step.transformer_weights and name in step.transformer_weights:
            raise NotCompiledError("FeatureUnion(transformer_weights=...)")
        inner, out = compile_transformer(transformer, names, draft)
        branches.append([list(range(len(names))), inner])
        given += [f"{name}__{one}" for one in out]
    return {"kind": "split", "branches": branches}, tuple(given)


def _imputer(step: Any, names: Names, draft: Draft) -> Compiled:
    marker = step.missing_values
    if pd.isna(marker):
        marker = None
    fill = np.asarray(step.statistics_)
    known = [not pd.isna(value) for value in fill]
    keep = [at for at, there in enumerate(known) if there]
    if getattr(step, "keep_empty_features", False) and not all(known):
        raise NotCompiledError("SimpleImputer(keep_empty_features=True) of an empty column")
    marks = [int(at) for at in step.indicator_.features_] if step.indicator_ is not None else []
    spec = {
        "kind": "impute",
        "keep": keep,
        "fill": [_plain(fill[at]) for at in keep],
        "marks": marks,
        "marker": _plain(marker),
    }
    given = [names[at] for at in keep] + [f"missing_{names[at]}" for at in marks]
    return spec, tuple(given)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _arithmetic(step: Any, draft: Draft, *operations: tuple[str, Any]) -> Spec:
    made = [[name, draft.keep(numbers)] for name, numbers in operations if numbers is not None]
    return chained(checked(step), {"kind": "arithmetic", "operations": made})


def _standard(step: Any, names: Names, draft: Draft) -> Compiled:
    mean = step.mean_ if step.with_mean else None
    scale = step.scale_ if step.with_std else None
    return _arithmetic(step, draft, ("subtract", mean), ("divide", scale)), names


def _min_max(step: Any, names: Names, draft: Draft) -> Compiled:
    operations = [("multiply", step.scale_), ("add", step.min_)]
    if step.clip:
        low, high = step.feature_range
        size = len(step.scale_)
        operations += [("maximum", np.full(size, low)), ("minimum", np.full(size, high))]
    return _arithmetic(step, draft, *operations), names


def _max_abs(step: Any, names: Names, draft: Draft) -> Compiled:
    if getattr(step, "clip", False):
        raise NotCompiledError("MaxAbsScaler(clip=True)")
    return _arithmetic(step, draft, ("divide", step.scale_)), names


def _robust(step: Any, names: Names, draft: Draft) -> Compiled:
    centre = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return _arithmetic(step, draft, ("subtract", centre), ("divide", scale)), names


def _function(step: Any, names: Names, draft: Draft) -> Compiled:
    function = step.func
    # what boosted trees do with their own numbers
    inner = getattr(function, "func", None)
    if function is None or getattr(inner, "__name__", "") == "check_array":
        return NOTHING, names
    name = getattr(function, "__name__", named(function))
    if FUNCTIONS.get(name) is not function:
        raise NotCompiledError(f"FunctionTransformer({name}) has no compiled form")
    arguments = {key: float(value) for key, value in (step.kw_args or {}).items()}
    return {"kind": "apply", "function": name, "arguments": arguments}, names


def _selected(step: Any, names: Names, draft: Draft) -> Compiled:
    places = [int(place) for place in step.get_support(indices=True)]
    spec = chained(checked(step), {"kind": "take", "places": places})
    return spec, tuple(names[place] for place in places)


def _components(step: Any, names: Names, draft: Draft) -> Compiled:
    weights, mean = step.components_.T, getattr(step, "mean_", None)
    if getattr(step, "whiten", False):
        weights = weights / np.sqrt(step.explained_variance_)
    shift = np.zeros(weights.shape[0]) if mean is None else mean
    spec = {"kind": "project", "weights": draft.keep(weights), "shift": draft.keep(shift)}
    return chained(checked(step), spec), tuple(map(str, step.get_feature_names_out()))


def _polynomial(step: Any, names: Names, draft: Draft) -> Compiled:
    powers = step.powers_
    degree, one = int(powers.sum(axis=1).max(initial=0)), powers.shape[1]
    places = np.full((len(powers), max(degree, 1)), one)
    for row, power in enumerate(powers):
        used = np.repeat(np.arange(one), power)
        places[row, : len(used)] = used
    spec = {"kind": "products", "places": draft.keep(places)}
    return chained(checked(step), spec), tuple(map(str, range(len(powers))))


def _bins(step: Any, names: Names, draft: Draft) -> Compiled:
    spec = {"kind": "bins", "edges": [draft.keep(edges[1:-1]) for edges in step.bin_edges_]}
    found = chained(checked(step), spec)
    if step.encode == "ordinal":
        return found, names
    hot, given = compile_encoder(step._encoder, names, draft)
    return chained(found, hot), given


def _normalizer(step: Any, names: Names, draft: Draft) -> Compiled:
    return chained(checked(step), {"kind": "scaled", "norm": step.norm}), names


def _binarizer(step: Any, names: Names, draft: Draft) -> Compiled:
    return chained(checked(step), {"kind": "above", "bound": float(step.threshold)}), names


_KINDS: dict[str, Callable[[Any, Names, Draft], Compiled]] = {
    "Pipeline": _pipeline,
    "ColumnTransformer": _columns,
    "FeatureUnion": _union,
    "SimpleImputer": _imputer,
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "FunctionTransformer": _function,
    "PolynomialFeatures": _polynomial,
    "KBinsDiscretizer": _bins,
    "Normalizer": _normalizer,
    "Binarizer": _binarizer,
    "PCA": _components,
    "TruncatedSVD": _components,
    "OrdinalEncoder": compile_encoder,
    "OneHotEncoder": compile_encoder,
    "TargetEncoder": compile_encoder,
}
