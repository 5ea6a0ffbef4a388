"""The built-in downloader: fetches direct files (public-domain audio) over HTTP, with no other program needed.

It is a DownloadClientPort whose state lives on disk (see `http_jobs`), plus `run`, which does the transfer of one job
in the calling process. Any number of workers may call `run`: a lock lets one of them work.
"""

import builtins
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acquisition.clients.http_jobs import (
    SERVICE,
    Job,
    JobFile,
    JobFolder,
    JobStore,
    disk_error,
    disk_errors,
    disk_full,
    new_job,
)
from acquisition.clients.http_transfer import RESERVE_BYTES, Stopped, Transfer, new_http
from acquisition.clients.torrent_payload import checked_tag
from acquisition.clients.web import checked_url
from acquisition.domain.facts import AddOptions, ClientDownload, ClientFile, ClientHealth, ClientState, Payload
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import Guard, Http

MAX_FILES = 5000
FRUITLESS_ATTEMPTS = 4
LEAST_PROGRESS_BYTES = 64 * 1024
BACK_OFF_SECONDS = (1.0, 4.0, 15.0)
LONGEST_WAIT_SECONDS = 60.0
NOTICE_SECONDS = 1.0

Progress = Callable[[int, int | None], None]


def _ignore(done_bytes: int, total_bytes: int | None) -> None:
    """The progress that nobody wants to know."""


def _never() -> bool:
    return False


