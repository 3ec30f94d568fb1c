from __future__ import annotations

from analyzer.wire import fields, header
from analyzer.wire.flags import Flags


def test_as_text_they_are_named_in_one_order() -> None:
    assert str(Flags(0x1FF)) == "SYN,FIN,RST,PSH,ACK,URG,ECE,CWR,AE"
    assert str(Flags.ACK | Flags.SYN) == "SYN,ACK"
    assert f"{Flags.ACK | Flags.FIN:>8}|{Flags(0)}" == " FIN,ACK|"


def test_bits_are_tested_as_bits() -> None:
    flags = Flags(0x12)
    assert Flags.SYN in flags
    assert Flags.FIN not in flags
    assert flags == 0x12
    assert flags & header.ACK
    assert not Flags(0)
    assert repr(flags) == "<Flags.SYN|ACK: 18>"


def test_each_bit_of_the_header_has_its_name() -> None:
    assert {flag.name: int(flag) for flag in Flags} == {
        name: getattr(header, name) for name in Flags.__members__
    }
    assert sorted(row.bit for row in fields.FLAGS) == sorted(Flags)
    assert sum(Flags) == 0x1FF
