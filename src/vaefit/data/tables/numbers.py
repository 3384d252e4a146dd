"""Cells as text, and the numbers in them: what is missing, and how people write numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "?", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "<na>")
# Missing only where all other cells are numbers.
STROKES = ("-", "--", ".")

Convention = Literal["plain", "grouped", "comma"]
CONVENTIONS: tuple[str, ...] = get_args(Convention)
# 1234.5 and 1e-5; 1,234.5; 1234,5 and 1.234,5.
PATTERNS = {
    "plain": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "grouped": r"^[+-]?([1-9][0-9]{0,2}(,[0-9]{3})+|[0-9]+)?(\.[0-9]*)?$",
    "comma": r"^[+-]?([1-9][0-9]{0,2}(\.[0-9]{3})+|[0-9]+)?(,[0-9]*)?([eE][+-]?[0-9]+)?$",
}
# Numbers to a person, but not read here: thousands apart by blanks or apostrophes, and units.
STRANGE = (
    r"^[+-]?[0-9]{1,3}([ '\x{a0}\x{202f}][0-9]{3})+([.,][0-9]+)?$"
    r"|^[+-]?[$€£¥] ?[+-]?[0-9][0-9.,]*$|^[+-]?[0-9][0-9.,]* ?[$€£¥%]$"
)


class Shapes(NamedTuple):
    """Share of the cells that are numbers under each convention."""

    share: dict[str, float]

    @property
    def fitting(self) -> tuple[str, ...]:
        """The conventions under which all are numbers, the plain one before all others."""
        found = tuple(name for name in CONVENTIONS if self.share[name] == 1)
        return ("plain",) if "plain" in found else found

    @property
    def best(self) -> float:
        """The largest share."""
        return max(self.share.values())


def observed(cells: pl.Series) -> pl.Series:
    """The cells without blanks around them, null where they are missing."""
    return all_observed(cells.to_frame()).to_series()


def all_observed(cells: pl.DataFrame) -> pl.DataFrame:
    """`observed` of every column, at once because a call for each is slow on wide tables."""
    import polars as pl

    every = pl.all().str.strip_chars()
    text = cells.select(pl.when(~every.str.to_lowercase().is_in(MISSING)).then(every).name.keep())
    strokes = text.select(pl.all().is_in(STROKES).any()).row(0)
    return text.with_columns(
        [_without_strokes(text[name]) for name, some in zip(text.columns, strokes, strict=True) if some]
    )


def _without_strokes(text: pl.Series) -> pl.Series:
    strokes = text.is_in(STROKES)
    rest = text.filter(~strokes).drop_nulls()
    return text.set(strokes, None) if len(rest) and shapes(rest).best == 1 else text


def all_shapes(text: pl.DataFrame) -> dict[str, Shapes]:
    """`shapes` of every column."""
    import polars as pl

    plain = text.select(pl.all().str.contains(PATTERNS["plain"]).all()).row(0)
    known = text.select(pl.all().is_not_null().any()).row(0)
    sure = Shapes({"plain": 1.0, "grouped": 0.0, "comma": 0.0})
    return {
        name: sure if is_plain and some else shapes(text[name])
        for name, is_plain, some in zip(text.columns, plain, known, strict=True)
    }


def shapes(text: pl.Series) -> Shapes:
    """How the observed cells are written."""
    seen = text.drop_nulls()
    if not len(seen):
        return Shapes(dict.fromkeys(CONVENTIONS, 0.0))
    share = {"plain": _share(seen, "plain")}
    others = CONVENTIONS[1:]
    share |= dict.fromkeys(others, 0.0) if share["plain"] == 1 else {n: _share(seen, n) for n in others}
    return Shapes(share)


def _share(seen: pl.Series, convention: str) -> float:
    return int(matching(seen, convention).sum()) / len(seen)


def matching(text: pl.Series, convention: str) -> pl.Series:
    """Which cells are numbers under a convention (null where missing)."""
    has_digit = text.str.contains(r"[0-9]")
    return text.str.contains(PATTERNS[convention]) & has_digit


def to_numbers(text: pl.Series, convention: str) -> pl.Series:
    """Float64, null where the cell is missing or no number under the convention."""
    import polars as pl

    if convention == "plain":
        return text.cast(pl.Float64, strict=False)
    plain = pl.select(pl.when(matching(text, convention)).then(text)).to_series()
    if convention == "grouped":
        plain = plain.str.replace_all(",", "", literal=True)
    if convention == "comma":
        plain = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return plain.cast(pl.Float64, strict=False).alias(text.name)


def written(value: float, decimals: int | None, *, trim: bool = False, convention: str = "plain") -> str:
    """A number with so many decimals (None: as many as it takes), the way its column writes numbers.

    >>> written(1234.5, 2), written(1234.5, 2, trim=True), written(1234.5, 2, convention="comma")
    ('1234.50', '1234.5', '1234,50')
    """
    if decimals is None:
        text = repr(float(value))
    else:
        text = f"{value:,.{decimals}f}" if convention == "grouped" else f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if trim and decimals else text
    text = text[1:] if text.startswith("-") and not any(digit in text for digit in "123456789") else text
    return text.replace(".", ",") if convention == "comma" else text


def digits(text: pl.Series, convention: str) -> tuple[int | None, bool]:
    """Decimals that 95% of the cells have at most, and whether zeros at their end are left out."""
    import polars as pl

    mark = "," if convention == "comma" else "."
    seen = text.drop_nulls().head(100_000)
    if not seen.str.contains(rf"[eE\{mark}]").any():
        return 0, False
    seen = seen.filter(~seen.str.contains("[eE]"))
    if 2 * len(seen) < len(text.drop_nulls().head(100_000)):
        return None, False
    after = seen.str.extract(rf"\{mark}([0-9]*)$").fill_null("")
    lengths = after.str.len_bytes().cast(pl.Int64)
    found = int(lengths.quantile(0.95, "higher") or 0)
    same = bool((lengths == found).all())
    return (None if found > 15 else found), not same and after.str.ends_with("0").sum() < 0.02 * len(seen)
