"""What a section of the page is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own.

    `id` is the heading's anchor, `html` what stands beneath it (text of data escaped, see `markup`).
    `scripts` are names of files in `assets/`, each embedded once however many sections name it, after
    `page.js`; `data` are values for them, which they get by `vaefit.data(name)`; `styles` are style sheets.
    """

    id: str
    title: str
    html: str
    scripts: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    styles: tuple[str, ...] = ()
