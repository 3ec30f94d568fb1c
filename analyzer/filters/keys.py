"""The keys that choose and sort connections: those in the schema of the JSON document, and a few more.

A key is the path of a value in the document. The path of a value of a connection begins at the connection
(`handshake.outcome`). The path of a value of the capture begins at the top (`capture.frames`). The schema defines the
paths, the kinds of values and the possible values. They are not repeated here.
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
"""A number whose name ends in one of these words counts bytes."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        name: The name as it is shown.
        scope: Whether the key belongs to a connection or to the capture.
        kind: The kind of its value.
        path: The members of the document that lead to the value.
        each: How many members of `path` lead to a list whose elements each have a value; 0 without such a list.
        many: Whether the value is a list.
        nullable: Whether the value may be missing.
        words: The possible values, if the schema lists them.
        default: The value of a missing member.
        derive: Makes the value from the whole connection or capture; None if the value is a member of the document.
        needs_capture: Whether `derive` needs the capture, as the member `capture` of the connection.
        meaning: What the value is, for the documentation.
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
        """Whether the value comes from the segments."""
        return self.kind == "labels" or self.path[:1] == ("segments",)

    def values(self, root: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any] | None, Any]]:
        """Look up the value.

        Args:
            root: The connection or the capture, as in the JSON document.

        Yields:
            The element of a list that has the value, or None, and the value. Several pairs if `each` is set.
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
        meaning="the order of the labels",
    ),
    Key(
        "duration", "connection", "time", derive=_span("first_time_ns", "last_time_ns"),
        meaning="time from the first segment to the last",
    ),
    Key(
        "start", "connection", "time", derive=_since_the_capture_began, needs_capture=True,
        meaning="time from the first frame of the capture to the first segment",
    ),
    Key(
        "bytes", "connection", "bytes", derive=_of_both("bytes"),
        meaning="payload bytes of both sides, each counted once",
    ),
    Key(
        "retransmissions", "connection", "number", derive=_of_both("retransmitted_segments"),
        meaning="retransmitted segments of both sides",
    ),
    Key(
        "handshake.rtt", "connection", "time", nullable=True, derive=_round_trip,
        meaning="round-trip time of the handshake: SYN to SYN-ACK to ACK",
    ),
    Key(
        "ports", "connection", "number", many=True, derive=lambda root: [root[end]["port"] for end in _BOTH],
        meaning="the ports of the client and the server",
    ),
    Key(
        "addresses", "connection", "address", many=True,
        derive=lambda root: [root[end]["address"] for end in _BOTH],
        meaning="the addresses of the client and the server",
    ),
    Key(
        "capture.duration", "capture", "time", nullable=True, derive=_span("first_time_ns", "last_time_ns"),
        meaning="time from the first frame to the last",
    ),
    Key("capture.connections", "capture", "number", ("connections",), meaning="number of connections"),
)  # fmt: skip
"""Values that follow from the document but are not members of it."""

ALIASES: Final[Mapping[str, str]] = {
    "handshake": "handshake.outcome",
    "close": "close.outcome",
    "active": "close.active",
    "time_wait": "close.time_wait",
    "rtt": "handshake.rtt",
    "number": "id",
}
"""Short name -> key. More short names follow by rule: the name of a note stands for `notes.NAME`; `_ns` at the end of
a name may be left out, and also `capture.` if no key of a connection has the same name."""


class Keys:
    """All keys of one schema.

    Attributes:
        all: Name -> key. The keys of a connection come first.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Find the keys.

        Args:
            schema: The JSON Schema of the document.
        """
        self._schema = schema
        self._open: list[Key] = []
        connection = self._resolved(self._resolved(schema["properties"]["connections"])["items"])
        capture = self._resolved(schema["properties"]["capture"])
        found = list(DERIVED)
        found += self._walk(connection, (), "connection", 0)
        found += self._walk(capture, (), "capture", 0)
        self.all: Mapping[str, Key] = {key.name: key for key in found}
        self._short = self._short_names()

    def lookup(self, name: str) -> Key:
        """Find a key.

        Args:
            name: The name of a key, or a short name.

        Returns:
            The key.

        Raises:
            UsageError: There is no such key. The message suggests the nearest name.
        """
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
        """Find a key that filters and sorting may use: one of a connection that does not need segments.

        Args:
            name: The name of a key, or a short name.

        Returns:
            The key.

        Raises:
            UsageError: There is no such key, or it cannot be used here. The message gives the reason.
        """
        key = self.lookup(name)
        if key.scope != "connection":
            reason = say("it is about the whole capture")
        elif key.needs_segments:
            reason = say("it is about single segments, which a filter does not read")
        else:
            return key
        raise UsageError(
            say(
                "{key} cannot choose or sort connections: {reason}; use a key of the connection itself",
                key=key.name,
                reason=reason,
            )
        )

    @property
    def open_names(self) -> list[str]:
        """The keys that count names and accept any name below them."""
        return [key.name for key in self._open]

    @property
    def short_names(self) -> Mapping[str, str]:
        """Short name -> the name of its key."""
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
        """What a user may have meant -> the name to suggest."""
        known = {name.rpartition(".")[2]: name for name in reversed(list(self.all))}
        return known | {name: name for name in self._short} | {name: name for name in self.all}

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node with its references resolved. A `null` alternative becomes `nullable`."""
        while "$ref" in node or "anyOf" in node:
            if "$ref" in node:
                target = self._schema["$defs"][node["$ref"].rpartition("/")[2]]
                node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
            else:
                # A value with several possible shapes counts as text.
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
            # The node counts names. The key itself is the list of the names that occur.
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
    """Make the key of a value without members."""
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
