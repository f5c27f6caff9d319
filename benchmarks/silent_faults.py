"""Break a day's rows as upstream systems do: one function a fault, on columns drawn by a seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kpi_gate.learning.leakage import numbers

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Scene:
    """What a fault may look at.

    Attributes:
        day: Rows of the day.
        before: Rows of the days before, oldest first.
        length: Days that each of them holds.
        amounts: Columns of positive numbers with many values.
        moving: Columns whose value changes from day to day.
        spread: Columns of numbers with many values, of any sign.
        names: Columns of categories with at least three levels.
        random: The seed's generator.
    """

    day: pd.DataFrame
    before: Sequence[pd.DataFrame]
    length: int
    amounts: Sequence[str]
    moving: Sequence[str]
    spread: Sequence[str]
    names: Sequence[str]
    random: np.random.Generator

    def draw(self, names: Sequence[str]) -> str:
        """Draw one of the columns."""
        return str(self.random.choice(list(names)))

    def some(self, share: float) -> pd.Series:
        """Draw a share of the day's rows."""
        return pd.Series(self.random.random(len(self.day)) < share, self.day.index)


Spoil = Callable[[Scene], pd.DataFrame]


def scaled(factor: float, share: float = 1.0, columns: str = "amounts") -> Spoil:
    """Return a fault: other units in a share of the rows."""

    def spoil(scene: Scene) -> pd.DataFrame:
        name = scene.draw(getattr(scene, columns))
        values = scene.day[name].astype(float)
        return scene.day.assign(**{name: values.mask(scene.some(share), values * factor)})

    return spoil


def fahrenheit(scene: Scene) -> pd.DataFrame:
    """Return the day with a column in degrees Fahrenheit."""
    name = "temperature_c" if "temperature_c" in scene.day else scene.draw(scene.spread)
    return scene.day.assign(**{name: scene.day[name] * 1.8 + 32})


def defaulted(share: float, value: float | None = 0.0) -> Spoil:
    """Return a fault: a default in place of a share of the values; None is a missing value."""

    def spoil(scene: Scene) -> pd.DataFrame:
        name = scene.draw(scene.spread)
        values = scene.day[name].astype(float)
        new = np.nan if value is None else value
        return scene.day.assign(**{name: values.mask(scene.some(share), new)})

    return spoil


def constant(scene: Scene) -> pd.DataFrame:
    """Return the day with one value in a whole column."""
    name = scene.draw(scene.spread)
    return scene.day.assign(**{name: float(np.nanmedian(numbers(scene.day[name])))})


def shifted(scene: Scene) -> pd.DataFrame:
    """Return the day with a column moved by one standard deviation."""
    name = scene.draw(scene.spread)
    return scene.day.assign(**{name: scene.day[name] + float(scene.day[name].std())})


def repeated(back: int) -> Spoil:
    """Return a fault: the rows of an earlier day, under today's date."""

    def spoil(scene: Scene) -> pd.DataFrame:
        old = scene.before[-back]
        return old.assign(event_time=old["event_time"] + back * scene.length * DAY)

    return spoil


def lagged(share: float) -> Spoil:
    """Return a fault: a column that is still yesterday's, for a share of the units seen then."""

    def spoil(scene: Scene) -> pd.DataFrame:
        name = scene.draw(scene.moving)
        old = scene.before[-1].drop_duplicates("unit", keep="last").set_index("unit")[name]
        late = scene.day["unit"].map(old)
        known = scene.day["unit"].isin(old.index) & scene.some(share)
        return scene.day.assign(**{name: scene.day[name].mask(known, late)})

    return spoil


def renamed(place: int) -> Spoil:
    """Return a fault: another name for a level, 0 the most frequent, -1 the rarest of the day."""

    def spoil(scene: Scene) -> pd.DataFrame:
        name = scene.names[0] if place else scene.draw(scene.names)
        values = scene.day[name].astype(object)
        order = values.value_counts()
        level = order.index[min(place, len(order) - 1)] if place >= 0 else _rare(order)
        return scene.day.assign(**{name: values.mask(values == level, f"{level} ")})

    return spoil


def _rare(order: pd.Series) -> object:
    """Return the rarest level with at least five rows."""
    return order[order >= 5].index[-1]


def permuted(scene: Scene) -> pd.DataFrame:
    """Return the day with the levels of a category exchanged in a ring."""
    return _ring(scene, scene.draw([name for name in scene.names if name != "device"]))


def alike(scene: Scene) -> pd.DataFrame:
    """Return the day with codes exchanged that are equally frequent and drawn anew each day."""
    return _ring(scene, "device" if "device" in scene.day else scene.names[-1])


