"""Every state and every label has its colours, and text can be read on them."""

from __future__ import annotations

import pytest

from analyzer.report.tones import PAPER, PHASE_TONES, STATE_GROUPS, STATE_TONES, Tone, chip_tone, state_tone
from analyzer.tcp.labels import LABELS
from analyzer.tcp.states import STATES


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_every_state_has_one_group() -> None:
    grouped = [state for _, states in STATE_GROUPS.values() for state in states]
    assert sorted(grouped) == sorted(STATES)
    assert sorted(STATE_TONES) == sorted(STATES)


@pytest.mark.parametrize("state", STATES)
def test_a_state_can_be_read(state: str) -> None:
    tone = state_tone(state)
    assert contrast(tone.dark, PAPER) >= 4.5


@pytest.mark.parametrize("label", [label.name for label in LABELS])
def test_a_label_can_be_read(label: str) -> None:
    tone = chip_tone(label)
    assert contrast(tone.dark, tone.pale) >= 4.5


@pytest.mark.parametrize("tone", PHASE_TONES.values())
def test_a_heading_can_be_read_on_its_band(tone: Tone) -> None:
    assert contrast(tone.dark, tone.pale) >= 4.5
