"""Which days does a country's production calendar close, move or shorten?

Three sources: a file of the operator's, a file shipped here (Russia), and the `holidays` library for every other country,
which knows public holidays only. A file may also name holidays of every year; they count in years it does not tell of.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import holidays
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.core.hours import ProductionCalendar, ProductionDay

SHIPPED = Path(__file__).with_name("countries")
YEARS = range(2018, 2036)
"""Years that get the yearly holidays of a file, or those of the library."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Closed(_Strict):
    """One date (`on`) or a run of dates, both ends inclusive."""

    on: date | None = None
    from_: Annotated[date | None, Field(alias="from")] = None
    to: date | None = None
    why: str = ""

    @model_validator(mode="after")
    def _named_once(self) -> _Closed:
        if (self.on is None) == (self.from_ is None or self.to is None):
            raise ValueError("give either on, or from and to")
        return self

    def dates(self) -> Iterator[date]:
        if self.on:
            yield self.on
        elif self.from_ and self.to:
            for number in range((self.to - self.from_).days + 1):
                yield self.from_ + timedelta(days=number)


class _Moved(_Strict):
    on: date
    for_: Annotated[date, Field(alias="for")]


class _Year(_Strict):
    source: str = ""
    closed: tuple[_Closed, ...] = ()
    working: tuple[_Moved, ...] = ()
    shortened: tuple[date, ...] = ()

    def days(self) -> dict[date, ProductionDay]:
        days = {on: ProductionDay(on, closed=True, why=run.why) for run in self.closed for on in run.dates()}
        short = set(self.shortened)
        for moved in self.working:
            days[moved.on] = ProductionDay(moved.on, moved_from=moved.for_, shortened=moved.on in short)
        for on in short - days.keys():
            days[on] = ProductionDay(on, shortened=True)
        return days


class _File(BaseModel):
    """A file of a country: each further key is a year."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[Annotated[str, Field(pattern=r"^\d{4}$")], _Year]

    country: str = ""
    yearly: tuple[Annotated[str, Field(pattern=r"^\d\d-\d\d$")], ...] = ()

    def days(self) -> dict[date, ProductionDay]:
        told = self.__pydantic_extra__
        others = [year for year in YEARS if str(year) not in told]
        days = [date.fromisoformat(f"{year}-{day}") for year in others for day in self.yearly]
        found = {on: ProductionDay(on, closed=True) for on in days}
        for body in told.values():
            found |= body.days()
        return found


@lru_cache(maxsize=64)
def production_calendar(name: str, folder: Path = Path()) -> ProductionCalendar:
    """The calendar of a country code (`RU`) or of a file ending in `.toml`, relative to `folder`.

    ValueError, with what to do, when there is no such country or the file cannot be used.
    """
    if name.endswith(".toml"):
        return _from_file(folder / name)
    shipped = SHIPPED / f"{name.upper()}.toml"
    return _from_file(shipped) if shipped.is_file() else _from_library(name.upper())


def _from_file(path: Path) -> ProductionCalendar:
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
        days = file.days()
    except FileNotFoundError as error:
        raise ValueError(f'there is no file {path}; name a country ("RU") or a file beside config.toml') from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path.name}: {place}: {first['msg']}; the shipped RU.toml shows the form") from error
    except (OSError, ValueError) as error:  # unreadable, no text, no TOML, no date
        raise ValueError(f"{path.name}: {error}; the shipped RU.toml shows the form") from error
    return _ordered(file.country or path.stem, days)


def _from_library(country: str) -> ProductionCalendar:
    try:
        found = holidays.country_holidays(country, years=YEARS)
    except NotImplementedError as error:
        raise ValueError(
            f'no production calendar of "{country}" is known; name a country by its two letters ("DE") or a file'
        ) from error
    days = {on: ProductionDay(on, closed=True, why=why) for on, why in found.items() if on.year in YEARS}
    return _ordered(country, days)


def _ordered(country: str, days: dict[date, ProductionDay]) -> ProductionCalendar:
    return ProductionCalendar(country, tuple(days[on] for on in sorted(days)))
