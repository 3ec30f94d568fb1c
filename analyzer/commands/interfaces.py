"""`tcpanalyze interfaces`: the network interfaces of this machine, and where capturing is permitted."""

from __future__ import annotations

import os
import sys

import click

from analyzer.commands.base import Command
from analyzer.report.terminal import Style, columns, finish, flow, own, style_of
from analyzer.text import said, say

__all__ = ["command"]


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--ascii", "ascii_only", is_flag=True, help="Use only ASCII characters.")
def command(ascii_only: bool) -> None:
    """List the network interfaces of this machine: their addresses, and whether you may capture on them.

    To find out, each interface is opened for a moment.
    """
    from analyzer.capture.interfaces import NO_PERMISSION, interfaces

    style = style_of(sys.stdout, os.environ, ascii_only=ascii_only)
    found = interfaces()
    width = max((columns(own(one.name, style)) for one in found), default=0)
    answers = {True: ("yes", "good"), False: ("no", "bad"), None: ("?", "odd")}
    for one in found:
        answer, role = answers[one.allowed]
        name = own(one.name, style)
        head = [(name + " " * (width - columns(name) + 2), "title"), (f"{say(answer):<5}", role)]
        facts = [address + "," for address in one.addresses[:-1]] + list(one.addresses[-1:])
        facts = facts or [say("no address")]
        if one.reason:
            facts.append(f" ({said(one.reason)})")
        room = max(style.width - width - 7, 20)
        for line in map(str.strip, flow(facts, room, style, separator=" ")):
            click.echo(finish([*head, (line, "" if one.addresses else "faint")], style))
            head = [(" " * (width + 7), "")]
    if any(one.allowed is None for one in found):
        _say(
            say("no capture program is installed: on Debian or Ubuntu run 'sudo apt-get install tshark'"),
            style,
        )
    elif any(one.reason == NO_PERMISSION for one in found):
        _say(
            say(
                "to get the permission, use sudo, or join the group wireshark after "
                "'sudo dpkg-reconfigure wireshark-common', or run "
                "'sudo setcap cap_net_raw,cap_net_admin=ep' on dumpcap"
            ),
            style,
        )


def _say(sentence: str, style: Style) -> None:
    for line in flow([sentence], style.width, style):
        click.echo(finish([(line, "")], style))
