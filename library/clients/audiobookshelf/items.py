"""Reading a whole library in pages, and only what has changed.

The listing of Audiobookshelf is minified: names of authors and series come as joined text that cannot be split again.
So each page says which items there are and when they were updated, and the changed ones are fetched whole, a few dozen
at a time. The listing cannot be sorted by change, and equal values of the sort key are in no stable order, so a pass is
checked against the total and repeated when it was not complete.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import MEGABYTE, Answer
from library.clients.audiobookshelf.mapping import copy_of_item
from library.clients.audiobookshelf.session import SERVICE, AbsSession
from library.clients.audiobookshelf.shapes import SeenItem
from library.clients.json_values import file_path, mapping, text, whole
from library.domain.facts import CopyFacts, Problem

PASSES = 3
CHUNK_ITEMS = 50
CHUNK_FILES = 2000  # an expanded file is about 2 KB and comes up to three times
CHUNK_BYTES = 64 * MEGABYTE
FAILURES_IN_A_ROW = 3  # so many single items that cannot be read mean that the server, not the items, is in trouble


class ItemReader:
    """One reading of one library. `known` maps item ids to the `updatedAt` (ms) that was read last."""

    def __init__(
        self,
        session: AbsSession,
        library_id: str,
        *,
        page_size: int,
        known: Mapping[str, int],
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self.session = session
        self.library_id = library_id
        self.page_size = max(1, page_size)  # 0 means everything at once to the server
        self.known = known
        self.on_progress = on_progress
        self.handled: set[str] = set()
        self.failures = 0

    def read(self) -> Iterator[SeenItem | CopyFacts]:
        for _ in range(PASSES):
            complete, shrank = yield from self._pass()
            if complete:
                return
        if shrank:
            raise Unavailable(
                f"The library changed in {SERVICE} while it was read, so the list may lack books. Nothing is concluded "
                "from it; it is read again next time.",
                service=SERVICE,
                code="listing_changed",
            )
        raise Malformed(
            f"{SERVICE} says that the library has more books than it lists. Nothing is concluded from that; restart "
            "Audiobookshelf or look at its log.",
            service=SERVICE,
            code="listing_incomplete",
        )

    def _pass(self) -> Generator[SeenItem | CopyFacts, None, tuple[bool, bool]]:
        """One walk over all pages; returns whether it was complete, and whether the library shrank meanwhile."""
        listed: set[str] = set()
        total, shrank, page = 0, False, 0
        while True:
            rows, now_total = self.page(page)
            shrank = shrank or (page > 0 and now_total < total)
            total = now_total
            ids = [item_id(row) for row in rows]
            listed.update(ids)
            new = {one: row for one, row in zip(ids, rows, strict=True) if one not in self.handled}
            self.handled.update(new)
            yield from self._deliver(list(new.values()))
            if self.on_progress:
                self.on_progress(min(len(self.handled), total), total)
            page += 1
            if not rows or page * self.page_size >= total:
                return len(listed) >= total and not shrank, shrank

    def page(self, number: int, *, newest_first: bool = False) -> tuple[list[Mapping[str, Any]], int]:
        """The minified rows of one page (from 0), and the total."""
        answer = self.session.call(
            "GET",
            f"/api/libraries/{self.library_id}/items",
            params={
                "limit": self.page_size,
                "page": number,
                "sort": "addedAt",
                "minified": 1,
                **({"desc": 1} if newest_first else {}),
            },
            accept=(200, 404),
            attempts=3,
        )
        if answer.status == 404:
            raise no_such_library()
        return listing_of(answer)

    def _deliver(self, rows: list[Mapping[str, Any]]) -> Iterator[SeenItem | CopyFacts]:
        """The unchanged rows as they are, the changed ones in full."""
        changed: list[Mapping[str, Any]] = []
        files = 0
        for row in rows:
            if updated_at(row) and self.known.get(item_id(row)) == updated_at(row):
                yield seen(row)
                continue
            weight = whole(row.get("numFiles")) or 1
            if changed and (len(changed) >= CHUNK_ITEMS or files + weight > CHUNK_FILES):
                yield from self._expand(changed)
                changed, files = [], 0
            changed.append(row)
            files += weight
        if changed:
            yield from self._expand(changed)

    def _expand(self, rows: list[Mapping[str, Any]]) -> Iterator[SeenItem | CopyFacts]:
        """The items of some rows in full. What the server cannot give at once is asked for in smaller parts.

        An item that vanished since the listing is left out of the answer without a word; so it is here.
        """
        try:
            items = self._fetch(rows)
        except (Rejected, Unavailable, Malformed) as error:
            if not _may_split(error):
                raise
            if len(rows) == 1:
                yield self._unreadable(rows[0], error)
                return
            # One item that this user may not see, or that breaks the server, spoils a whole batch.
            half = (len(rows) + 1) // 2
            yield from self._expand(rows[:half])
            yield from self._expand(rows[half:])
            return
        self.failures = 0
        yield from (copy_of_item(item) for item in items)

    def _fetch(self, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        wanted = {item_id(row) for row in rows}
        answer = self.session.call(
            "POST", "/api/items/batch/get", json={"libraryItemIds": sorted(wanted)}, max_bytes=CHUNK_BYTES
        )
        items = mapping(answer.json()).get("libraryItems")
        if not isinstance(items, list):
            raise not_audiobookshelf("items")
        found = [item for item in items if isinstance(item, Mapping) and text(item.get("id")) in wanted]
        if len(found) != len(items):
            raise not_audiobookshelf("items")
        return found

    def _unreadable(self, row: Mapping[str, Any], error: ExternalAPIError) -> SeenItem:
        self.failures += 1
        if self.failures >= FAILURES_IN_A_ROW and error.http_status != 403:
            raise error
        what = "does not allow this user to read" if error.http_status == 403 else "cannot give the details of"
        problem = Problem("item_unreadable", f"{SERVICE} {what} this item; look at it there.", relative_path(row))
        return seen(row, problem)


def _may_split(error: ExternalAPIError) -> bool:
    """Whether a smaller request may succeed: too big, a fault on the way, or one item refused.

    A server that cannot be reached at all has no status; asking it more often does not help.
    """
    too_big = isinstance(error, Malformed) and error.http_status == 200
    status = error.http_status or 0
    return too_big or status in (403, 413) or status >= 500


def listing_of(answer: Answer) -> tuple[list[Mapping[str, Any]], int]:
    """The rows and the total of a page of items; Malformed when it is not one."""
    shape = mapping(answer.json())
    rows, total = shape.get("results"), whole(shape.get("total"))
    if not isinstance(rows, list) or total is None or not all(isinstance(row, Mapping) for row in rows):
        raise not_audiobookshelf("items")
    return rows, total


def not_audiobookshelf(what: str) -> Malformed:
    return Malformed(
        f"The answer is not the list of {what} that {SERVICE} gives. Does the address lead to Audiobookshelf itself?",
        service=SERVICE,
    )


def no_such_library() -> Rejected:
    return Rejected(
        f"{SERVICE} has no such library any more. Choose its libraries again in the settings.",
        service=SERVICE,
        code="upstream_not_found",
        http_status=404,
    )


def item_id(row: Mapping[str, Any]) -> str:
    found = text(row.get("id"))
    if not found:
        raise not_audiobookshelf("items")
    return found


def updated_at(row: Mapping[str, Any]) -> int:
    return whole(row.get("updatedAt")) or 0


def relative_path(row: Mapping[str, Any]) -> str:
    return file_path(row.get("relPath"))


def seen(row: Mapping[str, Any], problem: Problem | None = None) -> SeenItem:
    return SeenItem(item_id(row), relative_path(row), updated_at(row), row.get("isMissing") is True, problem)
