"""How the experiments of a use case are planned and where their log is, as written in YAML."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kpi_gate.decision.objective import Finite, NonNegative, Section

Positive = Annotated[Finite, Field(gt=0)]


class ExperimentLog(Section):
    """Where whoever serves logs the exposures: a path, or a table in a database.

    Attributes:
        path: File of Parquet or CSV, or folder of such files, from the project's folder.
        sql: Table, with its schema where it is not the usual one. The address of its database is
            in the environment, `KPI_GATE_EXPERIMENT_LOG_URL`: a YAML holds no password.
    """

    path: str | None = Field(default=None, min_length=1)
    sql: str | None = Field(default=None, min_length=1, pattern=r"^[^:/@]+$")

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.path is None) == (self.sql is None):
            raise ValueError("a log is at a `path` or in a table, `sql`: one of them is needed")
        return self


class Margin(Section):
    """A guardrail of the experiment: a column of its log that must not worsen by more than so much.

    Attributes:
        column: Numeric column of the log; its mean per decision is watched.
        direction: Which way is worse.
        margin: How much worse it may be, in the column's unit per decision.
    """

    column: str = Field(min_length=1)
    direction: Literal["fall", "rise"] = "fall"
    margin: NonNegative


class ExperimentSettings(Section):
    """How experiments are planned; what runs keeps to the plan that was recorded.

    Attributes:
        log: Where exposures are logged; by default the folder `data/exposures/USE_CASE`.
        minimum_effect: Smallest effect per decision that must not be missed; by default what a
            gain must exceed to be worth a release.
        treatment_share: Share of the units that get the candidate.
        power: Probability to see the smallest effect.
        looks: Looks at the benefit, in equal steps of whole weeks.
        margins: What must not worsen.
        model_life_days: How long a model of this use case lives; by default as its promotions on
            record say.
    """

    log: ExperimentLog | None = None
    minimum_effect: Positive | None = None
    treatment_share: float = Field(default=0.5, gt=0, lt=1)
    power: float = Field(default=0.8, ge=0.5, lt=1)
    looks: int = Field(default=4, ge=1, le=20)
    margins: tuple[Margin, ...] = ()
    model_life_days: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _takes_a_path_alone(cls, given: object) -> object:
        """Take `log: folder` for `log: {path: folder}`."""
        if isinstance(given, dict) and isinstance(given.get("log"), str):
            return {**given, "log": {"path": given["log"]}}
        return given

    @model_validator(mode="after")
    def _names_each_column_once(self) -> Self:
        names = [margin.column for margin in self.margins]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"margins: {twice} is there twice")
        return self
