"""A fake MyAnonamouse and a fake Prowlarr."""

import json
from typing import Any

from acquisition.tests.fake_http import WEB_PAGE, FakeServer, Reply, Seen, json_reply, text_reply
from acquisition.tests.fake_indexers import make_torrent


def mam_row(**changes: Any) -> dict[str, Any]:
    """A row as the tracker sends it: nested JSON as text, numbers now as numbers, now as text."""
    row: dict[str, Any] = {
        "id": 123456,
        "title": "Emma &amp; Friends",
        "author_info": '{"8234":"Jane Austen","9":"Else&#039;s Friend"}',
        "narrator_info": '{"77":"Juliet Stevenson"}',
        "series_info": '{"67":["The Austens","2",2.0]}',
        "lang_code": "ENG",
        "filetype": "mp3 m4b",
        "size": "632430693",
        "numfiles": "12",
        "seeders": "8",
        "leechers": 0,
        "times_completed": 55,
        "added": "2024-05-06 07:08:09",
        "catname": "Audiobooks - Literary Classics",
        "tags": "Unabridged 64 kbps",
        "browseflags": 0,
        "vip": 0,
        "free": "0",
        "fl_vip": False,
        "personal_freeleech": 0,
        "my_snatched": 0,
        "mediainfo": json.dumps({"General": {"Duration": "16h 2m"}, "Audio1": {"BitRate": "64.0 kb/s"}}),
    }
    return {**row, **changes}


class FakeMam(FakeServer):
    """Accepts the newest cookie only; `rotate` gives a new one with each answer."""

    def __init__(self, cookie: str = "first-cookie-value") -> None:
        super().__init__()
        self.cookie, self.rotate = cookie, False
        self.rows: list[dict[str, Any]] = [mam_row()]
        self.torrent: bytes = make_torrent("Emma")
        self.refusal = '{"Success":false,"msg":"Invalid session - IP mismatch"}'
        self.page_size = 100
        self.account: dict[str, Any] = {
            "uid": "1",
            "username": "reader",
            "classname": "VIP",
            "ratio": "12.5",
            "uploaded": "5.125 TiB",
            "downloaded_bytes": 1000,
            "seedbonus": 99999,
            "wedges": "3",
            "vip_until": "2027-01-02 03:04:05",
            "connectable": "yes",
            "unsat": {"name": "Unsatisfied", "count": 7, "red": False, "size": None, "limit": 150},
            "inactHnr": {"count": 1},
            "seedHnr": {"count": "0"},
        }
        self._number = 0

    def answer(self, request: Seen) -> Reply:
        if request.headers.get("Cookie") != f"mam_id={self.cookie}":
            return Reply(self.refusal.encode(), 403, "application/json")
        reply = self._answer(request)
        if self.rotate:
            self._number += 1
            self.cookie = f"rotated-cookie-{self._number}"
            reply.headers["Set-Cookie"] = f"mam_id={self.cookie}; path=/; HttpOnly"
        return reply

    def _answer(self, request: Seen) -> Reply:
        if request.path == "/tor/js/loadSearchJSONbasic.php":
            return self._search(json.loads(request.body)["tor"])
        if request.path == "/tor/download.php":
            return Reply(self.torrent, kind="application/x-bittorrent")
        if request.path == "/jsonLoad.php":
            return json_reply(self.account)
        if request.path == "/json/checkCookie.php":
            return json_reply({"Success": True})
        return Reply(WEB_PAGE, 200, "text/html")

    def _search(self, tor: dict[str, Any]) -> Reply:
        start = int(tor["startNumber"])
        rows = self.rows[start : start + self.page_size]
        if not rows:
            return json_reply({"error": "Nothing returned, out of 0"})
        return json_reply(
            {"perpage": 100, "start": start, "data": rows, "total": len(rows), "found": str(len(self.rows))}
        )


class FakeProwlarr(FakeServer):
    """Two indexers, of which one waits."""

    KEY = "prowlarr-key"

    def answer(self, request: Seen) -> Reply:
        if request.headers.get("X-Api-Key") != self.KEY:
            return text_reply("", 401)
        pages: dict[str, Any] = {
            "/base/api/v1/system/status": {"appName": "Prowlarr", "version": "2.3.0", "instanceName": "Mine"},
            "/base/api/v1/indexerstatus": [{"indexerId": 4, "disabledTill": "2026-01-01T00:00:00Z"}],
            "/base/api/v1/indexer": [
                {
                    "id": 3,
                    "name": "Books",
                    "enable": True,
                    "protocol": "torrent",
                    "privacy": "private",
                    "priority": 10,
                    "supportsSearch": True,
                    "fields": [
                        {"name": "torrentBaseSettings.seedRatio", "value": 1.5},
                        {"name": "torrentBaseSettings.seedTime", "value": 4320},
                        {"name": "apiKey", "value": "********"},
                    ],
                    "capabilities": {
                        "limitsMax": 50,
                        "searchParams": ["q"],
                        "bookSearchParams": ["q", "title", "author"],
                        "categories": [
                            {"id": 3000, "name": "Audio", "subCategories": [{"id": 3030, "name": "Audio/Audiobook"}]}
                        ],
                    },
                },
                {
                    "id": 4,
                    "name": "Films",
                    "enable": False,
                    "protocol": "usenet",
                    "capabilities": {"categories": [{"id": 2000, "name": "Movies"}]},
                },
            ],
        }
        return json_reply(pages[request.path]) if request.path in pages else text_reply("", 404)
