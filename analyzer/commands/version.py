"""The output of `--version`: the version, and whether the packet path runs compiled."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES

import click

from analyzer.text import say

__all__ = ["build", "show_version"]


def build() -> str:
    """How the modules of the packet path run: "compiled", or "interpreted" with the reason."""
    path = import_module("analyzer.analysis.loop").__file__ or ""
    if path.endswith(tuple(EXTENSION_SUFFIXES)):
        return say("compiled")
    if os.path.exists(os.path.join(os.path.dirname(os.path.dirname(path)), "setup.py")):
        return say("interpreted (straight from the checkout)")
    return say(
        "interpreted (compiling failed during installation: install a C compiler and Python.h, then reinstall)"
    )


def show_version(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    """The callback of `--version`."""
    if not wanted or context.resilient_parsing:
        return
    from analyzer import __version__

    click.echo(f"tcpanalyze {__version__}, {build()}")
    context.exit()
