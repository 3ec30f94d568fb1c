from __future__ import annotations

import socket
from typing import NoReturn

import pytest

from analyzer.errors import UsageError
from analyzer.lab.scenarios import SCENARIOS


def test_a_machine_without_ipv6_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError("Address family not supported")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(UsageError, match="no IPv6"), SCENARIOS["ipv6"].staged(0):
        pass