@dataclass
class HttpDownloader:
    """Downloads direct files into `work_dir`. `guard` decides which hosts may be reached.

    The save path of its downloads is its own folder: choose `work_dir` on the file system of the library, so that
    filing needs no copy. `reserve_bytes` stay free on the disk.
    """

    work_dir: Path
    guard: Guard | None = field(default=None, repr=False)
    name: str = SERVICE
    reserve_bytes: int = RESERVE_BYTES
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        self.store = JobStore(Path(self.work_dir))

    # -- the port -------------------------------------------------------------------------------------------------

    def check(self) -> ClientHealth:
        """Whether the work folder can be written, and how much room it has."""
        with disk_errors():
            self.store.work_dir.mkdir(parents=True, exist_ok=True)
            probe = self.store.work_dir / ".probe"
            probe.write_bytes(b"x")
            probe.unlink()
            free = shutil.disk_usage(self.store.work_dir).free
        low = free < 2 * self.reserve_bytes
        warnings = ("The disk of the built-in downloader is nearly full.",) if low else ()
        return ClientHealth(version="built in", free_bytes=free, save_path=str(self.store.work_dir), warnings=warnings)

    def add(self, payload: Payload, options: AddOptions) -> str:
        """Record a job; the same tag adds once. `run` does the work."""
        checked_tag(options.tag, service=self.name)
        if not payload.direct_files:
            raise Rejected(
                f"{self.name} fetches plain files only; this release needs a torrent client.",
                service=self.name,
                code="unsupported_protocol",
            )
        if len(payload.direct_files) > MAX_FILES:
            raise Rejected(f"More than {MAX_FILES} files are not accepted.", service=self.name, code="too_many_files")
        for file in payload.direct_files:
            checked_url(file.url, service=self.name)
        with disk_errors():
            self.store.work_dir.mkdir(parents=True, exist_ok=True)
        folder = self.store.create(new_job(payload.direct_files, options))
        if not options.paused:
            self.start(folder.ref)
        return folder.ref

    def list(self, *, tag: str = "", refs: Sequence[str] = ()) -> builtins.list[ClientDownload]:
        """The jobs that have the tag and are among the refs; without either, all of them."""
        folders = [folder for folder in map(self.store.folder, refs) if folder.exists()] if refs else self.store.all()
        found = [self._seen(folder, folder.read()) for folder in folders]
        return [download for download in found if not tag or tag in download.tags]

    def files(self, ref: str) -> builtins.list[ClientFile]:
        folder = self.store.folder(ref)
        job = folder.read()
        result = []
        for index, file in enumerate(job.files):
            size, done = _size(file) or 0, _arrived(folder, job, index)
            share = 1.0 if folder.target(job, index).exists() else min(1.0, done / size) if size else 0.0
            result.append(ClientFile(f"{job.folder}/{file.path}", size or done, share, file.wanted, index))
        return result

    def select_files(self, ref: str, unwanted: Sequence[int]) -> None:
        """Skip these files (by index) and want all the others; at least one must stay."""
        skipped = set(unwanted)

        def alter(job: Job) -> None:
            if all(index in skipped for index in range(len(job.files))):
                raise Rejected("At least one file must be wanted.", service=self.name, code="nothing_wanted")
            for index, file in enumerate(job.files):
                file.wanted = index not in skipped
            job.is_complete = False

        self.store.folder(ref).change(alter)

    def start(self, ref: str) -> None:
        """Let a job run (again): lifts a pause and forgets its fault."""

        def alter(job: Job) -> None:
            job.paused, job.fault, job.is_final = False, "", False

        self.store.folder(ref).change(alter)

    def stop(self, ref: str) -> None:
        """Pause a job; a transfer that runs ends within a second or two, and keeps what has arrived."""

        def alter(job: Job) -> None:
            job.paused = True

        self.store.folder(ref).change(alter)

    def remove(self, ref: str, *, delete_files: bool) -> None:
        """Remove a job; one that is not there is no error. Without `delete_files`, finished files stay."""
        if delete_files:
            self.store.remove(ref)
        else:
            self.store.forget(ref)

    # -- the work -------------------------------------------------------------------------------------------------

    def run(
        self, ref: str, *, progress: Progress = _ignore, should_stop: Callable[[], bool] = _never
    ) -> ClientDownload:
        """Do the transfer of a job, or what is left of it, and say how it stands then.

        Returns at once when another process works on it, or when it is paused or complete. `progress` gets the bytes of
        the job and their total (None while unknown), at most once a second. Raises Unavailable when it may be tried
        again later (its code is "disk_full" when the disk is full), Rejected or Malformed when that cannot help; the
        job keeps the reason as its message.
        """
        folder = self.store.folder(ref)
        with folder.running() as mine:
            job = folder.read()
            if mine and not job.paused and not self._is_whole(folder, job):
                job = self._work(folder, job, _Watch(self, folder, job, progress, should_stop))
            elif mine and not job.is_complete and self._is_whole(folder, job):
                job = folder.change(lambda job: self._finish(folder, job))
        return self._seen(folder, job)

    def _work(self, folder: JobFolder, job: Job, watch: "_Watch") -> Job:
        http = new_http(self.guard)
        try:
            self._check_room(folder, job)
            # Read again before each file: another process may have chosen other files in the meantime.
            while (index := self._next(folder, job := folder.read())) is not None:
                watch.job = job
                self._fetch(http, folder, job, index, watch)
        except Stopped:
            return folder.read()
        except ExternalAPIError as error:
            self._note(folder, error)
            raise
        finally:
            http.close()
        watch.report(force=True)
        return folder.change(lambda job: self._finish(folder, job))

    def _fetch(self, http: Http, folder: JobFolder, job: Job, index: int, watch: "_Watch") -> None:
        """One file, with a few attempts; an attempt that brought something on does not count."""
        transfer = Transfer(
            http=http,
            file=job.files[index],
            part=folder.part(index),
            target=folder.target(job, index),
            remember=lambda file: _remember(folder, index, file),
            progress=lambda done: watch.file_progress(index, done),
            should_stop=watch.should_stop,
            reserve_bytes=self.reserve_bytes,
            clock=self.clock,
        )
        fruitless, reached = 0, _arrived(folder, job, index)
        while True:
            try:
                transfer.run()
                return
            except Malformed as error:
                if error.code != "wrong_checksum" or fruitless:
                    raise
                fruitless = FRUITLESS_ATTEMPTS - 1
            except Unavailable as error:
                arrived = _arrived(folder, job, index)
                fruitless = 0 if arrived >= reached + LEAST_PROGRESS_BYTES else fruitless + 1
                reached = max(reached, arrived)
                if not self._may_retry(error, fruitless):
                    raise
                self._pause(error.retry_after or _back_off(fruitless), watch)

    def _may_retry(self, error: Unavailable, fruitless: int) -> bool:
        local = error.code in ("disk_full", "disk_error") or error.permanent
        return not local and fruitless < FRUITLESS_ATTEMPTS and (error.retry_after or 0) <= LONGEST_WAIT_SECONDS

    def _pause(self, seconds: float, watch: "_Watch") -> None:
        """Wait in small steps, so that a stop is heard."""
        while seconds > 0:
            if watch.should_stop():
                raise Stopped
            self.sleep(min(seconds, NOTICE_SECONDS))
            seconds -= NOTICE_SECONDS

    def _check_room(self, folder: JobFolder, job: Job) -> None:
        missing = [
            (_size(file) or 0) - _arrived(folder, job, index) for index, file in enumerate(job.files) if file.wanted
        ]
        try:
            free = shutil.disk_usage(folder.path).free
        except OSError as error:
            raise disk_error(error) from error
        if free < sum(max(0, size) for size in missing) + self.reserve_bytes:
            raise disk_full()

    def _note(self, folder: JobFolder, error: ExternalAPIError) -> None:
        """Keep the reason with the job, unless the job is gone."""

        def alter(job: Job) -> None:
            job.fault, job.is_final = error.message, not isinstance(error, Unavailable)

        if folder.exists():
            folder.change(alter)

    # -- looking --------------------------------------------------------------------------------------------------

    def _next(self, folder: JobFolder, job: Job) -> int | None:
        """The first file that is wanted and not there yet."""
        missing = (i for i, file in enumerate(job.files) if file.wanted and not folder.target(job, i).exists())
        return next(missing, None)

    def _finish(self, folder: JobFolder, job: Job) -> None:
        if self._is_whole(folder, job):
            job.is_complete, job.fault, job.is_final = True, "", False

    def _is_whole(self, folder: JobFolder, job: Job) -> bool:
        return self._next(folder, job) is None

    def _seen(self, folder: JobFolder, job: Job) -> ClientDownload:
        wanted = [(index, file) for index, file in enumerate(job.files) if file.wanted]
        sizes = [_size(file) for _, file in wanted]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        done = sum(_arrived(folder, job, index) for index, _ in wanted)
        state, message = self._state(folder, job)
        share = min(1.0, done / total) if total else 0.0
        return ClientDownload(
            ref=folder.ref,
            name=job.folder,
            state=state,
            progress=1.0 if state is ClientState.COMPLETE else min(share, 0.999),
            size_bytes=total,
            downloaded_bytes=done,
            save_path=str(folder.path / "content"),
            content_path=str(folder.content(job)),
            tags=(job.tag,),
            category=job.category,
            message=message,
        )

    def _state(self, folder: JobFolder, job: Job) -> tuple[ClientState, str]:
        if self._is_whole(folder, job):
            return ClientState.COMPLETE, ""
        if job.is_complete:
            return ClientState.ERROR, "Its finished files are gone; were they moved or deleted?"
        if folder.is_running():
            return ClientState.DOWNLOADING, job.fault
        if job.fault:
            return (ClientState.ERROR if job.is_final else ClientState.STALLED), job.fault
        return (ClientState.PAUSED if job.paused else ClientState.QUEUED), ""


