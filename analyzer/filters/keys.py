"""The keys that connections are chosen and sorted by: what the schema of the JSON document lists, and a few more.

A key is the path of a value in the document, `handshake.outcome`: counted from its connection, or from the
top for what the capture as a whole says (`capture.frames`). The schema decides which paths there are, what kind
of value each has and which values are possible, so nothing of it is written down here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from analyzer.errors import UsageError
from analyzer.filters.spelling import in_short, nearest
from analyzer.text import say

__all__ = ["ALIASES", "DERIVED", "KIND_MEANINGS", "Key", "Keys", "Kind"]

Kind = Literal["number", "time", "bytes", "boolean", "word", "text", "address", "labels"]
Scope = Literal["capture", "connection"]

KIND_MEANINGS: Final[Mapping[Kind, str]] = {
    "number": "a number",
    "time": "a time with its unit: ns, us or µs, ms, s, min, h",
    "bytes": "a number of bytes; B, kB, MB, GB, KiB, MiB, GiB may follow",
    "boolean": "true or false",
    "word": "one of the words listed",
    "text": "any text",
    "address": "an IP address",
    "labels": "a pattern of labels",
}

BYTE_KEYS: Final = ("bytes", "length", "window", "mss")
"""A number whose name ends so counts bytes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    name: as it is shown. path: the members that lead to the value. each: how many of them lead to the list of
    which every element is meant, 0 where there is none. many: the value is a list. nullable: it may be absent.
    words: its possible values, where the schema lists them. default: what an absent member stands for.
    derive: makes the value out of the whole connection or capture, where it is no member of its own.
    needs_capture: it is told from the connection and its capture, which stands in the connection as `capture`.
    """

    name: str
    scope: Scope
    kind: Kind
    path: tuple[str, ...] = ()
    each: int = 0
    many: bool = False
    nullable: bool = False
    words: tuple[str, ...] = ()
    default: int | None = None
    derive: Callable[[Mapping[str, Any]], Any] | None = None
    needs_capture: bool = False
    meaning: str = ""

    @property
    def needs_segments(self) -> bool:
        """Whether its value is found in the segments."""
        return self.kind == "labels" or self.path[:1] == ("segments",)

    def values(self, root: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any] | None, Any]]:
        """The value, or each of several, with the element of the list that holds it.

        root: the connection or the capture, as the document has it.
        """
        if self.derive is not None:
            yield None, self.derive(root)
        elif self.each:
            for element in _member(root, self.path[: self.each], ()):
                yield element, _member(element, self.path[self.each :], self.default)
        else:
            yield None, _member(root, self.path, self.default)


def _member(root: Any, path: tuple[str, ...], default: Any) -> Any:
    for name in path:
        if root is None:
            return None
        root = root.get(name, default)
    return root


def _span(first: str, last: str) -> Callable[[Mapping[str, Any]], Any]:
    def derive(root: Mapping[str, Any]) -> int | None:
        return None if root[first] is None else root[last] - root[first]

    return derive


def _round_trip(connection: Mapping[str, Any]) -> int | None:
    halves = connection["handshake"]["rtt_ns"]
    return None if halves["syn"] is None or halves["ack"] is None else halves["syn"] + halves["ack"]


def _since_the_capture_began(connection: Mapping[str, Any]) -> Any:
    return connection["first_time_ns"] - connection["capture"]["first_time_ns"]


def _of_both(member: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda connection: sum(connection["data"][side][member] for side in _BOTH)


_BOTH: Final = ("client", "server")

DERIVED: Final = (
    Key(
        "labels", "connection", "labels",
        meaning="which labels come in which sequence",
    ),
    Key(
        "duration", "connection", "time", derive=_span("first_time_ns", "last_time_ns"),
        meaning="from the first segment to the last",
    ),
    Key(
        "start", "connection", "time", derive=_since_the_capture_began, needs_capture=True,
        meaning="from the first frame of the capture to the first segment",
    ),
    Key(
        "bytes", "connection", "bytes", derive=_of_both("bytes"),
        meaning="payload bytes of both sides, each counted once",
    ),
    Key(
        "retransmissions", "connection", "number", derive=_of_both("retransmitted_segments"),
        meaning="segments of both sides that were sent again",
    ),
    Key(
        "handshake.rtt", "connection", "time", nullable=True, derive=_round_trip,
        meaning="both halves of the round trip together: SYN to SYN-ACK to ACK",
    ),
    Key(
        "ports", "connection", "number", many=True, derive=lambda root: [root[end]["port"] for end in _BOTH],
        meaning="of the client and the server",
    ),
    Key(
        "addresses", "connection", "address", many=True,
        derive=lambda root: [root[end]["address"] for end in _BOTH],
        meaning="of the client and the server",
    ),
    Key(
        "capture.duration", "capture", "time", nullable=True, derive=_span("first_time_ns", "last_time_ns"),
        meaning="from the first frame to the last",
    ),
    Key("capture.connections", "capture", "number", ("connections",), meaning="how many there are"),
)  # fmt: skip
"""What the document says only between its lines."""

ALIASES: Final[Mapping[str, str]] = {
    "handshake": "handshake.outcome",
    "close": "close.outcome",
    "active": "close.active",
    "time_wait": "close.time_wait",
    "rtt": "handshake.rtt",
    "number": "id",
}
"""Short name -> key. A note's own name stands for `notes.NAME`, `_ns` may be left out wherever it ends a
name, and so may `capture.` where no key of a connection has the same name."""


class Keys:
    """All keys of one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """schema: the JSON Schema of the document."""
        self._schema = schema
        self._open: list[Key] = []
        connection = self._resolved(self._resolved(schema["properties"]["connections"])["items"])
        capture = self._resolved(schema["properties"]["capture"])
        found = list(DERIVED)
        found += self._walk(connection, (), "connection", 0)
        found += self._walk(capture, (), "capture", 0)
        self.all: Mapping[str, Key] = {key.name: key for key in found}
        """Name -> key, those of a connection first."""
        self._short = self._short_names()

    def lookup(self, name: str) -> Key:
        """The key of that name. Raises UsageError, with the nearest name, where there is none."""
        key = self.all.get(name) or self.all.get(self._short.get(name, ""))
        if key is not None:
            return key
        for holder in self._open:
            for prefix in (holder.name, holder.name.removeprefix("capture.")):
                rest = name.removeprefix(f"{prefix}.")
                if rest not in {name, ""}:
                    shown = f"{holder.name}.{in_short(rest)}"
                    return Key(shown, holder.scope, "number", (*holder.path, rest), default=0)
        raise UsageError(
            say(
                "there is no key {name}{hint}",
                name=in_short(name) or '""',
                hint=nearest(name, self._known_tails()),
            )
        )

    def of_connection(self, name: str) -> Key:
        """The key of that name, by which connections are told apart before anybody looks at their segments.

        Raises UsageError for every other, with the reason.
        """
        key = self.lookup(name)
        if key.scope != "connection":
            reason = say("it is about the capture as a whole")
        elif key.needs_segments:
            reason = say("it is about single segments, which are not looked at for this")
        else:
            return key
        raise UsageError(
            say(
                "{key} tells no connections apart: {reason}; use a key of the connection itself",
                key=key.name,
                reason=reason,
            )
        )

    @property
    def open_names(self) -> list[str]:
        """The keys below which any name may stand, with a count."""
        return [key.name for key in self._open]

    @property
    def short_names(self) -> Mapping[str, str]:
        """Short name -> the key it stands for."""
        return self._short

    def _short_names(self) -> dict[str, str]:
        short: dict[str, str] = {}
        for name in self.all:
            if "_ns" in name:
                short[".".join(part.removesuffix("_ns") for part in name.split("."))] = name
        for name in [*self.all, *short]:
            if name.startswith("capture."):
                short.setdefault(name.removeprefix("capture."), short.get(name, name))
        for name in self.all:
            if name.startswith("notes."):
                short.setdefault(name.removeprefix("notes."), name)
        short.update(ALIASES)
        return {name: key for name, key in short.items() if name not in self.all}

    def _known_tails(self) -> dict[str, str]:
        """Whatever somebody may have meant -> the key to name."""
        known = {name.rpartition(".")[2]: name for name in reversed(list(self.all))}
        return known | {name: name for name in self._short} | {name: name for name in self.all}

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node without references, and without the `null` beside it."""
        while "$ref" in node or "anyOf" in node:
            if "$ref" in node:
                target = self._schema["$defs"][node["$ref"].rpartition("/")[2]]
                node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
            else:
                # Of a value that may have several shapes, nothing is known but its text.
                kept = [one for one in node["anyOf"] if one != {"type": "null"}]
                rest = {name: value for name, value in node.items() if name != "anyOf"}
                node = {"nullable": True, **(kept[0] if len(kept) == 1 else {}), **rest}
        return node

    def _walk(self, node: Mapping[str, Any], path: tuple[str, ...], scope: Scope, each: int) -> Iterator[Key]:
        absent = {"nullable": True} if node.get("nullable") else {}
        for name, child in node["properties"].items():
            yield from self._keys_of({**self._resolved(child), **absent}, (*path, name), scope, each)

    def _keys_of(
        self, node: Mapping[str, Any], path: tuple[str, ...], scope: Scope, each: int
    ) -> Iterator[Key]:
        name = ".".join((scope, *path) if scope == "capture" else path)
        meaning = node.get("description", "")
        if "properties" in node:
            yield from self._walk(node, path, scope, each)
        elif "additionalProperties" in node:
            # A count for each name: the key itself stands for the names that occur.
            words = tuple(self._resolved(node["propertyNames"])["enum"]) if "propertyNames" in node else ()
            derive = _names_at(path)
            holder = Key(
                name, scope, "word" if words else "text", path, many=True, words=words, derive=derive,
                meaning=meaning,
            )  # fmt: skip
            yield holder
            for word in words:
                yield Key(f"{name}.{word}", scope, "number", (*path, word), default=0)
            if not words:
                self._open.append(holder)
        elif node.get("type") == "array":
            items = self._resolved(node["items"])
            if "properties" in items:
                yield Key(name, scope, "number", path, derive=_count_at(path), meaning="how many there are")
                yield from self._walk(items, path, scope, len(path))
            else:
                yield _plain(name, scope, items, path, each, many=True, meaning=meaning)
        else:
            yield _plain(name, scope, node, path, each, many=False, meaning=meaning)


def _names_at(path: tuple[str, ...]) -> Callable[[Mapping[str, Any]], list[str]]:
    return lambda root: sorted(_member(root, path, {}))


def _count_at(path: tuple[str, ...]) -> Callable[[Mapping[str, Any]], int]:
    return lambda root: len(_member(root, path, ()))


def _plain(
    name: str,
    scope: Scope,
    node: Mapping[str, Any],
    path: tuple[str, ...],
    each: int,
    *,
    many: bool,
    meaning: str,
) -> Key:
    """The key of a value without members."""
    named = node.get("type", ())
    types = {named} if isinstance(named, str) else set(named)
    listed: Sequence[str | None] = node.get("enum", ())
    words = tuple(word for word in listed if word is not None)
    nullable = bool(node.get("nullable")) or "null" in types or None in listed
    kind: Kind = "text"
    if words:
        kind = "word"
    elif "boolean" in types:
        kind = "boolean"
    elif "integer" in types:
        if any(part.endswith("_ns") for part in path):
            kind = "time"
        else:
            kind = "bytes" if path[-1].rpartition("_")[2] in BYTE_KEYS else "number"
    elif path[-1] == "address":
        kind = "address"
    return Key(name, scope, kind, path, each, many, nullable, words, meaning=meaning)
