"""What the tests of the machine share."""

from __future__ import annotations

import pytest

from tests.tcp.transcript import FIRST_WRAPS, SECOND_WRAPS, Player


@pytest.fixture(
    params=[pytest.param(FIRST_WRAPS, id="first-wraps"), pytest.param(SECOND_WRAPS, id="second-wraps")]
)
def play(request: pytest.FixtureRequest) -> Player:
    """Plays a transcript; each test runs twice, with the sequence numbers of either side wrapping."""
    return Player(request.param)
