"""Number words as digits, so that `Around the World in Eighty Days` and `… in 80 Days` are one title."""

from library.domain.positions import NUMBER_WORDS
from library.domain.text import word_set

_BIG = {"hundred": 100, "thousand": 1000}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_ENGLISH = word_set(
    """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """
)
_SMALL = {word: n for word, n in NUMBER_WORDS.items() if word in _ENGLISH}


def numerals(folded: str) -> str:
    """Folded text with English number words as digits: `twenty thousand leagues` becomes `20000 leagues`."""
    out: list[str] = []
    total = current = 0
    is_open = False
    last = ""

    def close() -> None:
        nonlocal total, current, is_open
        if is_open:
            out.append(str(total + current))
        total, current, is_open = 0, 0, False

    for word in folded.split():
        if word in _SMALL or word in _TENS:
            value = _SMALL.get(word) or _TENS[word]
            # "twenty one" is one number, "one two buckle" are several.
            if is_open and not (last in _BIG or (last in _TENS and value < 10)):
                close()
            current, is_open = current + value, True
        elif word in _BIG and is_open:
            current *= _BIG[word]
            if word == "thousand":
                total, current = total + current, 0
        else:
            close()
            out.append(word)
        last = word
    close()
    return " ".join(out)
