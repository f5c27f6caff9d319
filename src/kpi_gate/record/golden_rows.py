"""Do the stored bytes of a model score its golden rows as they did when it was made?"""

import numpy as np

from kpi_gate.record.model_files import Model


def golden_difference(model: Model) -> str:
    """Score the golden rows of a loaded model; return what differs from when it was made."""
    from kpi_gate.learning.expected import AmountError, golden_amounts
    from kpi_gate.learning.scoring import ScoringError, probabilities

    golden, features = model.golden, list(model.card.features)
    try:
        again = {"golden_probability": probabilities(model.estimator, golden, features)}
        if hasattr(model.estimator, "expect"):
            again |= golden_amounts(model.estimator.expect(golden[features]))
    except (ScoringError, AmountError) as error:
        return f"its golden rows cannot be scored: {error}"
    unlike = [found != golden[name].to_numpy() for name, found in again.items()]
    wrong = int(np.any(unlike, axis=0).sum())
    return (
        f"{wrong} of {len(golden)} golden rows score differently" if wrong or golden.empty else ""
    )
