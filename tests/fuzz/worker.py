"""One process of the fuzzer: libFuzzer chooses the bytes by the branches of the package that they reach.

    python -m tests.fuzz.worker TARGET COUNTER [libFuzzer's arguments]

COUNTER is a file of eight bytes, in which the executions are counted, so that they are known however it ends.
"""

from __future__ import annotations

import mmap
import struct
import sys

import atheris

with atheris.instrument_imports(include=["analyzer"]):
    from tests.fuzz.targets import TARGETS, bounded


def main() -> None:
    name, counter, *arguments = sys.argv[1:]
    target = TARGETS[name]
    with open(counter, "r+b") as file:
        count = mmap.mmap(file.fileno(), 8)
    executions = 0

    def one(data: bytes) -> None:
        nonlocal executions
        executions += 1
        struct.pack_into("<Q", count, 0, executions)
        bounded(target, data)

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
