"""Ready-made value models: campaigns, fraud, retention, ads and recommendations."""

import numpy as np

from kpi_gate.decision.value import Columns, Floats, Parameter, Parameters, ValueModel


def _campaign_parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    amount = np.clip(columns["balance_eur"], 0, parameters["amount_cap_eur"])
    share, rate = parameters["deposited_share"], parameters["interest_rate"]
    return {
        "deposit_margin": action * outcome * amount * share * rate,
        "contact_cost": -action * parameters["contact_cost_eur"],
    }


BAHNSEN = "Correa Bahnsen et al. 2014"

# Correa Bahnsen, Stojanovic, Aouada, Ottersten (2014), "Improving credit scoring with
# example-dependent cost-sensitive learning": profit of a call = y * balance * share * rate - cost.
campaign_profit = ValueModel(
    name="campaign_profit",
    parts=_campaign_parts,
    columns=("balance_eur",),
    amount_cap="amount_cap_eur",
    parameters={
        "contact_cost_eur": Parameter("EUR a call", 0.5, 1.0, 2.0, f"{BAHNSEN}; range assumed"),
        "interest_rate": Parameter("share a year", 0.02, 0.02463333, 0.03, BAHNSEN),
        "deposited_share": Parameter("share of the balance", 0.15, 0.25, 0.35, BAHNSEN),
        "amount_cap_eur": Parameter("EUR", 20_000, 20_000, 20_000, "assumption"),
    },
)
