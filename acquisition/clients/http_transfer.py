"""The transfer of one file over HTTP, resumable (RFC 9110, sections 13.1.5 and 14)."""

import hashlib
import http.client
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests
import urllib3

from acquisition.clients.http_jobs import SERVICE, JobFile, disk_error, disk_full
from acquisition.clients.web import ANY_STATUS, checked_url, sealed
from config.errors import Malformed, Rejected, Unavailable
from config.http import MEGABYTE, Guard, Http

PIECE = 256 * 1024
RESERVE_BYTES = 256 * MEGABYTE
MAX_FILE_BYTES = 16 * 1024 * MEGABYTE
LEAST_BYTES_PER_MINUTE = 16 * 1024
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Stopped(Exception):
    """The transfer was asked to stop; what has arrived is kept."""


class StartOver(Exception):
    """What lies in the part cannot be continued: fetch the file from its beginning."""


@dataclass
class Transfer:
    """Fetches one file into its part and puts it in place when it is whole and right.

    `remember` is called with the file when its validators or its length became known, `progress` with the bytes that
    this file has by now, `should_stop` before each piece.
    """

    http: Http
    file: JobFile
    part: Path
    target: Path
    remember: Callable[[JobFile], None]
    progress: Callable[[int], None]
    should_stop: Callable[[], bool]
    reserve_bytes: int = RESERVE_BYTES
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def run(self) -> None:
        """Fetch, check and place the file. Raises Stopped, Unavailable (try again), Rejected or Malformed."""
        try:
            self.part.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._fetch(self._offset())
            except StartOver:
                self._discard()
                self._fetch(0)
            self._check()
            self._place()
        except OSError as error:
            raise disk_error(error) from error

    # -- fetching -------------------------------------------------------------------------------------------------

    def _offset(self) -> int:
        """How much of the part can be trusted: only what validators or a checksum will prove."""
        size = self.part.stat().st_size if self.part.exists() else 0
        provable = _strong(self.file.etag) or self.file.modified or self.file.sha1 or self.file.md5
        if size and (not provable or size > (self.file.size_bytes or size)):
            self._discard()
            return 0
        return size

    def _discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.file.etag = self.file.modified = ""

    def _fetch(self, offset: int) -> None:
        expected = self.file.size_bytes if self.file.size_bytes is not None else self.file.total_bytes
        if expected is not None and offset == expected and self.part.exists():
            return
        self._check_room((expected or 0) - offset)
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator := _strong(self.file.etag) or self.file.modified:
                headers["If-Range"] = validator
        url = checked_url(self.file.url, service=SERVICE)
        try:
            with sealed(), self.http.open("GET", url, accept=ANY_STATUS, headers=headers) as (response, _):
                self._receive(response, offset)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, ConnectionError, TimeoutError):
            raise broken_off() from None
        except ValueError:
            raise Malformed("The server redirects to an address that is not valid.", service=SERVICE) from None

    def _receive(self, response: requests.Response, offset: int) -> None:
        start = self._start_of(response, offset)
        total = _total(response, start)
        if self.file.size_bytes is not None and total is not None and total != self.file.size_bytes:
            raise Malformed(
                f"The file has {total} bytes where {self.file.size_bytes} were promised.",
                service=SERVICE,
                code="wrong_size",
            )
        if start == 0:
            # Old bytes go before new validators are kept: a crash in between must not marry the two.
            self.part.unlink(missing_ok=True)
            self.file.etag = response.headers.get("ETag", "")[:500]
            self.file.modified = response.headers.get("Last-Modified", "")[:100]
        self.file.total_bytes = total
        self.remember(self.file)
        self._check_room((total or 0) - start)
        self._write(response, start, total)

    def _start_of(self, response: requests.Response, offset: int) -> int:
        """Where the answer starts; raises when it is no answer to continue with."""
        status, kind = response.status_code, response.headers.get("Content-Type", "").partition(";")[0].lower()
        if status == 416 and offset:
            raise StartOver
        if status not in (200, 206):
            raise self._refused(response)
        if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise Malformed("The file came compressed, which was not asked for.", service=SERVICE)
        if kind in ("text/html", "application/xhtml+xml") and not self.file.path.lower().endswith((".html", ".htm")):
            raise Malformed("A web page came instead of the file.", service=SERVICE, code="web_page")
        if status == 200:
            return 0
        found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        changed = self.file.etag and response.headers.get("ETag", self.file.etag) != self.file.etag
        if not offset or not found or int(found.group(1)) != offset or changed:
            raise StartOver if offset else Malformed("A part came where the whole file was asked for.", service=SERVICE)
        return offset

    def _refused(self, response: requests.Response) -> Exception:
        if response.status_code in (401, 403):
            return Rejected(
                f"The server does not hand out this file ({response.status_code}); it is restricted.",
                service=SERVICE,
                http_status=response.status_code,
                code="restricted",
            )
        if response.status_code in (404, 410):
            return Rejected(
                "The file is no longer there.",
                service=SERVICE,
                http_status=response.status_code,
                code="upstream_not_found",
            )
        return self.http.fail(response)

    def _write(self, response: requests.Response, start: int, total: int | None) -> None:
        """Append the answer to the part. Pieces are taken as they come, so that a slow server cannot hide a stop."""
        promised = [size for size in (total, self.file.size_bytes) if size is not None]
        bound = min([*promised, MAX_FILE_BYTES])
        received, window, mark = start, start, self.clock()
        with self.part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            while piece := response.raw.read1(PIECE, decode_content=False):
                if received + len(piece) > bound:
                    raise Malformed("More came than the file should have.", service=SERVICE, code="wrong_size")
                stream.write(piece)
                received += len(piece)
                self.progress(received)
                if self.should_stop():
                    raise Stopped
                if self.clock() - mark > 60:
                    if received - window < LEAST_BYTES_PER_MINUTE:
                        raise Unavailable("The server hardly sends anything.", service=SERVICE, code="too_slow")
                    window, mark = received, self.clock()
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())
        if total is not None and received < total:
            raise broken_off()

    def _check_room(self, needed: int) -> None:
        if shutil.disk_usage(self.part.parent).free < max(0, needed) + self.reserve_bytes:
            raise disk_full()

    # -- finishing ------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Length and checksums; a part that fails is thrown away, since nothing tells which of its bytes are wrong."""
        size = self.part.stat().st_size
        if self.file.size_bytes is not None and size != self.file.size_bytes:
            self._discard()
            raise Malformed(
                f"The file has {size} bytes where {self.file.size_bytes} were promised.",
                service=SERVICE,
                code="wrong_size",
            )
        for name, expected in (("sha1", self.file.sha1), ("md5", self.file.md5)):
            if expected:
                if digest(self.part, name) != expected:
                    self._discard()
                    raise Malformed(
                        "What came is not the file that was promised (wrong checksum).",
                        service=SERVICE,
                        code="wrong_checksum",
                    )
                return

    def _place(self) -> None:
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.part.replace(self.target)
        sync_folder(self.target.parent)


def digest(path: Path, name: str) -> str:
    """The checksum of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()


def sync_folder(path: Path) -> None:
    """Make a rename in this folder last through a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def new_http(guard: Guard | None) -> Http:
    """The way out for transfers: every address is checked by the guard, the first one too."""
    return Http(SERVICE, guard=guard or Guard(), timeout=(10.0, 60.0))


def broken_off() -> Unavailable:
    return Unavailable("The transfer broke off.", service=SERVICE, code="broken_off")


def _strong(etag: str) -> str:
    return etag if etag.startswith('"') else ""


def _total(response: requests.Response, start: int) -> int | None:
    """The length of the whole file that the answer announces."""
    headers: Mapping[str, str] = response.headers
    found = CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if start and found and found.group(3) != "*":
        return int(found.group(3))
    length = headers.get("Content-Length", "")
    return start + int(length) if length.isascii() and length.isdigit() and len(length) < 18 else None