def _ring(scene: Scene, name: str) -> pd.DataFrame:
    values = scene.day[name].astype(object)
    levels = list(values.value_counts().index)
    ring = dict(zip(levels, [*levels[1:], levels[0]], strict=True))
    return scene.day.assign(**{name: values.map(ring)})


def misjoined(scene: Scene) -> pd.DataFrame:
    """Return the day with every unit's columns but the key taken from another row."""
    other = scene.day.iloc[scene.random.permutation(len(scene.day))].reset_index(drop=True)
    key = scene.day[["unit", "event_time", *({"item"} & set(scene.day))]].reset_index(drop=True)
    return other.assign(**{name: key[name] for name in key})


def missing(scene: Scene) -> pd.DataFrame:
    """Return the day without a column."""
    return scene.day.drop(columns=scene.draw([*scene.spread, *scene.names]))


def emptied(scene: Scene) -> pd.DataFrame:
    """Return the day with a column that is there and holds nothing."""
    return scene.day.assign(**{scene.draw(scene.spread): np.nan})


def extra(scene: Scene) -> pd.DataFrame:
    """Return the day with one column more."""
    return scene.day.assign(unexpected=scene.random.normal(size=len(scene.day)))


def texts(scene: Scene) -> pd.DataFrame:
    """Return the day with a number written with a decimal comma."""
    name = scene.draw(scene.spread)
    words = scene.day[name].map(lambda value: f"{value:.2f}".replace(".", ","))
    return scene.day.assign(**{name: words})


def codes(scene: Scene) -> pd.DataFrame:
    """Return the day with a category written as numbers."""
    name = scene.draw(scene.names)
    return scene.day.assign(**{name: pd.factorize(scene.day[name])[0]})


def swapped(scene: Scene) -> pd.DataFrame:
    """Return the day with two columns under each other's name."""
    one, two = scene.random.choice(list(scene.amounts), 2, replace=False)
    return scene.day.assign(**{one: scene.day[two], two: scene.day[one]})


def flipped(scene: Scene) -> pd.DataFrame:
    """Return the day with the sign of a column turned."""
    name = "noise" if "noise" in scene.day else scene.draw(scene.spread)
    return scene.day.assign(**{name: -scene.day[name]})


def twice(scene: Scene) -> pd.DataFrame:
    """Return the day with one row in twenty counted twice."""
    return pd.concat([scene.day, scene.day[scene.some(0.05)]], ignore_index=True)


def moved(hours: float, share: float = 1.0) -> Spoil:
    """Return a fault: a clock that is off, on a share of the rows."""

    def spoil(scene: Scene) -> pd.DataFrame:
        time = scene.day["event_time"]
        off = pd.Timedelta(hours=hours)
        return scene.day.assign(event_time=time.mask(scene.some(share), time + off))

    return spoil


def kept(share: float) -> Spoil:
    """Return a fault: a share of the rows alone arrives."""
    return lambda scene: scene.day[scene.some(share)]


FAULTS: Mapping[str, Spoil] = {
    "cents for euros, all rows": scaled(100),
    "cents for euros, 10 % of the rows": scaled(100, 0.1),
    "euros for cents, all rows": scaled(0.01),
    "euros for cents, 10 % of the rows": scaled(0.01, 0.1),
    "days to months": scaled(1 / 30),
    "months to days": scaled(30),
    "thousands": scaled(1000),
    "in thousands": scaled(1 / 1000),
    "minutes to seconds": scaled(60),
    "Celsius to Fahrenheit": fahrenheit,
    "constant column": constant,
    "30 % default zero": defaulted(0.3),
    "batch of the day before": repeated(1),
    "batch of a week before": repeated(7),
    "one column a day late": lagged(1.0),
    "one column a day late, 20 % of the rows": lagged(0.2),
    "null spike, +8 points": defaulted(0.08, None),
    "null spike, +30 points": defaulted(0.3, None),
    "category renamed, common": renamed(0),
    "category renamed, fifth in frequency": renamed(4),
    "category renamed, rare": renamed(-1),
    "category codes permuted": permuted,
    "rows joined by a wrong key": misjoined,
    "column missing": missing,
    "column all null": emptied,
    "column more": extra,
    "number to text": texts,
    "text to number": codes,
    "two columns swapped": swapped,
    "column moved by one SD": shifted,
    "5 % of the rows twice": twice,
    "clock three hours ahead": moved(3),
    "2 % of the rows from tomorrow": moved(24, 0.02),
    "10 % of the rows a week late": moved(-168, 0.1),
    "a third of the rows": kept(1 / 3),
    "an empty day": kept(0),
}
UNSEEN: Mapping[str, Spoil] = {  # declared undetectable without labels
    "sign of a symmetric, irrelevant column": flipped,
    "codes of equally frequent, unsteady levels": alike,
}
