"""qBittorrent over its Web API v2, from 4.5 to 5.x.

Source: qBittorrent's Web API documentation and source; the differences between versions are told by the Web API's
version. Names that changed with 5.0 (paused to stopped) are sent in both forms, since unknown fields are ignored.
"""

import builtins
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import qbittorrentapi
import requests
from qbittorrentapi import exceptions as raised
from qbittorrentapi.request import QbittorrentSession

from acquisition.clients.qbittorrent_rows import NORMAL, SKIP, STATES, read_download, read_file
from acquisition.clients.torrent_payload import ReadPayload, checked_ref, checked_tag, read_payload
from acquisition.clients.web import checked_url, for_people
from acquisition.domain.facts import AddOptions, ClientDownload, ClientFile, ClientHealth, ClientState, Payload
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable

OLDEST_TESTED = (2, 8, 18)  # the Web API of qBittorrent 4.5
VERSION = re.compile(r"v?\d+(\.\d+){1,3}[A-Za-z0-9.+-]*")
REFS_PER_CALL = 100
GLOBAL, UNLIMITED = -2, -1
BAN_SECONDS = 3600.0  # qBittorrent's default ban after too many failed logins


class Session(qbittorrentapi.Client):  # type: ignore[misc, unused-ignore]
    """The library's client, which asks for the version once, and never tries to log in without a user name, nor again
    after credentials were refused: a few failures are enough for qBittorrent to ban this server."""

    _web_api_version = ""
    _is_refused = False

    def app_web_api_version(self, **options: Any) -> str:
        if not self._web_api_version:
            text = str(super().app_web_api_version(**options)).strip()
            if not VERSION.fullmatch(text):
                raise raised.APIError("not a version")
            self._web_api_version = text
        return self._web_api_version

    @property
    def _session(self) -> QbittorrentSession:
        """The library's session, without proxies and passwords that the environment may name."""
        session: QbittorrentSession = super()._session
        session.trust_env = False
        return session

    def auth_log_in(self, username: str | None = None, password: str | None = None, **options: Any) -> None:
        if self._is_refused or not (username or self.username or self._api_key):
            raise raised.LoginFailed
        try:
            super().auth_log_in(username, password, **options)
        except raised.LoginFailed:
            self._is_refused = True
            raise


