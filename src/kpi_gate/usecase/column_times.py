"""When each column of a use case is known: at the decision, or with its outcome. Never both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

ROLES_AT_DECISION = ("event_time", "unit", "item", "decision_id", "propensity")
ROLES_WITH_OUTCOME = ("outcome", "label_time", "observed")


@dataclass(frozen=True)
class ColumnTimes:
    """What a use case declares of its columns, and what is wrong with that.

    Attributes:
        features: Inputs of the model.
        known: Further columns that are known at the decision.
        named: Columns that settings take as known at the decision, such as a slice: by what.
        amounts: Amounts that arrive with the outcome.
        known_later: Whatever else is known only after the decision.
        valued: Columns that the value of a decision reads.
        expected: Of an amount, the column that says at the decision what it will be.
        learnt: Whether a second model says what the amounts will be.
        weighed: Whether the policy weighs what an action is worth.
    """

    features: tuple[str, ...]
    known: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    amounts: tuple[str, ...] = ()
    known_later: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()
    expected: Mapping[str, str] = field(default_factory=dict)
    learnt: bool = False
    weighed: bool = True

    @cached_property
    def with_outcome(self) -> tuple[str, ...]:
        """Columns that are seen only once a decision is over."""
        return tuple(dict.fromkeys((*ROLES_WITH_OUTCOME, *self.amounts, *self.known_later)))

    @cached_property
    def at_decision(self) -> tuple[str, ...]:
        """Columns that whatever decides may read."""
        every = (
            *ROLES_AT_DECISION,
            *self.features,
            *self.known,
            *self.expected.values(),
            *self.named,
        )
        late = set(self.with_outcome)
        return tuple(name for name in dict.fromkeys(every) if name not in late)

    @property
    def read_to_decide(self) -> tuple[str, ...]:
        """The same without the roles that only say whose and when a decision is."""
        declared = {*self.features, *self.known, *self.expected.values()}
        roles = set(ROLES_AT_DECISION) - declared
        return tuple(name for name in self.at_decision if name not in roles)

    @cached_property
    def late_amounts(self) -> tuple[str, ...]:
        """Columns of the value that arrive with the outcome."""
        late = set(self.with_outcome)
        return tuple(name for name in self.valued if name in late)

    def why_unseen(self, name: str) -> str:
        """Say why a function that decides does not see a column."""
        if name in self.with_outcome:
            return (
                f"column {name!r} is known only with the outcome, so nothing that scores, acts or "
                "stands for the rule of thumb may read it"
            )
        return (
            f"column {name!r} is not declared: name it in `known` if it is known at the decision, "
            "in `amounts` or `known_later` if it comes with the outcome"
        )

    def faults(self) -> Iterator[str]:
        """Yield each column with two times or none, and each amount that nobody can expect."""
        late = set(self.with_outcome)
        for name in self.features:
            if name in late:
                yield (
                    f"feature {name!r} is known only after event_time, so no decision can use it; "
                    "remove it from `features`"
                )
        for name, place in {**dict.fromkeys(self.known, "`known`"), **self.named}.items():
            if name in late:
                yield (
                    f"column {name!r} is known only after event_time, and {place} takes it as "
                    "known at the decision: a column has one time"
                )
        yield from self._wrong_value()
        yield from self._wrong_expectations()

    def _wrong_value(self) -> Iterator[str]:
        early = {*ROLES_AT_DECISION, *self.features, *self.known, *self.expected.values()}
        for name in self.valued:
            if name in ROLES_WITH_OUTCOME:
                yield (
                    f"the policy needs {name!r} for the value, but it is known only after "
                    "event_time, and it is no amount"
                )
            elif name in self.late_amounts:
                if self.weighed and not self.learnt and name not in self.expected:
                    yield (
                        f"the policy needs {name!r} for the value, but it is known only after "
                        f"event_time: declare expected={{{name!r}: COLUMN}}, a column known at the "
                        "decision that says what it will be, or amount_estimator=FUNCTION, a "
                        "regressor that learns it"
                    )
            elif name not in early:
                yield (
                    f"the value reads {name!r}, and nothing says when it is known: write "
                    f"known=({name!r},) if it is known at the decision, or amounts=({name!r},) if "
                    "it comes with the outcome"
                )

    def _wrong_expectations(self) -> Iterator[str]:
        late = set(self.with_outcome)
        for name, column in self.expected.items():
            if name not in self.late_amounts:
                yield f"expected: {name!r} is no amount that the value reads and that comes later"
            if column in late:
                yield (
                    f"expected: {column!r} is known only after event_time, so it cannot say at the "
                    f"decision what {name!r} will be"
                )
        for name in self.amounts:
            if name in (*ROLES_AT_DECISION, *ROLES_WITH_OUTCOME):
                yield f"amounts: {name!r} is a role with a time of its own"
        if self.learnt and not self.late_amounts:
            yield "amount_estimator: the value reads no amount that comes with the outcome"
