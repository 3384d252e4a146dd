"""Help pages in plain text: options under headings, every flag's name in full, examples as they are typed."""

from typing import Any

from typer.core import TyperArgument, TyperCommand

FLAG_COLUMN = 28  # characters; a longer flag has its help on the next line


class Command(TyperCommand):
    """A command whose options are listed by panel, and whose epilog is a list of examples."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line: arguments by their bare names."""
        arguments = [p for p in self.get_params(ctx) if isinstance(p, TyperArgument)]
        return [p.display_name_raw for p in arguments] + ["[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """A section for each panel, in the order in which panels are first used."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = _record(param, ctx)
            if record is not None:
                panels.setdefault(_panel(param), []).append(record)
        for title, records in panels.items():
            with formatter.section(title):
                padded = [(flag.ljust(FLAG_COLUMN), text) for flag, text in records]
                formatter.write_dl(padded, col_max=FLAG_COLUMN)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The examples, a line each, not wrapped."""
        examples = (self.epilog or "").splitlines()
        if examples:
            with formatter.section("Examples" if len(examples) > 1 else "Example"):
                for line in examples:
                    formatter.write(f"  {line.strip()}\n")


def _panel(param: Any) -> str:
    if isinstance(param, TyperArgument):
        return "Arguments"
    return getattr(param, "rich_help_panel", None) or "Options"


def _record(param: Any, ctx: Any) -> tuple[str, str] | None:
    if isinstance(param, TyperArgument):
        return param.display_name_raw, param.help or ""
    record = param.get_help_record(ctx)
    if record is None:
        return None
    flag = f"--[no-]{param.opts[0].removeprefix('--')}" if param.secondary_opts else record[0]
    return flag, f"{param.help}{_remark(param)}"


def _remark(param: Any) -> str:
    if param.required:
        return " (required)"
    unsaid = param.is_flag or param.default is None or param.default == []
    return "" if unsaid else f" [{param.default}]"
