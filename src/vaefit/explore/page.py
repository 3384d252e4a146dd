"""The explorer's page."""

from importlib import resources

from starlette.responses import Response

from vaefit.explore.app import Explorer
from vaefit.report.page import asset as report_asset


def explorer_page(explorer: Explorer) -> str:
    return "<!doctype html><title>vaefit</title>"


def assets() -> dict[str, Response]:
    return {}
