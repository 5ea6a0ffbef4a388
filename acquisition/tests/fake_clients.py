"""Fake download programs that speak their protocols over HTTP on loopback."""

import base64
import email
import email.policy
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from acquisition.domain.torrents import parse_magnet, parse_torrent
from acquisition.tests.fake_http import FakeServer, Reply, Seen, json_reply, text_reply


def multipart(request: Seen) -> dict[str, bytes]:
    """The fields of a form by name, a file under `<file>`."""
    if "multipart" not in request.headers["Content-Type"]:
        return {name: value.encode() for name, value in request.form().items()}
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    parts: dict[str, bytes] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        parts[str(name)] = part.get_payload(decode=True) or b""
        if part.get_filename():
            parts["<file>"] = parts[str(name)]
    return parts


@dataclass
class QbTorrent:
    hash: str
    name: str
    files: list[dict[str, Any]]
    row: dict[str, Any] = field(default_factory=dict)


class FakeQBittorrent(FakeServer):
    """qBittorrent's Web API as 4.5, 5.0 or 5.2 answer it. `torrents` is its memory; `row` of each may be changed."""

    WEB_API = {"4.5": "2.8.19", "5.0": "2.11.2", "5.2": "2.15.1"}

    def __init__(self, version: str = "4.5", *, username: str = "admin", password: str = "secret") -> None:
        super().__init__()
        self.version, self.username, self.password = version, username, password
        self.api_key = ""
        self.torrents: dict[str, QbTorrent] = {}
        self.categories: dict[str, dict[str, str]] = {}
        self.preferences: dict[str, Any] = {"save_path": "/downloads", "max_ratio_act": 0, "max_ratio_enabled": False}
        self.sessions: set[str] = set()
        self.banned = False
        self.failed_logins = 0
        self.appears_after = 0
        self.refuses = False
        self._pending: list[tuple[int, QbTorrent]] = []
        self._guard = threading.Lock()

    @property
    def is_five(self) -> bool:
        return self.version >= "5.0"

    @property
    def is_latest(self) -> bool:
        return self.version >= "5.2"

    def answer(self, request: Seen) -> Reply:
        with self._guard:
            scope, _, method = request.path.removeprefix("/api/v2/").partition("/")
            if scope == "auth":
                return self._login(request)
            if not self._may(request):
                return text_reply("Forbidden", 403)
            action: Callable[[Seen], Reply] | None = getattr(self, f"{scope}_{method}", None)
            renamed = {"stop", "start"} if not self.is_five else {"pause", "resume"}
            if action is None or method in renamed:
                return text_reply("Not Found", 404)
            return action(request)

    def _may(self, request: Seen) -> bool:
        cookies = request.headers.get("Cookie", "")
        key = request.headers.get("Authorization", "")
        return (
            not self.username
            or any(sid in cookies for sid in self.sessions)
            or bool(self.api_key and key == f"Bearer {self.api_key}")
        )

    def _login(self, request: Seen) -> Reply:
        form = request.form()
        if self.banned:
            words = "Your IP address has been banned after too many failed authentication attempts."
            return text_reply(words, 403)
        if (form.get("username"), form.get("password")) != (self.username, self.password):
            self.failed_logins += 1
            return text_reply("Unauthorized", 401) if self.is_latest else text_reply("Fails.")
        sid = f"sid{len(self.sessions)}"
        self.sessions.add(sid)
        name = f"QBT_SID_{self.port}" if self.is_latest else "SID"
        headers = {"Set-Cookie": f"{name}={sid}; HttpOnly; path=/"}
        return Reply(b"", 204, "", headers) if self.is_latest else text_reply("Ok.", **headers)

    def forget_sessions(self) -> None:
        self.sessions.clear()

    # -- app ------------------------------------------------------------------------------------------------------

    def app_version(self, request: Seen) -> Reply:
        return text_reply({"4.5": "v4.5.2", "5.0": "v5.0.4", "5.2": "v5.2.0"}[self.version])

    def app_webapiVersion(self, request: Seen) -> Reply:
        return text_reply(self.WEB_API[self.version])

    def app_preferences(self, request: Seen) -> Reply:
        return json_reply(self.preferences)

    def sync_maindata(self, request: Seen) -> Reply:
        state = {"free_space_on_disk": 123_456_789, "connection_status": "connected"}
        return json_reply({"rid": 1, "full_update": True, "server_state": state, "torrents": {}})

    # -- torrents -------------------------------------------------------------------------------------------------

    def torrents_add(self, request: Seen) -> Reply:
        parts = multipart(request)
        text = {
            name: value.decode() for name, value in parts.items() if not name.startswith("<") and name[:7] != "torrent"
        }
        torrent = self._made(parts.get("<file>", b""), text)
        taken = self.refuses or torrent.hash in self.torrents
        if self.is_latest:
            counts = {"success_count": 0 if taken else 1, "failure_count": 1 if taken else 0, "pending_count": 0}
            reply = json_reply({**counts, "added_torrent_ids": []}, 409 if taken else 200)
        else:
            reply = text_reply("Fails." if taken else "Ok.")
        if not taken:
            if text.get("category"):
                self.categories.setdefault(text["category"], {"name": text["category"], "savePath": ""})
            self._pending.append((self.appears_after, torrent))
        return reply

    def _made(self, data: bytes, text: dict[str, str]) -> QbTorrent:
        stopped = text.get("stopped" if self.is_five else "paused", "").lower() == "true"
        state = ("stoppedDL" if self.is_five else "pausedDL") if stopped else "stalledDL"
        if data:
            read = parse_torrent(data)
            ref, name, size = read.ref, read.name, read.size_bytes
            files = [
                {"index": f.index, "name": f.path, "size": f.size_bytes, "progress": 0, "priority": 1}
                for f in read.files
            ]
        else:
            magnet = parse_magnet(text["urls"])
            ref, name, size, files, state = magnet.ref, magnet.name or magnet.ref, 0, [], "metaDL"
        row = {
            "hash": ref,
            "name": text.get("rename") or name,
            "state": state,
            "progress": 0,
            "size": size,
            "total_size": size,
            "amount_left": size,
            "completed": 0,
            "dlspeed": 0,
            "eta": 8640000,
            "ratio": 0,
            "num_complete": -1,
            "num_seeds": 0,
            "seeding_time": 0,
            "save_path": text.get("savepath", self.preferences["save_path"]),
            "content_path": f"{text.get('savepath', '/downloads')}/{name}",
            "category": text.get("category", ""),
            "tags": ", ".join(filter(None, text.get("tags", "").split(","))),
            "auto_tmm": text.get("autoTMM", "").lower() == "true",
            "ratio_limit": float(text.get("ratioLimit", -2)),
            "seeding_time_limit": int(text.get("seedingTimeLimit", -2)),
        }
        return QbTorrent(ref, name, files, row)

    def _settle(self) -> None:
        waiting, self._pending = self._pending, []
        for left, torrent in waiting:
            if left <= 0:
                self.torrents[torrent.hash] = torrent
            else:
                self._pending.append((left - 1, torrent))

    def torrents_info(self, request: Seen) -> Reply:
        self._settle()
        form = request.form() if request.method == "POST" else {k: v[0] for k, v in request.query.items()}
        hashes = [h for h in form.get("hashes", "").split("|") if h]
        rows = [
            torrent.row
            for torrent in self.torrents.values()
            if (not hashes or torrent.hash in hashes)
            and ("tag" not in form or form["tag"] in torrent.row["tags"].split(", "))
        ]
        return json_reply(rows)

    def torrents_files(self, request: Seen) -> Reply:
        torrent = self.torrents.get(request.form()["hash"])
        return json_reply(torrent.files) if torrent else text_reply("Not Found", 404)

    def torrents_filePrio(self, request: Seen) -> Reply:
        form = request.form()
        torrent = self.torrents.get(form["hash"])
        if torrent is None:
            return text_reply("Not Found", 404)
        if not torrent.files:
            return text_reply("Torrent's metadata has not yet downloaded", 409)
        for index in form["id"].split("|"):
            torrent.files[int(index)]["priority"] = int(form["priority"])
        return self._done()

    def torrents_addTags(self, request: Seen) -> Reply:
        for torrent in self._chosen(request):
            tags = [*filter(None, torrent.row["tags"].split(", ")), *request.form()["tags"].split(",")]
            torrent.row["tags"] = ", ".join(dict.fromkeys(tags))
        return self._done()

    def torrents_categories(self, request: Seen) -> Reply:
        return json_reply(self.categories)

    def torrents_createCategory(self, request: Seen) -> Reply:
        name = request.form()["category"]
        if name in self.categories or "//" in name:
            return text_reply("Unable to create category", 409)
        self.categories[name] = {"name": name, "savePath": ""}
        return self._done()

    def torrents_setCategory(self, request: Seen) -> Reply:
        category = request.form()["category"]
        if category not in self.categories:
            return text_reply("Incorrect category name", 409)
        for torrent in self._chosen(request):
            torrent.row["category"] = category
        return self._done()

    def torrents_setShareLimits(self, request: Seen) -> Reply:
        form = request.form()
        needed = {"hashes", "ratioLimit", "seedingTimeLimit"} | (
            {"inactiveSeedingTimeLimit"} if self.is_five else set()
        )
        needed |= {"shareLimitAction"} if self.is_latest else set()
        if needed - set(form):
            return text_reply("Missing required parameters", 400)
        for torrent in self._chosen(request):
            torrent.row["ratio_limit"] = float(form["ratioLimit"])
            torrent.row["seeding_time_limit"] = int(form["seedingTimeLimit"])
        return self._done()

    def torrents_pause(self, request: Seen) -> Reply:
        return self._switched(request, "pausedDL", "pausedUP")

    def torrents_stop(self, request: Seen) -> Reply:
        return self._switched(request, "stoppedDL", "stoppedUP")

    def torrents_resume(self, request: Seen) -> Reply:
        return self._switched(request, "downloading", "uploading")

    torrents_start = torrents_resume

    def _switched(self, request: Seen, unfinished: str, finished: str) -> Reply:
        for torrent in self._chosen(request):
            torrent.row["state"] = finished if torrent.row["progress"] == 1 else unfinished
        return self._done()

    def torrents_delete(self, request: Seen) -> Reply:
        form = request.form()
        if "deleteFiles" not in form:
            return text_reply("Missing required parameters", 400)
        for torrent in self._chosen(request):
            del self.torrents[torrent.hash]
        return self._done()

    def _chosen(self, request: Seen) -> list[QbTorrent]:
        hashes = request.form()["hashes"]
        return [t for t in self.torrents.values() if hashes == "all" or t.hash in hashes.split("|")]

    def _done(self) -> Reply:
        return Reply(b"", 204, "") if self.is_latest else text_reply("")