@dataclass
class _Watch:
    """Looks after a running job: reports its bytes, and hears a stop, a pause or a removal about once a second."""

    owner: HttpDownloader
    folder: JobFolder
    job: Job
    progress: Progress
    wants_stop: Callable[[], bool]
    done: dict[int, int] = field(default_factory=dict)
    reported: float = -1e9
    looked: float = -1e9

    def __post_init__(self) -> None:
        self.done = {
            index: _arrived(self.folder, self.job, index) for index, file in enumerate(self.job.files) if file.wanted
        }

    def file_progress(self, index: int, done_bytes: int) -> None:
        self.done[index] = done_bytes
        self.report()

    def report(self, *, force: bool = False) -> None:
        now = self.owner.clock()
        if force or now - self.reported >= NOTICE_SECONDS:
            self.reported = now
            sizes = [_size(file) for file in self.job.files if file.wanted]
            self.progress(sum(self.done.values()), None if None in sizes else sum(size or 0 for size in sizes))

    def should_stop(self) -> bool:
        if self.wants_stop():
            return True
        now = self.owner.clock()
        if now - self.looked < NOTICE_SECONDS:
            return False
        self.looked = now
        return self.folder.read().paused


def _back_off(fruitless: int) -> float:
    return BACK_OFF_SECONDS[max(0, min(fruitless, len(BACK_OFF_SECONDS)) - 1)]


def _remember(folder: JobFolder, index: int, file: JobFile) -> None:
    def alter(job: Job) -> None:
        kept = job.files[index]
        kept.etag, kept.modified, kept.total_bytes = file.etag, file.modified, file.total_bytes
        job.fault = ""

    folder.change(alter)


def _size(file: JobFile) -> int | None:
    return file.size_bytes if file.size_bytes is not None else file.total_bytes


def _arrived(folder: JobFolder, job: Job, index: int) -> int:
    """The bytes of a file that are on disk, finished or not."""
    for path in (folder.target(job, index), folder.part(index)):
        try:
            return path.stat().st_size
        except OSError:
            continue
    return 0
