"""The interfaces of this machine: names, addresses, permission by trying."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.capture.interfaces import check_interface, interfaces
from analyzer.errors import UsageError

ANSWERS = "#!/bin/sh\n{lines}\n"


def program(folder: Path, name: str, lines: str) -> None:
    path = folder / name
    path.write_text(ANSWERS.format(lines=lines))
    path.chmod(0o755)


def test_loopback_has_its_addresses() -> None:
    found = {one.name: one for one in interfaces(lambda _: None)}
    assert "127.0.0.1" in found["lo"].addresses
    assert found["lo"].allowed is None


def test_permission_is_tried_with_each_program(tmp_path: Path) -> None:
    def find(name: str) -> str | None:
        return str(tmp_path / name) if (tmp_path / name).exists() else None

    program(tmp_path, "tcpdump", 'echo "tcpdump: $2: You don\'t have permission to capture" >&2; exit 1')
    assert all(one.allowed is False and one.reason == "no permission" for one in interfaces(find))
    program(tmp_path, "dumpcap", '[ "$1" = -i ] && [ "$3" = -L ]')
    assert all(one.allowed is True and one.reason == "" for one in interfaces(find))
    program(tmp_path, "tcpdump", 'printf "tcpdump: %s: not\\033 up\\n" "$2" >&2; exit 1')
    (tmp_path / "dumpcap").unlink()
    assert {one.reason for one in interfaces(find)} == {"not\\x1b up"}


@pytest.mark.parametrize("name", ["-w", ";rm", "nosuch", "", "-", "/etc/passwd", "TCP@host", "a\x1b[2J"])
def test_what_is_no_interface_is_only_a_name(name: str) -> None:
    with pytest.raises(UsageError, match=r"interface .* does not exist: choose one of .*lo") as refused:
        check_interface(name)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["lo", "any", "nflog:5"])
def test_what_is_one_passes(name: str) -> None:
    check_interface(name)
