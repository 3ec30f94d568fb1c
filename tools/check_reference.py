"""Makes docs/check.md from the tables: the language of expectations, all keys, the formats and exit statuses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from analyzer.check.expectations import CHOICE_WORDS
from analyzer.check.formats import FORMATS
from analyzer.check.patterns import SYNTAX
from analyzer.check.recording import RECORDED, RECORDED_OF_CAPTURE, SCHEMA_FILE
from analyzer.filters.comparisons import OPERATORS
from analyzer.filters.keys import ALIASES, KIND_MEANINGS, Key, Keys

__all__ = ["CLOSES", "check_page"]

CLOSES: Final = (
    (
        "curl sends one request to nginx",
        ("close = three-segment", "active = client", "data.client.bytes > 0"),
        "curl closes when it has the answer. nginx waits for the next request, sees the end of the connection and "
        "closes at once, so that its FIN carries the ACK",
    ),
    (
        "curl sends a request with `Connection: close` to nginx",
        ("close in three-segment, four-segment, simultaneous", "active in client, server, both"),
        "both close after the answer, and either may be first",
    ),
    (
        "redis-cli sends one command to redis",
        (
            "close = three-segment",
            "active = client",
            "labels = ... client:close-1 server:close-2+close-3 client:close-4",
        ),
        "redis-cli closes when it ends. redis reads the end of the connection and closes",
    ),
    (
        "redis-cli tells redis to shut down",
        ("close in three-segment, four-segment", "active = server", "time_wait = server"),
        "redis ends without an answer, and its kernel closes: the server stays in TIME-WAIT",
    ),
    (
        "curl connects to a port on which no program listens",
        ("handshake = refused", "close = none"),
        "a RST answers the SYN. curl ends with status 7",
    ),
)
"""Exchange, expectations that its connection meets, and why. The tests run each one with Debian's programs."""


