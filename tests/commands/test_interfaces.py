"""tcpanalyze interfaces."""

from __future__ import annotations

import pytest

from analyzer import cli
from analyzer.capture import interfaces as module
from analyzer.capture.interfaces import Interface


def test_each_with_its_addresses_and_whether_one_may_capture(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found = [
        Interface("lo", ("127.0.0.1", "::1"), True, ""),
        Interface("a\x1b[2J", (), False, module.NO_PERMISSION),
    ]
    monkeypatch.setattr(module, "interfaces", lambda: found)
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.run(["interfaces"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split() == ["lo", "yes", "127.0.0.1,", "::1"]
    assert lines[1].startswith("a\\x1b[2J  no   no address  (no permission)")
    for way in ("sudo, or", "group wireshark", "setcap"):
        assert way in lines[2]


def test_without_a_capture_program_it_says_how_to_install_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "interfaces", lambda: [Interface("lo", (), None, "")])
    assert cli.run(["interfaces", "--ascii"]) == 0
    assert "apt-get install tshark" in capfd.readouterr().out


def test_a_narrow_terminal_loses_no_address(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    addresses = ("192.0.2.2", "2001:db8::2", "fe80::fc:ff:fe00:1")
    found = [
        Interface("eth0", addresses, True, ""),
        Interface("down0", (), False, "That device is not up"),
        Interface("secret0", (), False, module.NO_PERMISSION),
    ]
    monkeypatch.setattr(module, "interfaces", lambda: found)
    monkeypatch.setenv("COLUMNS", "40")
    assert cli.run(["interfaces"]) == 0
    out = capfd.readouterr().out
    assert max(map(len, out.splitlines())) <= 40
    assert "…" not in out
    assert " ".join(out.split()).startswith(
        "eth0 yes 192.0.2.2, 2001:db8::2, fe80::fc:ff:fe00:1 down0 no no address (That device is not up)"
    )
