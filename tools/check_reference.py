"""docs/check.md: the language of expectations, all keys, the formats and exit statuses, from the tables."""

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
        "curl asks nginx, one request",
        ("close = three-segment", "active = client", "data.client.bytes > 0"),
        "curl closes when it has its answer; nginx, which waits for the next request, meets the end of the "
        "connection and closes at once, so that its FIN carries the ACK",
    ),
    (
        "curl asks nginx with `Connection: close`",
        ("close in three-segment, four-segment, simultaneous", "active in client, server, both"),
        "both close when the answer has been sent, and who is first is a race",
    ),
    (
        "redis-cli asks redis, one command",
        (
            "close = three-segment",
            "active = client",
            "labels = ... client:close-1 server:close-2+close-3 client:close-4",
        ),
        "redis-cli closes when it ends; redis reads the end of the connection and closes",
    ),
    (
        "redis-cli asks redis to shut down",
        ("close in three-segment, four-segment", "active = server", "time_wait = server"),
        "redis ends without an answer, and its kernel closes: the server is left in TIME-WAIT",
    ),
    (
        "curl asks where nobody listens",
        ("handshake = refused", "close = none"),
        "a RST answers the SYN; curl ends with status 7",
    ),
)
"""Exchange, what holds for its connection, why. The tests run each with the programs of Debian."""


def check_page(keys: Keys) -> str:
    """The page, as Markdown."""
    blocks = [
        "# Checking captures",
        "<!-- Made from the tables by `python -m tools.documentation`: change those instead. -->",
        "`tcpanalyze check CAPTURE...` compares captures with what is expected of them. An expectation is "
        "`KEY OPERATOR VALUE`: on the command line (`--expect 'close = three-segment'`), in Python "
        "(`expect(trace, 'close = three-segment')`), or in a file of expectations. It has to hold for every "
        "connection that it is about, and for every element of a list of segments; one that is about no connection "
        "is a finding, unless `--allow-none` is given. That a capture is whole is expected unless "
        "`--allow-truncated` is given or something is said about `capture.truncated`.",
        "## Exit status",
        _table(
            ("status", "meaning"),
            (
                ("0", "all is as expected"),
                ("1", "it is not: there are findings"),
                (
                    "2",
                    "wrong usage, or a capture or a file of expectations that cannot be read or of which nothing "
                    "is expected; all others are checked nevertheless",
                ),
                (
                    "`--live`",
                    "the greater of the above and the status of the command, which is 128 and the number of "
                    "the signal where one ended it, 127 where there is no such command, 126 where it cannot be run",
                ),
            ),
        ),
        "## Operators",
        _table(
            ("operator", "holds where the value is"),
            ((f"`{name}`", one.meaning) for name, one in OPERATORS.items()),
        ),
        "`==` is the same as `=`. `--max KEY=N` and `--min KEY=N` are short for `KEY <= N` and `KEY >= N`. `none` "
        "stands for a value that is not there, and for an empty list. Several values stand between commas; what "
        "holds a blank or a comma stands in quotation marks.",
        "## Which connections",
        "`--connection N` chooses by number, `--only FILTER` by comparisons joined with `and`, `or`, `not` (or `&&`, "
        "`||`, `!`) and parentheses: `--only 'server.port == 20000 and not close in {reset, reset-after-fin}'`. "
        "Both are about the expectations of the command line. Of a key with a value for each element of a list "
        "(`icmp_errors.kind`) one has to be as the filter says. `tcpanalyze CAPTURE --only FILTER` shows these "
        "connections alone, and `--sort KEY` sorts by a key with one value.",
        "## Order",
        "`labels = PATTERN` says which labels come in which sequence:",
        _table(("pattern", "stands for"), ((f"`{example}`", meaning) for example, meaning in SYNTAX.items())),
        "A segment that is nothing but an `ack` is passed over unless the pattern names `ack`, because when an "
        "acknowledgement goes alone is a matter of timing.",
        "## Files of expectations",
        "`NAME.expect.toml` beside a capture is about that capture, `expect.toml` about all captures of its folder; "
        "`--expectations FILE` names another. `--record` writes one, with what another machine shows too ("
        + ", ".join(f"`{name}`" for name in (*RECORDED_OF_CAPTURE, *RECORDED))
        + "); after a change that is meant `--update` replaces in it what differs and prints the "
        'difference; a bound (`"< 50ms"`) stays, and where it does not '
        "hold the status is 1.",
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
        "A value means that it is equal; a text that begins with an operator means that operator; a list means one of "
        "these, or, for a key with several values, exactly these. Which connections a table is about:",
        _table(("member", "says"), ((f"`{name}`", meaning) for name, meaning in CHOICE_WORDS.items())),
        "The first line tells editors (Even Better TOML, taplo) the schema: "
        f"`tcpanalyze check --schema > {SCHEMA_FILE}` "
        "puts it beside the captures.",
        "## Formats",
        _table(("`--format`", "what it is"), ((f"`{name}`", one.meaning) for name, one in FORMATS.items())),
        "`-o FILE` writes the report to a file and prints text; `--junit FILE` writes JUnit beside any other. Where a "
        "format has lines (`github`, `sarif`), the line is the number of the frame. The document of `json` has "
        "`exit_status` and `captures`, each with `path`, `problem` and `checks` (`expectation`, `source`, `more`, "
        "`findings`), each finding with `rule`, `message`, `connection`, `frame`, `expected`, `seen` and `notes`.",
        "## While a test runs",
        "`with analyzer.capturing('lo', 'tcp port 20000') as session:` captures what happens inside, "
        "`session.trace` is the analysis, `session.save(path)` writes the frames. The capture has started when the "
        "block begins and is complete when it has been left: a marker, a UDP datagram of our own to the link-local "
        "group 224.0.0.254, is sent through the interface, and what came before it has been captured when it has. A "
        "peer that is no part of the block has a second (`settle`) to close its side. `tcpanalyze check --live -i lo "
        "-f FILTER --expect ... -- COMMAND ARG...` does the same around a command.",
        "With pytest the fixture `tcp_capture` is `capturing`, and `pytest --tcp-captures DIR` keeps the captures of "
        "failed tests with their diagrams.",
        "What a close by well-known programs looks like on loopback:",
        _table(("exchange", "holds", "because"), _closes()),
        "## Keys",
        "A key is the path of a value in the JSON document. Of a connection:",
        _keys(key for key in keys.all.values() if key.scope == "connection"),
        "`notes.NAME`, or `NAME` alone, is how many segments bear a [note](names.md#notes). Of the whole capture; "
        "`capture.` may be left out where no connection has the same key:",
        _keys(key for key in keys.all.values() if key.scope == "capture"),
        "Where names are counted, `KEY.NAME` is how many there are of one, as in `capture.skipped.UDP`, and the key "
        "itself stands for the names that occur. Short names:",
        _table(("short", "key"), ((f"`{short}`", f"`{name}`") for short, name in ALIASES.items())),
        "`_ns` at the end of a name may be left out.",
        "Kinds of values:",
        _table(("kind", "is"), KIND_MEANINGS.items()),
    ]
    return "\n\n".join(blocks) + "\n"


def _closes() -> Iterable[tuple[str, str, str]]:
    for what, holds, why in CLOSES:
        yield what, ", ".join(f"`{one}`" for one in holds), why


def _keys(keys: Iterable[Key]) -> str:
    # One of many counted names has the default 0, and is in the row of all of them.
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
