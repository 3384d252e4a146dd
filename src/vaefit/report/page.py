"""The shell of a page: its head, style, table of contents and scripts, around sections."""

import base64
import gzip
import importlib.resources
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vaefit.report import sections
from vaefit.report.facts import Facts
from vaefit.report.markup import as_json, element, paragraph, text
from vaefit.report.section import Section

# Nothing may be fetched from anywhere, whatever a page's content says.
OFFLINE = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
{more}
</head>
"""


@dataclass(frozen=True)
class Page:
    """A title, a line beneath it, and sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]

    @classmethod
    def of(cls, facts: Facts) -> "Page":
        """The report on a run."""
        run = facts.run
        name = run.folder.resolve().name if run.folder is not None else "run"
        return cls(name, _about(facts), sections.of(facts))

    def html(self, *, policy: str = OFFLINE) -> str:
        """The whole page, one self-contained file."""
        secured = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        return self.around([secured, f"<style>\n{styles(self.sections)}\n</style>"], scripts(self.sections))

    def around(self, head: Iterable[str], scripts: Iterable[str]) -> str:
        """The page with these elements at the end of its head, and these scripts."""
        body = [
            element("a", "Skip to content", class_="skip", href="#content"),
            _header(self.title, self.subtitle),
            _contents(self.sections),
            element("main", "\n".join(map(_section, self.sections)), id="content"),
            *scripts,
        ]
        above = _HEAD.format(title=text(f"{self.title} – vaefit"), more="\n".join(head))
        return f"{above}<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"


def styles(shown: Sequence[Section]) -> str:
    """The page's style sheet, and those of sections."""
    names = dict.fromkeys(["page.css", *(name for section in shown for name in section.styles)])
    return "\n".join(map(asset, names))


def scripts(shown: Sequence[Section]) -> list[str]:
    """Script elements: values first, Plotly packed, then the page's own and those of sections."""
    names = dict.fromkeys(["page.js", *(name for section in shown for name in section.scripts)])
    return [*values(shown), plotly(), *map(script, names)]


def values(shown: Sequence[Section]) -> list[str]:
    """The values of sections, each under its name."""
    found = {name: value for section in shown for name, value in section.data.items()}
    return [data_element(name, value) for name, value in found.items()]


def data_element(name: str, value: Any) -> str:
    """A value that scripts get by `vaefit.data(name)`."""
    return f'<script type="application/json" id="data-{text(name)}">{as_json(value)}</script>'


def script(name: str) -> str:
    """A file of `assets/` as a script element."""
    source = asset(name).replace("</script", "<\\/script")
    return f"<script>\n{source}\n</script>"


def plotly() -> str:
    """Plotly's script, packed, as it is the page's largest part; `page.js` unpacks it for the first plot."""
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), 9, mtime=0)
    return f'<script type="application/gzip" id="plotly">{base64.b64encode(packed).decode()}</script>'


def asset(name: str) -> str:
    """The text of a file of `assets/`."""
    return importlib.resources.files("vaefit.report").joinpath("assets", name).read_text(encoding="utf-8")


def _about(facts: Facts) -> str:
    source = str(facts.run.source.get("path", "array"))
    what = "an array" if source == "array" else Path(source).name
    fitted = f"A variational autoencoder fitted by vaefit {version('vaefit')} to {what}."
    if facts.rows is None or not facts.with_data:
        data = "No row of the data is in this page." if not facts.with_data else ""
    else:
        data = "This page embeds rows of the data; vaefit report --no-data leaves them out."
    quick = (
        " Written at the end of the fit with few draws; vaefit report is more exact." if facts.quick else ""
    )
    return paragraph(f"{fitted} {data}{quick}")


def _header(title: str, subtitle: str) -> str:
    switch = element(
        "button", "Theme", type="button", id="theme", class_="quiet", aria_label="Change the theme"
    )
    return element("header", element("h1", text(title)) + subtitle + switch)


def _contents(shown: Iterable[Section]) -> str:
    links = "".join(
        element("li", element("a", text(section.title), href=f"#{section.id}")) for section in shown
    )
    return element("nav", element("ol", links), aria_label="Contents")


def _section(section: Section) -> str:
    heading = element("h2", text(section.title), id=f"{section.id}-title")
    return element("section", heading + section.html, id=section.id, aria_labelledby=f"{section.id}-title")
