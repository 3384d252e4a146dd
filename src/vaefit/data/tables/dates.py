"""Dates as people write them, and as days since 1970-01-01."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# In the order in which they are tried: 03/04/2020 is March 4th.
FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%SZ",
    "%d %b %Y",
    "%b %d, %Y",
)
MONTH_FIRST, DAY_FIRST = "%m/%d/%Y", "%d/%m/%Y"
SHAPE = (
    r"^([0-9]{4}([-/.])[0-9]{1,2}[-/.][0-9]{1,2}([ T][0-9]{1,2}:[0-9]{2}.*)?"
    r"|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}"
    r"|[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}|[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4})$"
)
SECONDS = 86_400.0
# 0001-01-01 and 9999-12-31: what a date can be written as.
FIRST, LAST = -719162.0, 2932896.0
_SHAPE = re.compile(SHAPE)


def looks_like_date(cell: str) -> bool:
    """Whether a cell has the shape of a date."""
    return bool(_SHAPE.match(cell.strip()))


def date_format(text: pl.Series) -> str | None:
    """The format in which most of the observed cells are dates, None where most are none."""
    seen = text.drop_nulls().unique()
    if 2 * int(seen.str.contains(SHAPE).sum()) <= len(seen):
        return None
    counts = {name: len(seen) - int(to_days(seen, name).null_count()) for name in FORMATS}
    best = max(FORMATS, key=lambda name: counts[name])
    return best if 2 * counts[best] > len(seen) else None


def to_days(text: pl.Series, form: str) -> pl.Series:
    """Days since 1970-01-01 as Float64, null where a cell is missing or no date of this format."""
    import polars as pl

    try:
        found = (
            text.str.to_datetime(form, strict=False, time_unit="us")
            if _timed(form)
            else text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        )
    except pl.exceptions.PolarsError:
        return pl.Series(text.name, [None] * len(text), dtype=pl.Float64)
    days = found.cast(pl.Int64) / (1e6 * SECONDS)
    return days.set((days < FIRST) | (days > LAST + 1), None).alias(text.name)


def write_day(day: float, form: str) -> str:
    """The date so many days after 1970-01-01; times are rounded to the format's last digit.

    >>> write_day(0.5, "%Y-%m-%d %H:%M"), write_day(-1.0, "%d.%m.%Y")
    ('1970-01-01 12:00', '31.12.1969')
    """
    from datetime import timedelta

    unit = _unit(form)
    day = min(max(day, FIRST), LAST)
    moment = datetime(1970, 1, 1) + timedelta(microseconds=round(day * SECONDS * 1e6 / unit) * unit)
    return moment.strftime(form.replace("%.f", ".%f").replace("%Y", f"{moment.year:04d}"))


def step_of(form: str) -> float:
    """The distance, in days, between neighbouring dates of this format."""
    return _unit(form) / (1e6 * SECONDS)


def _timed(form: str) -> bool:
    return "%H" in form


def _unit(form: str) -> int:
    """Microseconds from one date of this format to the next."""
    if not _timed(form):
        return round(SECONDS * 1e6)
    if "%.f" in form:
        return 1
    return 1_000_000 if "%S" in form else 60_000_000
