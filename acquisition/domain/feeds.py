"""Finding, among many wanted books, those that a new release might be, without comparing every pair."""

from collections import defaultdict
from collections.abc import Iterable

from library.domain.text import fold
from library.domain.works import title_key

SMALL_WORDS = frozenset({"the", "a", "an", "of", "and", "in", "to", "der", "die", "das", "le", "la", "les", "book"})


def telling_words(title: str) -> frozenset[str]:
    """The words of a title that say something; all of them when none does."""
    words = frozenset(fold(title).split())
    return (words - SMALL_WORDS) or words


class WantedIndex:
    """Wanted books by their rarest word. A release is worth a closer look when it has all telling words of a title."""

    def __init__(self, titles: Iterable[tuple[int, str]]) -> None:
        rows = [(pk, telling_words(title.partition(":")[0] or title)) for pk, title in titles if title_key(title)]
        frequency: dict[str, int] = defaultdict(int)
        for _, words in rows:
            for word in words:
                frequency[word] += 1
        self._by_word: dict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
        for pk, words in rows:
            if words:
                self._by_word[min(words, key=lambda word: (frequency[word], word))].append((pk, words))

    def candidates(self, title: str) -> list[int]:
        """The ids of the books that a release of this name might be, in ascending order."""
        words = frozenset(fold(title).split())
        return sorted({pk for word in words for pk, needed in self._by_word.get(word, ()) if needed <= words})
