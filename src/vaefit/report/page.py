"""The shell of a page: its head, style, table of contents and scripts, around sections."""

import base64
import gzip
import importlib.resources
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vaefit.report import sections
from vaefit.report.facts import Facts
from vaefit.report.markup import as_json, element, text
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
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
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
        return cls(f"{name} – vaefit", "", sections.of(facts))

    def html(self, *, policy: str = OFFLINE) -> str:
        """The whole page, one self-contained file."""
        body = [
            element("a", "Skip to content", class_="skip", href="#content"),
            _header(self.title, self.subtitle),
            _contents(self.sections),
            element("main", "\n".join(map(_section, self.sections)), id="content"),
            *scripts(self.sections),
        ]
        head = _HEAD.format(policy=policy, title=text(self.title), style=asset("page.css"))
        return f"{head}<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"


def scripts(shown: Sequence[Section]) -> list[str]:
    """Script elements: values first, Plotly packed, then the page's own and those of sections."""
    values = {name: value for section in shown for name, value in section.data.items()}
    names = dict.fromkeys(["page.js", *(name for section in shown for name in section.scripts)])
    return [*(data_element(name, value) for name, value in values.items()), plotly(), *map(script, names)]


def data_element(name: str, value: Any) -> str:
    """A value that scripts get by `vaefit.data(name)`."""
    return f'<script type="application/json" id="data-{text(name)}">{as_json(value)}</script>'


def script(name: str) -> str:
    """A file of `assets/` as a script element."""
    source = asset(name).replace("</script", "<\\/script")
    return f"<script>\n{source}\n</script>"


def plotly() -> str:
    """Plotly's script, packed (it is the page's largest part by far); `page.js` unpacks it for the first plot."""
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), 9, mtime=0)
    return f'<script type="application/gzip" id="plotly">{base64.b64encode(packed).decode()}</script>'


def asset(name: str) -> str:
    """The text of a file of `assets/`."""
    return importlib.resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _header(title: str, subtitle: str) -> str:
    switch = element("button", "Theme", type="button", id="theme", class_="quiet", aria_label="Change the theme")
    return element("header", element("h1", text(title)) + subtitle + switch)


def _contents(shown: Iterable[Section]) -> str:
    links = "".join(
        element("li", element("a", text(section.title), href=f"#{section.id}")) for section in shown
    )
    return element("nav", element("ol", links), aria_label="Contents")


def _section(section: Section) -> str:
    heading = element("h2", text(section.title), id=f"{section.id}-title")
    return element("section", heading + section.html, id=section.id, aria_labelledby=f"{section.id}-title")