@dataclass
class QBittorrentClient:
    """A qBittorrent server (DownloadClientPort).

    An empty user name means that it lets this host in without credentials. One session is kept as long as the object
    lives. `wait_seconds` bounds how long an added torrent may take to appear.
    """

    url: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    name: str = "qBittorrent"
    verify_certificate: bool = True
    timeout: tuple[float, float] = (5.0, 30.0)
    wait_seconds: float = 10.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        self.session = Session(
            host=checked_url(self.url.strip().rstrip("/"), service=self.name),
            username=self.username,
            password=self.password,
            api_key=self.api_key,
            REQUESTS_ARGS={"timeout": self.timeout},
            HTTPADAPTER_ARGS={"max_retries": 0},
            VERIFY_WEBUI_CERTIFICATE=self.verify_certificate,
            FORCE_SCHEME_FROM_HOST=True,
            SIMPLE_RESPONSES=True,
        )

    # -- connection test ------------------------------------------------------------------------------------------

    def check(self) -> ClientHealth:
        """Version, free space and the settings that could lose a download before it is filed."""
        with self._translated():
            version = str(self.session.app_version())
            web_api = self.session.app_web_api_version()
            preferences = self._mapping(self.session.app_preferences())
            state = self._mapping(self.session.sync_maindata(rid=0)).get("server_state") or {}
        free = state.get("free_space_on_disk")
        return ClientHealth(
            version=for_people(version),
            free_bytes=free if isinstance(free, int) and free >= 0 else None,
            save_path=str(preferences.get("save_path") or ""),
            warnings=tuple(_warnings(web_api, preferences, state)),
        )

    # -- adding ---------------------------------------------------------------------------------------------------

    def add(self, payload: Payload, options: AddOptions) -> str:
        """Add a torrent, or adopt the one that is there already; returns its hash once the client shows it."""
        tag = checked_tag(options.tag, service=self.name)
        wanted = read_payload(payload, service=self.name)
        if existing := self._find(wanted.refs):
            return self._adopt(existing, options)
        with self._translated():
            if options.category:
                self._create_category(options.category)
            accepted = self._send(wanted, options, tag)
        if not accepted and not (existing := self._find(wanted.refs)):
            raise Rejected(f"{self.name} did not accept the torrent.", service=self.name, code="torrent_refused")
        return str((existing or self._wait_for(wanted.refs))["hash"]).lower()

    def _send(self, wanted: ReadPayload, options: AddOptions, tag: str) -> bool:
        """Whether it was accepted. Up to 5.1 the answer is a word; later it is JSON, and 409 when nothing was added."""
        try:
            answer = self.session.torrents_add(
                urls=wanted.magnet or None,
                torrent_files=wanted.torrent or None,
                save_path=options.save_path or None,
                use_auto_torrent_management=False if options.save_path else None,
                category=options.category or None,
                tags=tag,
                rename=options.name or None,
                is_stopped=options.paused,
                ratio_limit=_limit(options.ratio_limit),
                seeding_time_limit=int(_limit(options.seeding_time_minutes)),
            )
        except raised.Conflict409Error:
            return False
        return not (isinstance(answer, str) and answer.strip() == "Fails.")

    def _adopt(self, existing: Mapping[str, Any], options: AddOptions) -> str:
        """Mark a torrent that is there already as ours, and let it run.

        Its share limits stay, and so does its category while it is managed automatically: a new category would move
        the files of a torrent that somebody else added.
        """
        ref = checked_ref(str(existing.get("hash", "")), service=self.name)
        with self._translated():
            self.session.torrents_add_tags(tags=options.tag, torrent_hashes=ref)
            movable = not existing.get("auto_tmm") or not existing.get("category")
            if options.category and existing.get("category") != options.category and movable:
                self._create_category(options.category)
                self.session.torrents_set_category(category=options.category, torrent_hashes=ref)
            if not options.paused and STATES.get(str(existing.get("state"))) is ClientState.PAUSED:
                self.session.torrents_start(torrent_hashes=ref)
        return ref

    def _create_category(self, category: str) -> None:
        if category in self._mapping(self.session.torrents_categories()):
            return
        try:
            self.session.torrents_create_category(name=category)
        except raised.Conflict409Error as error:
            if category not in self._mapping(self.session.torrents_categories()):
                raise Rejected(
                    f"{self.name} does not accept the category {category!r}.", service=self.name, code="bad_category"
                ) from error

    def _find(self, refs: Sequence[str]) -> Mapping[str, Any] | None:
        return next(iter(self._rows(refs=refs)), None)

    def _wait_for(self, refs: Sequence[str]) -> Mapping[str, Any]:
        """The torrent once it is listed: qBittorrent adds it after it has answered."""
        waited = 0.0
        while not (found := self._find(refs)):
            if waited >= self.wait_seconds:
                raise Unavailable(
                    f"{self.name} took the torrent but does not show it after {self.wait_seconds:.0f} s.",
                    service=self.name,
                )
            self.sleep(0.25)
            waited += 0.25
        return found

    # -- reading --------------------------------------------------------------------------------------------------

    def list(self, *, tag: str = "", refs: Sequence[str] = ()) -> builtins.list[ClientDownload]:
        """The torrents that have the tag and are among the refs; without either, all of them."""
        return [read_download(row) for row in self._rows(tag=tag, refs=refs)]

    def _rows(self, *, tag: str = "", refs: Sequence[str] = ()) -> Iterator[Mapping[str, Any]]:
        hashes = [checked_ref(ref, service=self.name) for ref in refs]
        for start in range(0, max(1, len(hashes)), REFS_PER_CALL):
            group = hashes[start : start + REFS_PER_CALL]
            with self._translated():
                rows = self.session.torrents_info(tag=tag or None, torrent_hashes=group or None)
            if not isinstance(rows, builtins.list):
                raise self._malformed()
            yield from (self._mapping(row) for row in rows if isinstance(row, Mapping) and row.get("hash"))

    def files(self, ref: str) -> builtins.list[ClientFile]:
        """The files of a torrent; none while its metadata is being fetched."""
        with self._translated():
            rows = self.session.torrents_files(torrent_hash=checked_ref(ref, service=self.name))
        if not isinstance(rows, builtins.list):
            raise self._malformed()
        return [read_file(self._mapping(row), place) for place, row in enumerate(rows)]

    # -- steering -------------------------------------------------------------------------------------------------

    def select_files(self, ref: str, unwanted: Sequence[int]) -> None:
        """Skip these files (by index) and want all the others. Skipping every file is refused: qBittorrent would call
        such a torrent complete."""
        skipped, known = set(unwanted), {file.index: file for file in self.files(ref)}
        if not known:
            raise Unavailable(f"{self.name} does not know the files of this torrent yet.", service=self.name)
        if not set(known) - skipped:
            raise Rejected("At least one file of a torrent must be wanted.", service=self.name, code="nothing_wanted")
        skip = [index for index in known if index in skipped]
        want = [index for index, file in known.items() if index not in skipped and not file.wanted]
        with self._translated():
            for indexes, priority in ((skip, SKIP), (want, NORMAL)):
                if indexes:
                    self.session.torrents_file_priority(torrent_hash=ref.lower(), file_ids=indexes, priority=priority)

    def start(self, ref: str) -> None:
        with self._translated():
            self.session.torrents_start(torrent_hashes=checked_ref(ref, service=self.name))

    def stop(self, ref: str) -> None:
        with self._translated():
            self.session.torrents_stop(torrent_hashes=checked_ref(ref, service=self.name))

    def set_limits(self, ref: str, *, ratio: float | None, seeding_minutes: int | None) -> None:
        """Share limits of one torrent; None means as the client is set."""
        with self._translated():
            self.session.torrents_set_share_limits(
                torrent_hashes=checked_ref(ref, service=self.name),
                ratio_limit=_limit(ratio),
                seeding_time_limit=int(_limit(seeding_minutes)),
                inactive_seeding_time_limit=GLOBAL,
                share_limit_action="Default",
                share_limits_mode="Default",
            )

    def remove(self, ref: str, *, delete_files: bool) -> None:
        """Remove one torrent; one that is not there is no error."""
        with self._translated():
            self.session.torrents_delete(delete_files=delete_files, torrent_hashes=checked_ref(ref, service=self.name))

    # -- errors ---------------------------------------------------------------------------------------------------

    def _mapping(self, value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self._malformed()
        return value

    def _malformed(self) -> Malformed:
        return Malformed(
            f"{self.name} answered something that qBittorrent does not. Check the address.", service=self.name
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except raised.APIError as error:
            raise self._in_our_words(error) from error
        except requests.RequestException as error:
            raise self._unreachable() from error

    def _unreachable(self) -> Unavailable:
        return Unavailable(
            f"{self.name} cannot be reached or did not answer in time. Is it running, and is the address right?",
            service=self.name,
        )

    def _in_our_words(self, error: raised.APIError) -> ExternalAPIError:
        status = getattr(error, "http_status_code", None)
        common: dict[str, Any] = {"service": self.name, "http_status": status}
        if isinstance(error, raised.LoginFailed):
            return Rejected(
                f"{self.name} refused the credentials. Check its user name and password (or API key) in the settings.",
                code="credentials_refused",
                **common,
            )
        if status == 403 and "banned" in str(error).lower():
            return Unavailable(
                f"{self.name} has banned this server for an hour after too many failed logins. Check the credentials.",
                code="banned",
                retry_after=BAN_SECONDS,
                **common,
            )
        if status in (401, 403):
            return Rejected(
                f"{self.name} refused the request ({status}). Check the credentials, and in its Web UI settings the "
                "host header validation and the server domains.",
                code="credentials_refused",
                **common,
            )
        if status == 404:
            return Rejected(f"{self.name} does not know this torrent.", code="upstream_not_found", **common)
        if status == 409:
            return Unavailable(f"{self.name} cannot do that at the moment ({for_people(str(error))}).", **common)
        if status == 415:
            return Rejected(f"{self.name} says that the torrent is not valid.", code="bad_torrent", **common)
        if status and status >= 500:
            return Unavailable(f"{self.name} has trouble (status {status}).", **common)
        if status:
            return Rejected(f"{self.name} answered with status {status}.", **common)
        return self._unreachable() if isinstance(error, raised.APIConnectionError) else self._malformed()


def _limit(value: float | None) -> float:
    """A share limit for the API: -2 follows the global setting, -1 is none."""
    if value is None:
        return GLOBAL
    return UNLIMITED if value < 0 else value


def _warnings(web_api: str, preferences: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[str]:
    numbers = tuple(int(part) for part in re.findall(r"\d+", web_api)[:3])
    if numbers < OLDEST_TESTED:
        yield "This qBittorrent is older than 4.5, the oldest version that is supported."
    limits_on = any(
        preferences.get(f"max_{kind}_enabled") for kind in ("ratio", "seeding_time", "inactive_seeding_time")
    )
    if limits_on and preferences.get("max_ratio_act") in (1, 3):
        yield (
            "qBittorrent removes torrents at their share limit, perhaps before they are filed. Let it pause them "
            "instead (Options, BitTorrent, Seeding limits)."
        )
    if state.get("connection_status") == "disconnected":
        yield "qBittorrent has no connection to the network of peers."
