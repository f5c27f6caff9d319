"""The model that a use case gets where it declares none."""

from collections.abc import Mapping, Sequence
from typing import Any


def default_trees(
    model: Mapping[str, Any], numbers: Sequence[str] = (), categories: Sequence[str] = ()
) -> Any:
    """Return gradient-boosted trees; a level that training has not seen counts as missing.

    Args:
        model: Parameters of scikit-learn's `HistGradientBoostingClassifier`, beside `seed`.
        numbers: Columns of numbers, which may be missing.
        categories: Columns of text or whole numbers.
    """
    # here and not above: `kpi-gate list` and a run with nothing new need no scikit-learn
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    given = {name: value for name, value in model.items() if name not in ("seed", "threads")}
    trees = HistGradientBoostingClassifier(
        **{"early_stopping": False, **given},
        categorical_features=list(range(len(categories))) or None,
        random_state=model["seed"],
    )
    if not categories:
        return trees
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = make_column_transformer(
        (codes, list(categories)), ("passthrough", list(numbers)), verbose_feature_names_out=False
    )
    return make_pipeline(columns, trees)
