"""Two hundred callers at once: every verb, reads and writes on the same rows, downloads and runs, for some time."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

CALLERS = 200
SHARED_IDS = range(1, 13)
JOBS = ("gap_analysis", "series_completion", "library_import", "health_check", "integrity_check")
READS = (
    "/api/books/?limit=50", "/api/books/?ordering=title&limit=20&offset=3", "/api/books/?author=ann&owned=true",
    "/api/books/search/?query=book", "/api/books/incomplete-metadata/", "/api/series/", "/api/series/incomplete/",
    "/api/authors/", "/api/authors/favorites/", "/api/narrators/", "/api/gaps/report/", "/api/wanted/",
    "/api/downloads/", "/api/downloads/pending/", "/api/runs/", "/api/decisions/", "/api/releases/",
    "/api/calendar/", "/api/metadata/status/", "/api/system/stats/", "/api/system/library-status/",
    "/api/scheduler/tasks/", "/api/scheduler/status/", "/api/imports/review/", "/api/matches/", "/health",
    "/api/admin/me/",
)  # fmt: skip


@dataclass
class Tally:
    """What came back. `unexpected` holds the first few answers that should not be."""

    statuses: Counter[int] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    by_place: dict[str, list[float]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    increments: int = 0

    def describe(self, took: float) -> str:
        ordered = sorted(self.seconds) or [0.0]
        half, most = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        return (
            f"{len(ordered)} requests in {took:.0f} s ({len(ordered) / took:.0f}/s), p50 {half * 1000:.0f} ms, "
            f"p99 {most * 1000:.0f} ms; {dict(sorted(self.statuses.items()))}; {dict(self.verbs)}; "
            f"{len(self.unexpected)} unexpected; slowest on average: {', '.join(self.slowest())}"
        )

    def slowest(self) -> list[str]:
        means = {place: sum(times) / len(times) for place, times in self.by_place.items()}
        worst = sorted(means, key=lambda place: means[place], reverse=True)[:5]
        return [f"{place} {means[place] * 1000:.0f} ms" for place in worst]


@dataclass
class Caller:
    """One of the two hundred, with a generator of its own, so that it does the same for the same seed."""

    client: httpx.AsyncClient
    tally: Tally
    random: random.Random
    shared_book: int
    number: int
    books: list[int] = field(default_factory=list)
    downloads: list[int] = field(default_factory=list)

    async def ask(self, method: str, path: str, good: set[int], **options: Any) -> httpx.Response | None:
        started = time.perf_counter()
        try:
            answer = await self.client.request(method, path, **options)
        except httpx.HTTPError as error:
            self.tally.unexpected.append(f"{method} {path}: {error!r}")
            return None
        took, place = time.perf_counter() - started, re.sub(r"\d+", "N", path.partition("?")[0])
        self.tally.seconds.append(took)
        self.tally.by_place.setdefault(f"{method} {place}", []).append(took)
        self.tally.statuses[answer.status_code] += 1
        self.tally.verbs[method] += 1
        if answer.status_code not in good:
            self.tally.unexpected.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def one_id(self) -> int:
        return self.random.choice(SHARED_IDS)

    # --- What a caller does --------------------------------------------------------------------------------------

    async def read(self) -> None:
        await self.ask("GET", self.random.choice(READS), {200})

    async def read_row(self) -> None:
        kind = self.random.choice(("books", "series", "authors", "downloads", "wanted"))
        await self.ask("GET", f"/api/{kind}/{self.one_id()}/", {200, 404})

    async def export(self) -> None:
        path = self.random.choice(("/api/books/", "/api/gaps/report/", "/api/downloads/"))
        await self.ask("GET", path, {200}, headers={"Accept": "text/csv"})

    async def add_book(self) -> None:
        name = f"Storm {self.number}-{self.random.randrange(10**6)}"
        body = {"title": name, "author": f"Author {self.one_id()}", "series": "Saga 1", "series_number": "2"}
        answer = await self.ask("POST", "/api/books/", {201, 409}, json=body)
        if answer is not None and answer.status_code == 201:
            self.books.append(answer.json()["id"])

    async def change_book(self) -> None:
        body = {"subtitle": f"by {self.number}", "narrators": [f"Reader {self.one_id()}"]}
        await self.ask(self.random.choice(("PUT", "PATCH")), f"/api/books/{self.one_id()}/", {200, 404}, json=body)

    async def increment(self) -> None:
        """Read, then write what follows from it, if nobody was faster."""
        place = f"/api/books/{self.shared_book}/"
        seen = await self.ask("GET", place, {200})
        if seen is None or seen.status_code != 200:
            return
        body, match = {"duration_minutes": seen.json()["duration_minutes"] + 1}, {"If-Match": seen.headers["ETag"]}
        answer = await self.ask("PUT", place, {200, 409}, json=body, headers=match)
        if answer is not None and answer.status_code == 200:
            self.tally.increments += 1

    async def archive_book(self) -> None:
        if self.books:
            await self.ask("DELETE", f"/api/books/{self.books.pop()}/", {200, 404, 409})

    async def follow(self) -> None:
        kind = self.random.choice(("series", "authors"))
        body = {"follow": self.random.choice(("none", "all", "from_now"))}
        await self.ask("PUT", f"/api/{kind}/{self.one_id()}/", {200, 404}, json=body)

    async def name(self) -> None:
        """Everybody wants the same few names."""
        kind, name = self.random.choice(("series", "authors")), f"Contested {self.one_id()}"
        answer = await self.ask("POST", f"/api/{kind}/", {201, 409}, json={"name": name})
        if answer is not None and answer.status_code == 201 and self.random.random() < 0.5:
            await self.ask("DELETE", f"/api/{kind}/{answer.json()['id']}/", {200, 404, 409})

    async def queue_download(self) -> None:
        """Twice with one Idempotency-Key: one download."""
        magnet = f"magnet:?xt=urn:btih:{self.random.getrandbits(160):040x}"
        body = {"title": f"Storm {self.number}", "source": "manual", "magnet_link": magnet}
        key = {"Idempotency-Key": f"{self.number}-{self.random.getrandbits(60)}"}
        first = await self.ask("POST", "/api/downloads/", {201, 409}, json=body, headers=key)
        again = await self.ask("POST", "/api/downloads/", {201, 409}, json=body, headers=key)
        if first is not None and again is not None and first.status_code == again.status_code == 201:
            if first.json() != again.json():
                self.tally.unexpected.append(f"a replay differs: {first.text[:200]} / {again.text[:200]}")
            self.downloads.append(first.json()["id"])

    async def steer_download(self) -> None:
        if not self.downloads:
            return
        place = f"/api/downloads/{self.random.choice(self.downloads)}"
        verb, body = self.random.choice(
            (
                ("mark-failed", {"error_msg": "Because of the weather."}),
                ("retry", {"days_until_retry": self.random.randrange(4)}),
                ("status", {"status": "cancelled", "reason": "Enough."}),
            )
        )
        await self.ask("PUT", f"{place}/{verb}/", {200, 404, 409}, json=body)

    async def start_run(self) -> None:
        path = f"/api/scheduler/trigger/{self.random.choice(JOBS)}/"
        answer = await self.ask("POST", path, {202, 409})
        if answer is not None and answer.status_code == 202:
            place = f"/api/runs/{answer.json()['run']['id']}/"
            await self.ask("GET", place, {200})
            if self.random.random() < 0.2:
                await self.ask("POST", f"{place}cancel/", {200, 409})

    async def analyze(self) -> None:
        await self.ask("POST", "/api/gaps/analyze/", {200, 409}, json={"series_ids": [1]})

    async def pause_and_resume(self) -> None:
        task = self.random.choice(JOBS)
        for verb in ("pause", "resume"):
            await self.ask("PUT", f"/api/scheduler/task/{task}/{verb}/", {200, 409})

    async def keys(self) -> None:
        answer = await self.ask("POST", "/api/admin/keys/", {201}, json={"name": f"storm {self.number}"})
        if answer is not None and answer.status_code == 201:
            await self.ask("DELETE", f"/api/admin/keys/{answer.json()['id']}/", {200})

    async def mistakes(self) -> None:
        await self.ask("POST", "/api/books/", {400}, content=b'{"title": ')
        await self.ask("GET", "/api/books/?no_such_filter=1", {400})

    async def storm(self, until: float) -> None:
        """One thing after another, reads more often than writes."""
        deeds: dict[Callable[[], Awaitable[None]], int] = {
            self.read: 30, self.read_row: 20, self.export: 3, self.add_book: 5, self.change_book: 8,
            self.increment: 6, self.archive_book: 3, self.follow: 4, self.name: 4, self.queue_download: 5,
            self.steer_download: 5, self.start_run: 3, self.analyze: 1, self.pause_and_resume: 1, self.keys: 2,
            self.mistakes: 2,
        }  # fmt: skip
        while time.monotonic() < until:
            (deed,) = self.random.choices(list(deeds), weights=list(deeds.values()))
            await deed()


def run_storm(base: str, token: str, *, shared_book: int, seconds: float, seed: int) -> Tally:
    """Let all callers loose for so long; the requests under way then are still finished."""
    return asyncio.run(_run(base, token, shared_book, seconds, seed))


async def _run(base: str, token: str, shared_book: int, seconds: float, seed: int) -> Tally:
    tally, started = Tally(), time.monotonic()
    limits = httpx.Limits(max_connections=CALLERS, max_keepalive_connections=CALLERS)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=base, headers=headers, limits=limits, timeout=120) as client:
        callers = [
            Caller(client, tally, random.Random(seed * 1000 + number), shared_book, number) for number in range(CALLERS)
        ]
        await asyncio.gather(*(caller.storm(started + seconds) for caller in callers))
    print(tally.describe(time.monotonic() - started))
    return tally
