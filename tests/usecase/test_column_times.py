"""Every declaration of a column against every other: one time each, told by name when it is not."""

import pytest
from future_world import parts, spenders

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.usecase.column_times import ROLES_WITH_OUTCOME
from kpi_gate.usecase.contract import Choices, ConfigurationError, Feature


def changed(**parts_of_settings):
    """Return settings of the toy with other parts."""
    return spenders().settings.model_copy(update=parts_of_settings)


def sliced(column):
    rails = spenders().settings.guardrails
    named = rails[1].model_copy(update={"slice": column})
    return {"settings": changed(guardrails=(rails[0], named))}


def within(column):
    policy = spenders().settings.policy.model_copy(update={"most": 3, "within": (column,)})
    return {"settings": changed(policy=policy)}


def one_per_unit(column):
    validation = spenders().settings.validation
    return {
        "settings": changed(validation=validation.model_copy(update={"one_per_unit": (column,)}))
    }


def invariant(column):
    monitor = spenders().settings.monitor
    return {"settings": changed(monitor=monitor.model_copy(update={"invariant": (column,)}))}


EARLY = {
    "features": lambda column: {"features": (Feature(column, "number"),)},
    "known": lambda column: {"known": (column,)},
    "slice": sliced,
    "within": within,
    "one_per_unit": one_per_unit,
    "invariant": invariant,
    "expected": lambda column: {"expected": {"spent": column}, "amount_estimator": None},
}
LATE = {
    "amounts": lambda column: {"amounts": ("spent", column)},
    "known_later": lambda column: {"known_later": (column,)},
}


@pytest.mark.parametrize("early", EARLY)
def test_what_is_named_at_the_decision_is_known_there(early):
    use_case = spenders(**EARLY[early]("extra"))
    assert "extra" in use_case.times.at_decision
    assert "extra" not in use_case.times.with_outcome
    assert "extra" in use_case.columns or early == "invariant"


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("early", EARLY)
def test_two_times_are_refused_by_name(early, late):
    with pytest.raises(ConfigurationError, match=r"'extra' is known only after event_time"):
        spenders(**EARLY[early]("extra"), **LATE[late]("extra"))


@pytest.mark.parametrize("role", ROLES_WITH_OUTCOME)
@pytest.mark.parametrize("early", EARLY)
def test_a_role_of_the_outcome_decides_nothing(early, role):
    with pytest.raises(ConfigurationError, match=f"'{role}' is known only after event_time"):
        spenders(**EARLY[early](role))


def test_a_value_column_without_a_time_is_told_both_lines():
    value = ValueModel("offer_margin", parts, ("spend_after",))
    with pytest.raises(ConfigurationError) as caught:
        spenders(value=value, amounts=(), amount_estimator=None)
    assert "known=('spend_after',)" in str(caught.value)
    assert "amounts=('spend_after',)" in str(caught.value)


@pytest.mark.parametrize("declared", [{"amounts": ("spent",)}, {"known_later": ("spent",)}])
def test_a_policy_that_cannot_expect_an_amount_is_told_both_ways_out(declared):
    given = {"amounts": (), "amount_estimator": None, **declared}
    with pytest.raises(ConfigurationError, match=r"expected=\{'spent': COLUMN\}.*amount_estimator"):
        spenders(**given)
    assert spenders(**given, expected={"spent": "guess"}).times.late_amounts == ("spent",)


def test_a_bid_weighs_no_amount_and_needs_no_expectation():
    settings = changed(policy=spenders().settings.policy.model_copy(update={"kind": "probability"}))
    assert spenders(settings=settings, amount_estimator=None).times.late_amounts == ("spent",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"expected": {"guess": "wealth"}}, "expected: 'guess' is no amount"),
        ({"amounts": ("spent", "unit")}, "amounts: 'unit' is a role"),
        (
            {"value": ValueModel("v", parts, ("guess",)), "amounts": ()},
            "amount_estimator: the value reads no amount",
        ),
        ({"value": ValueModel("v", parts, ("outcome",))}, "'outcome' for the value"),
        ({"value": ValueModel("v", parts, ("region",))}, "'region', and nothing says when"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(given, words):
    with pytest.raises(ConfigurationError, match=words):
        spenders(**given)


def test_amounts_go_with_estimators_that_can_bear_them():
    settings = spenders().settings
    bounded = settings.estimator.model_copy(update={"kind": "bounded"})
    with pytest.raises(ConfigurationError, match="'bounded': spent comes with the outcome"):
        spenders(settings=changed(estimator=bounded))
    logged = changed(
        estimator=settings.estimator.model_copy(update={"kind": "snips"}),
        policy=settings.policy.model_copy(update={"kind": "choice"}),
    )
    choices = Choices("region", ("north", "south"))
    with pytest.raises(ConfigurationError, match="amount_estimator: of logged choices"):
        spenders(settings=logged, choices=choices)
    declared = {"amount_estimator": None, "expected": {"spent": "guess"}}
    assert "region" in spenders(settings=logged, choices=choices, **declared).times.at_decision