def check_page(keys: Keys) -> str:
    """The page as Markdown."""
    blocks = [
        "# Checking captures",
        "<!-- Made from the tables by `python -m tools.documentation`: change those instead. -->",
        "`tcpanalyze check CAPTURE...` checks captures against expectations. An expectation is "
        "`KEY OPERATOR VALUE`. Write it on the command line (`--expect 'close = three-segment'`), in Python "
        "(`expect(trace, 'close = three-segment')`), or in a file of expectations.",
        "- An expectation has to hold for every connection that it chooses. For a key of segments it has to hold for "
        "every segment.\n"
        "- If it chooses no connection, it fails. `--allow-none` changes that.\n"
        "- A capture has to be whole, unless you use `--allow-truncated` or an expectation of `capture.truncated`.",
        "## Exit status",
        _table(
            ("status", "meaning"),
            (
                ("0", "every expectation holds"),
                ("1", "at least one expectation failed"),
                (
                    "2",
                    "wrong usage, or a capture or a file of expectations that cannot be read, or a capture without "
                    "expectations; the other captures are still checked",
                ),
                (
                    "`--live`",
                    "the greater one of the above and the exit status of the command. That is 128 plus the number of "
                    "the signal if a signal ended the command, 127 if there is no such command, 126 if it cannot "
                    "be run",
                ),
            ),
        ),
        "## Operators",
        _table(
            ("operator", "holds if"),
            ((f"`{name}`", one.meaning) for name, one in OPERATORS.items()),
        ),
        "`==` is the same as `=`. `--max KEY=N` and `--min KEY=N` are short for `KEY <= N` and `KEY >= N`. `none` "
        "means that there is no value, or an empty list. Separate several values with commas. Put a value that "
        "contains a blank or a comma in quotation marks.",
        "## Which connections",
        "`--connection N` chooses a connection by its number. `--only FILTER` chooses connections by comparisons, "
        "joined with `and`, `or`, `not` (or `&&`, `||`, `!`) and parentheses: "
        "`--only 'server.port == 20000 and not close in {reset, reset-after-fin}'`. Both apply to the expectations of "
        "the command line. A key may have a value for each element of a list (`icmp_errors.kind`): then one of these "
        "values has to match. `tcpanalyze CAPTURE --only FILTER` shows only these connections, and `--sort KEY` "
        "sorts them by a key with one value.",
        "## Order",
        "`labels = PATTERN` checks the order of the labels:",
        _table(("pattern", "matches"), ((f"`{example}`", meaning) for example, meaning in SYNTAX.items())),
        "Segments with only the label `ack` are skipped unless the pattern contains `ack`: whether an "
        "acknowledgement travels alone depends on timing.",
        "## Files of expectations",
        "`NAME.expect.toml` next to a capture applies to that capture, `expect.toml` to all captures of its folder. "
        "`--expectations FILE` uses another file instead. `--record` writes such a file. It records what another "
        "machine shows too ("
        + ", ".join(f"`{name}`" for name in (*RECORDED_OF_CAPTURE, *RECORDED))
        + "). After an intended change, `--update` replaces the values that differ and prints the changes. A limit "
        '(`"< 50ms"`) stays. If it fails, the exit status is 1.',
        "```toml\n"
        f"#:schema {SCHEMA_FILE}\n"
        "[capture]\n"
        "connections = 1\n\n"
        "[[connections]]\n"
        'only = "server.port == 20000"\n'
        'close.outcome = ["three-segment", "four-segment"]\n'
        'handshake.rtt = "< 50ms"\n'
        "notes.retransmission = 0\n"
        "```",
        "A plain value has to be equal. A text that begins with an operator uses that operator. A list means one of "
        "these values or, for a key with several values, exactly these. Three members choose the connections of a "
        "table:",
        _table(("member", "meaning"), ((f"`{name}`", meaning) for name, meaning in CHOICE_WORDS.items())),
        "The first line names the schema for editors (Even Better TOML, taplo). "
        f"`tcpanalyze check --schema > {SCHEMA_FILE}` writes it; put it next to the captures.",
        "## Formats",
        _table(("`--format`", "what it is"), ((f"`{name}`", one.meaning) for name, one in FORMATS.items())),
        "`-o FILE` writes the report to a file and prints text. `--junit FILE` writes JUnit in addition to any other "
        "report. In formats with line numbers (`github`, `sarif`) the line is the frame number. The `json` document "
        "has `exit_status` and `captures`. Each capture has `path`, `problem` and `checks`; each check has "
        "`expectation`, `source`, `more` and `findings`; each finding has `rule`, `message`, `connection`, `frame`, "
        "`expected`, `seen` and `notes`.",
        "## While a test runs",
        "`with analyzer.capturing('lo', 'tcp port 20000') as session:` captures what happens inside the block. "
        "`session.trace` is the analysis, `session.save(path)` writes the frames. The capture has started when the "
        "block begins, and it is complete when the block ends: the tool sends a marker through the interface, a UDP "
        "datagram to the link-local group 224.0.0.254, and waits until the marker is captured. A peer outside the "
        "block has one second (`settle`) to close its side. `tcpanalyze check --live -i lo -f FILTER --expect ... -- "
        "COMMAND ARG...` does the same for a command.",
        "In pytest, the fixture `tcp_capture` is `capturing`. `pytest --tcp-captures DIR` keeps the captures of failed "
        "tests with their diagrams.",
        "How well-known programs close a connection on loopback:",
        _table(("exchange", "expectations that hold", "because"), _closes()),
        "## Keys",
        "A key is the path of a value in the JSON document. Keys of a connection:",
        _keys(key for key in keys.all.values() if key.scope == "connection"),
        "`notes.NAME`, or only `NAME`, is the number of segments with a [note](names.md#notes). Keys of the whole "
        "capture; you may leave out `capture.` if connections do not have the same key:",
        _keys(key for key in keys.all.values() if key.scope == "capture"),
        "If a key counts names, `KEY.NAME` is the count of one name, e.g. `capture.skipped.UDP`, and the key itself is "
        "the list of the names that occur. Short names:",
        _table(("short", "key"), ((f"`{short}`", f"`{name}`") for short, name in ALIASES.items())),
        "You may leave out `_ns` at the end of a name.",
        "Kinds of values:",
        _table(("kind", "value"), KIND_MEANINGS.items()),
    ]
    return "\n\n".join(blocks) + "\n"


def _closes() -> Iterable[tuple[str, str, str]]:
    for what, holds, why in CLOSES:
        yield what, ", ".join(f"`{one}`" for one in holds), why


def _keys(keys: Iterable[Key]) -> str:
    # A key of one counted name has the default 0. The row of the key above it stands for all of them.
    rows = ((f"`{key.name}`", _kind(key), _meaning(key)) for key in keys if key.default is None)
    return _table(("key", "kind", "meaning"), rows)


def _kind(key: Key) -> str:
    kind = f"list of {key.kind}" if key.many else key.kind
    return f"{kind} or none" if key.nullable else kind


def _meaning(key: Key) -> str:
    if not key.words or (key.derive and key.many):
        return key.meaning
    words = ", ".join(f"`{word}`" for word in key.words)
    return f"{key.meaning.rstrip('.')}: {words}" if key.meaning else words


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
