"""The table of capture programs: their command lines, and what is read from their words."""

from __future__ import annotations

import pytest

from analyzer.capture.backends import (
    BACKENDS,
    DOWN,
    FORBIDDEN,
    NAMED,
    NO_DEVICE,
    NO_FILTER,
    PYSHARK,
    command_line,
)

CLOSING = {
    "tcpdump": "7 packets captured\n10 packets received by filter\n3 packets dropped by kernel\n"
    "2 packets dropped by interface\n",
    "dumpcap": "Packets captured: 7\nPackets received/dropped on interface 'Loopback: lo': 7/5 "
    "(pcap:5/dumpcap:0/flushed:0/ps_ifdrop:0) (58.3%)\n",
    "tshark": "tshark: \n7 packets captured\n5 packets dropped from Loopback: lo\n",
}
READY = {
    "tcpdump": "tcpdump: listening on lo, link-type EN10MB (Ethernet), snapshot length 262144 bytes",
    "dumpcap": "Capturing on 'Loopback: lo'\nFile: -",
    "tshark": "Capturing on 'Loopback: lo'\n ** (tshark:1) 11:44:34.0573 [Main MESSAGE] -- Capture started.",
}


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("interface", ["-w", ";rm", "lo", "{filter}", "$(id)"])
def test_an_interface_is_one_argument_after_its_option(name: str, interface: str) -> None:
    command = command_line(BACKENDS[name], f"/usr/bin/{name}", interface, "tcp port 20000")
    assert command[0] == f"/usr/bin/{name}"
    assert command[command.index("-i") + 1] == interface
    assert command[-2:] in (["--", "tcp port 20000"], ["-f", "tcp port 20000"])


@pytest.mark.parametrize("name", BACKENDS)
def test_no_filter_no_option(name: str) -> None:
    command = command_line(BACKENDS[name], name, "lo", "")
    assert command[-2:] == ["-i", "lo"]


@pytest.mark.parametrize("name", BACKENDS)
def test_ready_is_what_it_says_when_nothing_is_missed_any_more(name: str) -> None:
    ready = BACKENDS[name].ready
    assert ready.search(READY[name])
    assert not ready.search("Capturing on 'Loopback: lo'\n")


@pytest.mark.parametrize("name", BACKENDS)
def test_losses_are_in_its_closing_words(name: str) -> None:
    row = BACKENDS[name]
    assert row.closing.search(CLOSING[name])
    assert sum(int(found[1]) for words in row.losses for found in words.finditer(CLOSING[name])) == 5


def test_pyshark_is_asked_for_by_name_only() -> None:
    assert "pyshark" not in BACKENDS
    assert list(NAMED) == [*BACKENDS, "pyshark"]
    command = command_line(PYSHARK, "python", "-w", "")
    assert command[:2] == ["python", "-P"]
    assert command[3:] == ["-w", "", "64"]
    assert PYSHARK.ready.search("File: -\npyshark: capturing\n")
    assert not PYSHARK.ready.search(READY["tshark"])
    assert PYSHARK.closing.search(CLOSING["dumpcap"])


def test_what_refusals_look_like() -> None:
    assert FORBIDDEN.search("tcpdump: lo: You don't have permission to perform this capture on that device")
    assert FORBIDDEN.search('dumpcap: You do not have permission to capture on device "lo".')
    assert NO_DEVICE.search('dumpcap: There is no device named "nosuch".')
    for words in ("tcpdump: ifb0: That device is not up", 'dumpcap: Device "ifb0" is not up.'):
        assert DOWN.search(words)
        assert not NO_FILTER.search(words)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("can't parse filter expression: syntax error", "syntax error"),
        ("can't parse filter expression", ""),
        ("illegal port number 99999 > 65535", "illegal port number 99999 > 65535"),
        ("unknown host 'nosuch'", "unknown host 'nosuch'"),
        ("unknown port 'nosuch'", "unknown port 'nosuch'"),
        ("VLAN tag 5000 greater than maximum 4095", "VLAN tag 5000 greater than maximum 4095"),
        # libpcap 1.11
        ("port number 99999 greater than maximum 65535", "port number 99999 greater than maximum 65535"),
        ("decimal number 4294967296 overflows 32 bits", "decimal number 4294967296 overflows 32 bits"),
        ("port range '1-' has no ending port", "port range '1-' has no ending port"),
    ],
)
def test_what_is_no_filter_looks_like(words: str, reason: str) -> None:
    said = (
        f"tcpdump: {words}\n",
        f"Capturing on 'lo'\ndumpcap: Invalid capture filter \"x\" for interface 'lo'.\n\n"
        f"That string isn't a valid capture filter ({words}).\nSee the User's Guide.\n",
    )
    assert [found and found[1] for found in map(NO_FILTER.search, said)] == [reason, reason]
