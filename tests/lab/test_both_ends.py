"""One exchange recorded at both ends of a router made for it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from analyzer.compare.both_captures import compare_captures
from analyzer.lab.both_ends import (
    NAMES,
    TRANSLATED_ADDRESS,
    TRANSLATED_PORT,
    Router,
    main,
    record_both_ends,
)
from analyzer.lab.relay import DELAY, LOST, Packet
from analyzer.wire.checksum import judge_checksum, ones_complement_sum
from tests.tcp.transcript import ip_packet, tcp_segment

CAPTURES = Path(__file__).resolve().parent.parent.parent / "captures" / "both-ends"
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 20021)


def packet_of(*, from_client: bool, mss: int = 1460) -> bytes:
    ends = (CLIENT, SERVER) if from_client else (SERVER, (TRANSLATED_ADDRESS, TRANSLATED_PORT))
    options = b"\x02\x04" + mss.to_bytes(2, "big")
    return ip_packet(ends[0][0], ends[1][0], tcp_segment(*ends, 1, 0, 0x02, options=options), 5)


def is_right(packet: bytes) -> bool:
    return (
        ones_complement_sum(packet[:20]) == 0xFFFF
        and judge_checksum(packet[20:], packet[12:16], packet[16:20]) == "right"
    )


def test_the_router_translates_clamps_takes_a_hop_and_sums_right() -> None:
    router = Router()
    out = router.rewrite(packet_of(from_client=True), True)
    assert out[12:16] == bytes((10, 99, 0, 1))
    assert int.from_bytes(out[20:22], "big") == TRANSLATED_PORT
    assert int.from_bytes(out[42:44], "big") == 1400
    assert out[8] == 63
    assert is_right(out)
    back = router.rewrite(packet_of(from_client=False, mss=500), False)
    assert back[16:20] == bytes((10, 0, 0, 1))
    assert int.from_bytes(back[22:24], "big") == CLIENT[1]
    assert int.from_bytes(back[42:44], "big") == 500
    assert is_right(back)


def test_the_router_loses_the_third_piece_once_and_holds_the_fifth_back() -> None:
    router = Router()
    pieces = [Packet(True, 1, 0x18, seq, 1000) for seq in range(6)]
    delays = [router.rule(piece) for piece in pieces]
    assert delays[2] is LOST
    assert delays[4] is not None
    assert delays[4] > DELAY
    assert [delays[place] for place in (0, 1, 3, 5)] == [DELAY] * 4
    assert router.rule(pieces[2]) == router.rule(Packet(True, 1, 0x10, 1, 0)) == DELAY
    assert router.rule(Packet(False, 1, 0x18, 1, 10)) == DELAY


@pytest.mark.slow
@pytest.mark.usefixtures("dumpcap", "own_networks")
def test_what_is_recorded_shows_what_the_router_did(tmp_path: Path) -> None:
    threads = threading.active_count()
    paths = record_both_ends(tmp_path / "new")
    assert [path.name for path in paths] == list(NAMES)
    (pair,) = compare_captures(*paths)
    assert pair.counts["missing"] == 1
    assert pair.counts["changed"] == 2
    assert pair.counts["reordered"] == 1
    assert pair.counts["rewritten"] == 2
    assert pair.clocks is not None
    assert (pair.clocks.client_side, pair.clocks.trouble) == ("a", "")
    assert 0.02 <= pair.clocks.uncertainty_ns * 2 / 1e9 < 0.2
    assert threading.active_count() == threads


def test_a_failure_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["--directory", str(tmp_path)])
    assert done.exit_code == 2
    assert done.output.count("\n") == 1


def test_recordings_are_small_and_have_a_line() -> None:
    assert sum(path.stat().st_size for path in CAPTURES.glob("*.pcap")) < 20_000
    table = (CAPTURES.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"(both-ends/{name})" in table for name in NAMES)
    assert "`python -m analyzer.lab.both_ends`" in table
