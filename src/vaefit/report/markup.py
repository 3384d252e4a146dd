"""The one way of text and numbers into the page: what is data shows as text and never becomes markup."""

import html
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

# A cell that is set as a number: alone, or as the best of its column.
_NUMBER = re.compile(r"^(★ )?[-+−±]?[\d,]*\.?\d+(e[-+]?\d+)?%?$|^–$")
# Control characters have no place in HTML, and those of writing direction could reorder the text around.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|[\ud800-\udfff]"
)


def text(value: object) -> str:
    """Any value as text for HTML, in an element or a quoted attribute.

    >>> text('<script>"&')
    '&lt;script&gt;&quot;&amp;'
    """
    return html.escape(visible(value), quote=True)


def visible(value: object) -> str:
    """Any value as text, what cannot be seen replaced."""
    return _UNSEEN.sub("\ufffd", str(value))


def as_json(value: Any) -> str:
    r"""A value as JSON that may stand inside a script element; NaN and infinities become null.

    >>> print(as_json({"a": "<b>", "x": [1.0, float("nan")]}))
    {"a":"\u003cb\u003e","x":[1.0,null]}
    """
    written = json.dumps(plain(value), allow_nan=False, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def plain(value: Any) -> Any:
    """A value of Python's own types alone, finite or None.

    >>> plain({"x": np.array([1, 2]), "y": np.float32("inf")})
    {'x': [1, 2], 'y': None}
    """
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def element(name: str, inner: str, **attributes: object) -> str:
    """An element around markup; attribute names may end in _ and have _ for -, values are escaped.

    >>> element("p", text("a < b"), class_="note", data_row=3)
    '<p class="note" data-row="3">a &lt; b</p>'
    """
    return f"<{name}{_attributes(attributes)}>{inner}</{name}>"


def _attributes(given: dict[str, object]) -> str:
    named = {key.rstrip("_").replace("_", "-"): value for key, value in given.items() if value is not None}
    return "".join(f' {key}="{text(value)}"' for key, value in named.items())


def paragraph(words: object, class_: str | None = None) -> str:
    """A paragraph of text."""
    return element("p", text(words), class_=class_)


def table(
    heads: Sequence[object],
    lines: Iterable[Sequence[object]],
    *,
    caption: str = "",
    marked: int | None = None,
) -> str:
    """A table of text, in a box that scrolls sideways; cells that are numbers are set as such.

    The first cell of a line is its heading; the line at `marked` stands out.
    """
    lines = list(lines)
    head = "".join(_head(name, [line[at] for line in lines]) for at, name in enumerate(heads))
    body = "".join(
        element("tr", _line(line), class_="marked" if number == marked else None)
        for number, line in enumerate(lines)
    )
    above = element("p", text(caption), class_="caption") if caption else ""
    whole = element("table", f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")
    # In reach of the keyboard, so that a wide table can be scrolled without a mouse.
    return above + element(
        "div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption or "table"
    )


def _head(name: object, column: Sequence[object]) -> str:
    numbers = bool(column) and all(_NUMBER.match(text(cell)) for cell in column)
    return element("th", text(name), scope="col", class_="number" if numbers else None)


def _line(cells: Sequence[object]) -> str:
    first, *rest = cells
    return element("th", text(first), scope="row") + "".join(_cell(cell) for cell in rest)


def _cell(cell: object) -> str:
    written = text(cell)
    return element("td", written, class_="number" if _NUMBER.match(written) else None)


def number(value: float | None, digits: int = 2) -> str:
    """A number for the eye, with a true minus sign; a dash where there is none.

    >>> number(-1234.5678), number(None)
    ('−1,234.57', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.{digits}f}".replace("-", "−")


def details(summary: str, inner: str) -> str:
    """Markup folded away under a line of text."""
    return element("details", element("summary", text(summary)) + inner)