class FakeTransmission(FakeServer):
    """Transmission's RPC as 3.00 (RPC 16) or 4.0 (RPC 17) answer it."""

    SESSION = "session-id-1"

    def __init__(self, rpc_version: int = 17, *, username: str = "admin", password: str = "secret") -> None:
        super().__init__()
        self.rpc_version, self.username, self.password = rpc_version, username, password
        self.torrents: dict[str, dict[str, Any]] = {}
        self.session = self.SESSION
        self.result = "success"

    def answer(self, request: Seen) -> Reply:
        given = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {given}":
            return text_reply("Unauthorized", 401)
        if request.path != "/transmission/rpc":
            return text_reply("Not Found", 404)
        if request.headers.get("x-transmission-session-id") != self.session:
            return text_reply("Conflict", 409, **{"X-Transmission-Session-Id": self.session})
        call = json.loads(request.body)
        if self.result != "success":
            return json_reply({"result": self.result, "arguments": {}})
        action = getattr(self, call["method"].replace("-", "_"))
        return json_reply({"result": "success", "arguments": action(call["arguments"])})

    def session_get(self, arguments: dict[str, Any]) -> dict[str, Any]:
        versions = {16: "3.00 (bb6b5a062e)", 17: "4.0.6 (38c164933e)"}
        version = versions.get(self.rpc_version, "2.94")
        return {"version": version, "rpc-version": self.rpc_version, "download-dir": "/downloads"}

    def free_space(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"path": arguments["path"], "size-bytes": 987_654_321}

    def torrent_add(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if "metainfo" in arguments:
            read = parse_torrent(base64.b64decode(arguments["metainfo"]))
            ref, name, size, files = read.ref, read.name, read.size_bytes, read.files
        else:
            magnet = parse_magnet(arguments["filename"])
            ref, name, size, files = magnet.ref, magnet.name, 0, ()
        known = ref in self.torrents
        row = self.torrents.setdefault(
            ref,
            {
                "id": len(self.torrents) + 1,
                "hashString": ref,
                "name": name,
                "status": 0 if arguments.get("paused") else 4,
                "error": 0,
                "errorString": "",
                "isFinished": False,
                "isStalled": False,
                "downloadDir": arguments.get("download-dir", "/downloads"),
                "totalSize": size,
                "sizeWhenDone": size,
                "leftUntilDone": size,
                "percentDone": 0,
                "metadataPercentComplete": 1 if files else 0,
                "rateDownload": 0,
                "eta": -1,
                "uploadRatio": -1,
                "secondsSeeding": 0,
                "labels": arguments.get("labels", []) if self.rpc_version >= 17 else [],
                "trackerStats": [{"seederCount": 3}, {"seederCount": -1}],
                "files": [{"name": f.path, "length": f.size_bytes, "bytesCompleted": 0} for f in files],
                "fileStats": [{"wanted": True, "bytesCompleted": 0, "priority": 0} for _ in files],
            },
        )
        brief = {key: row[key] for key in ("id", "name", "hashString")}
        return {"torrent-duplicate" if known else "torrent-added": brief}

    def torrent_get(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"torrents": [{key: row[key] for key in arguments["fields"]} for row in self._chosen(arguments)]}

    def torrent_set(self, arguments: dict[str, Any]) -> dict[str, Any]:
        for row in self._chosen(arguments):
            for key, value in arguments.items():
                if key in ("files-wanted", "files-unwanted"):
                    for index in value or range(len(row["files"])):
                        row["fileStats"][index]["wanted"] = key == "files-wanted"
                elif key != "ids":
                    row[key] = value
        return {}

    def torrent_start(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._status(arguments, 4)

    def torrent_stop(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._status(arguments, 0)

    def _status(self, arguments: dict[str, Any], status: int) -> dict[str, Any]:
        for row in self._chosen(arguments):
            row["status"] = status
        return {}

    def torrent_remove(self, arguments: dict[str, Any]) -> dict[str, Any]:
        for row in self._chosen(arguments):
            del self.torrents[row["hashString"]]
        return {}

    def _chosen(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        ids = arguments.get("ids")
        return [row for row in self.torrents.values() if ids is None or row["hashString"] in ids]
