"""Reading bencode, strictly and within bounds (BEP 3).

What is read here comes from strangers. Everything is bounded before it is believed: the length of the whole, the
number of values, the depth of nesting and the size of integers. A dictionary that names a key twice is refused,
because two readers could then see two different torrents.
"""

from dataclasses import dataclass, field

MAX_BYTES = 10 * 1024 * 1024
MAX_VALUES = 1_000_000
MAX_DEPTH = 64
MAX_DIGITS = 19  # the largest signed 64-bit integer has so many


class BadTorrent(ValueError):
    """The bytes or the link are not a torrent that can be trusted. `code` names the fault, the message explains it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class Decoder:
    """Decodes one document. `spans` holds where each value of the outermost dictionary starts and ends in `data`."""

    data: bytes
    position: int = 0
    values: int = 0
    spans: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def document(self) -> object:
        """The one value that the bytes hold; BadTorrent when they hold anything else."""
        if len(self.data) > MAX_BYTES:
            raise BadTorrent("too_large", f"It has more than {MAX_BYTES // (1024 * 1024)} MB; no torrent needs that.")
        value = self._value(0)
        if self.data[self.position :].strip(b"\r\n"):
            raise BadTorrent("trailing_bytes", "There are bytes behind its end.")
        return value

    def _value(self, depth: int) -> object:
        self.values += 1
        if self.values > MAX_VALUES:
            raise BadTorrent("too_many_values", "It holds too many values to be a torrent of books.")
        if depth > MAX_DEPTH:
            raise BadTorrent("too_deep", "It is nested too deeply.")
        head = self.data[self.position : self.position + 1]
        if head.isdigit():
            return self._text()
        if head == b"i":
            return self._number()
        if head == b"l":
            return self._list(depth)
        if head == b"d":
            return self._dictionary(depth)
        raise BadTorrent("not_bencode" if head else "truncated", "It is not a torrent, or it is cut off.")

    def _digits(self, start: int, end_mark: bytes) -> int:
        """The integer between `start` and the mark; moves behind the mark."""
        end = self.data.find(end_mark, start, start + MAX_DIGITS + 2)
        if end < 0:
            raise BadTorrent("bad_number", "It holds a number that is too long or not ended.")
        text = self.data[start:end]
        digits = text.removeprefix(b"-")
        if not digits.isdigit() or (len(digits) > 1 and digits[:1] == b"0") or text == b"-0":
            raise BadTorrent("bad_number", "It holds a number that is not written as one.")
        self.position = end + 1
        return int(text)

    def _number(self) -> int:
        value = self._digits(self.position + 1, b"e")
        if not -(2**63) <= value < 2**63:
            raise BadTorrent("bad_number", "It holds a number beyond 64 bits.")
        return value

    def _text(self) -> bytes:
        length = self._digits(self.position, b":")
        end = self.position + length
        if end > len(self.data):
            raise BadTorrent("truncated", "It is cut off.")
        text = self.data[self.position : end]
        self.position = end
        return text

    def _list(self, depth: int) -> list[object]:
        self.position += 1
        items: list[object] = []
        while not self._ended():
            items.append(self._value(depth + 1))
        return items

    def _dictionary(self, depth: int) -> dict[bytes, object]:
        self.position += 1
        items: dict[bytes, object] = {}
        while not self._ended():
            if not self.data[self.position : self.position + 1].isdigit():
                raise BadTorrent("bad_key", "It has a key that is not text.")
            key = self._text()
            if key in items:
                raise BadTorrent(
                    "duplicate_key", "It names a key twice, so that two programs could read it differently."
                )
            start = self.position
            items[key] = self._value(depth + 1)
            if depth == 0:
                self.spans[key] = (start, self.position)
        return items

    def _ended(self) -> bool:
        head = self.data[self.position : self.position + 1]
        if not head:
            raise BadTorrent("truncated", "It is cut off.")
        if head == b"e":
            self.position += 1
            return True
        return False


def encode(value: object) -> bytes:
    """Bencode of integers, text, bytes, lists and dictionaries (keys sorted, as BEP 3 demands)."""
    if isinstance(value, bool) or value is None:
        raise TypeError(f"bencode has no {type(value).__name__}")
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list | tuple):
        return b"l" + b"".join(map(encode, value)) + b"e"
    if isinstance(value, dict):
        pairs = sorted((key.encode() if isinstance(key, str) else key, item) for key, item in value.items())
        return b"d" + b"".join(encode(key) + encode(item) for key, item in pairs) + b"e"
    raise TypeError(f"bencode has no {type(value).__name__}")
