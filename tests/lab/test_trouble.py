from __future__ import annotations

from analyzer.lab.relay import DELAY, LOST, Packet
from analyzer.lab.trouble import EXTRA_DELAY, LOST_PIECE, OVERTAKEN, PIECES, _Faults


def test_what_is_lost_is_lost_once() -> None:
    faults = _Faults()

    def sent(number: int) -> float | None:
        return faults(Packet(True, 40000, 0x18, 1000 * number, 1000))

    fates = [sent(number) for number in range(1, PIECES + 2)]
    assert [number for number, fate in enumerate(fates, 1) if fate is LOST] == [LOST_PIECE, PIECES + 1]
    assert sent(LOST_PIECE) == sent(PIECES + 1) == DELAY


def test_one_segment_of_the_answer_is_overtaken_and_nothing_without_data_suffers() -> None:
    faults = _Faults()
    delays = [faults(Packet(False, 40000, 0x18, 10 * number, 10)) for number in range(1, 5)]
    assert [number for number, delay in enumerate(delays, 1) if delay == DELAY + EXTRA_DELAY] == [OVERTAKEN]
    assert all(faults(Packet(True, 40000, 0x10, number, 0)) == DELAY for number in range(20))
