"""The interfaces of this machine: addresses, and whether one may capture there."""

from __future__ import annotations

import os
import sys

import click

from analyzer.commands.base import Command
from analyzer.text import say

__all__ = ["command"]


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Use no character beyond ASCII.")
def command(ascii_only: bool) -> None:
    """List the interfaces of this machine with their addresses, and whether you may capture there.

    Each is tried by opening it for a moment.
    """
    from analyzer.capture.interfaces import NO_PERMISSION, interfaces
    from analyzer.report.terminal import columns, finish, own, style_of

    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    found = interfaces()
    width = max((columns(own(one.name, style)) for one in found), default=0)
    answers = {True: ("yes", "good"), False: ("no", "bad"), None: ("?", "odd")}
    for one in found:
        answer, role = answers[one.allowed]
        name = own(one.name, style)
        spans = [(name + " " * (width - columns(name) + 2), "title"), (f"{say(answer):<5}", role)]
        spans.append((", ".join(one.addresses) or say("no address"), "" if one.addresses else "faint"))
        if one.reason:
            spans.append((f"  ({say(one.reason)})", "faint"))
        click.echo(finish(spans, style))
    if any(one.allowed is None for one in found):
        click.echo(
            say("no capture program is installed: on Debian or Ubuntu run 'sudo apt-get install tshark'")
        )
    elif any(one.reason == NO_PERMISSION for one in found):
        click.echo(
            say(
                "where there is no permission: use sudo, or join the group wireshark after "
                "'sudo dpkg-reconfigure wireshark-common', or run "
                "'sudo setcap cap_net_raw,cap_net_admin=ep' on dumpcap"
            )
        )
