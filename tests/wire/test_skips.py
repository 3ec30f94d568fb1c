from __future__ import annotations

import pytest

from analyzer.wire import skips
from analyzer.wire.skips import skip_name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (skips.ETHERTYPE + 0x0806, "ARP"),
        (skips.ETHERTYPE + 0x1234, "EtherType 0x1234"),
        (skips.ETHERTYPE + 0x05FF, "IEEE 802.3 LLC"),
        (skips.ETHERTYPE + 0x0600, "EtherType 0x0600"),
        (skips.PROTOCOL + 17, "UDP"),
        (skips.PROTOCOL + 0, "IPv6 hop-by-hop"),
        (skips.PROTOCOL + 200, "IP protocol 200"),
        (skips.LINK_TYPE + 105, "IEEE 802.11"),
        (skips.LINK_TYPE + 4000, "link type 4000"),
        (skips.CUT_SHORT, "cut short by the capture"),
        (skips.FRAGMENT, "IP fragment, never completed"),
        (skips.LLC, "IEEE 802.3 LLC"),
        (skips.UDP_PORT + 4789, "VXLAN"),
        (skips.UDP_PORT + 9, "UDP port 9"),
        (skips.PPP_PROTOCOL + 0xC021, "PPP LCP"),
        (skips.PPP_PROTOCOL + 0x1234, "PPP protocol 0x1234"),
        (skips.BAD_IP_HEADER, "damaged IP header"),
        (skips.BAD_TCP_HEADER, "damaged TCP header"),
        (skips.NOT_IP, "not IP"),
    ],
)
def test_names(code: int, name: str) -> None:
    assert skip_name(code) == name


def test_every_reason_has_a_code_of_its_own() -> None:
    others = [skips.CUT_SHORT, skips.FRAGMENT, skips.BAD_IP_HEADER, skips.BAD_TCP_HEADER, skips.NOT_IP]
    assert len(set(others)) == len(others)
    assert skips.SEGMENT not in others
