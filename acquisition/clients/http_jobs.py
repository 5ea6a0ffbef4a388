"""The jobs of the built-in downloader, on disk.

    <work>/<ref>/job.json          what to fetch and how it stands; written whole and renamed into place
    <work>/<ref>/run.lock          held by the process that transfers (released by the kernel when it dies)
    <work>/<ref>/parts/<index>     what has arrived of a file
    <work>/<ref>/content/<name>/…  finished files; a file appears there only after it was checked

So a finished file is one that exists, a running job is one whose lock is held, and no crash leaves a doubt.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from acquisition.clients.file_names import safe_name, safe_relative_path, without_clashes
from acquisition.domain.facts import AddOptions, DirectFile
from config.errors import Malformed, Rejected, Unavailable

SERVICE = "The built-in downloader"
LOCK_ATTEMPTS = 10


@dataclass
class JobFile:
    """One file to fetch. `etag` and `modified` belong to what lies in its part."""

    url: str = field(repr=False)
    path: str
    size_bytes: int | None = None
    md5: str = ""
    sha1: str = ""
    wanted: bool = True
    etag: str = ""
    modified: str = ""
    total_bytes: int | None = None


@dataclass
class Job:
    """What is known of a download. `fault` is why it stands still; with `is_final` trying again cannot help."""

    tag: str
    category: str
    folder: str
    files: list[JobFile]
    paused: bool = False
    fault: str = ""
    is_final: bool = False
    is_complete: bool = False


def ref_of(tag: str) -> str:
    """The ref of a job: the same tag always leads to the same job, so that adding twice adds once."""
    return hashlib.sha256(tag.encode()).hexdigest()[:40]


def new_job(files: tuple[DirectFile, ...], options: AddOptions) -> Job:
    paths = without_clashes([safe_relative_path(file.name) for file in files])
    return Job(
        tag=options.tag,
        category=options.category,
        folder=safe_name(options.name or options.tag, default="download"),
        files=[
            JobFile(file.url, path, file.size_bytes, file.md5.lower(), file.sha1.lower())
            for file, path in zip(files, paths, strict=True)
        ],
        paused=options.paused,
    )


@dataclass(frozen=True)
class JobFolder:
    """The folder of one job."""

    path: Path

    @property
    def ref(self) -> str:
        return self.path.name

    def part(self, index: int) -> Path:
        return self.path / "parts" / str(index)

    def content(self, job: Job) -> Path:
        return self.path / "content" / job.folder

    def target(self, job: Job, index: int) -> Path:
        return self.content(job) / job.files[index].path

    def exists(self) -> bool:
        return (self.path / "job.json").is_file()

    def read(self) -> Job:
        """The job; Rejected when it is gone, Malformed when its file was damaged."""
        try:
            document = json.loads((self.path / "job.json").read_bytes())
            return Job(**{**document, "files": [JobFile(**entry) for entry in document["files"]]})
        except FileNotFoundError as error:
            raise unknown_job() from error
        except (ValueError, TypeError, KeyError) as error:
            raise Malformed(f"{SERVICE} cannot read the state of this download; remove it.", service=SERVICE) from error

    def write(self, job: Job) -> None:
        """Write the job so that a crash leaves the old state or the new one. The URLs may hold keys: owner only."""
        temporary = self.path / f".job.{os.getpid()}.tmp"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(asdict(job), stream, ensure_ascii=False, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(self.path / "job.json")

    def change(self, alter: Callable[[Job], None]) -> Job:
        """Read, alter and write the job while no other process does."""
        with disk_errors(), self._locked("state.lock"):
            job = self.read()
            alter(job)
            self.write(job)
        return job

    def revive(self, job: Job) -> None:
        """Write the job into a folder that was left with its finished files; a job that is there stays."""
        with self._locked("state.lock"):
            if not self.exists():
                self.write(job)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with self._open_lock(name) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _open_lock(self, name: str) -> Iterator[int]:
        try:
            handle = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError as error:
            raise unknown_job() from error
        try:
            yield handle
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def running(self) -> Iterator[bool]:
        """Hold the job for a transfer; false when another process holds it.

        A moment's patience, because `is_running` of another process holds the lock for the blink of an eye.
        """
        with self._open_lock("run.lock") as handle:
            for attempt in range(LOCK_ATTEMPTS):
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield True
                    return
                except BlockingIOError:
                    time.sleep(0.02 * (attempt + 1))
            yield False

    def is_running(self) -> bool:
        with self._open_lock("run.lock") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False


@dataclass(frozen=True)
class JobStore:
    """All jobs below a work folder."""

    work_dir: Path

    def folder(self, ref: str) -> JobFolder:
        if len(ref) != 40 or set(ref) - set("0123456789abcdef"):
            raise unknown_job()
        return JobFolder(self.work_dir / ref)

    def all(self) -> list[JobFolder]:
        """The folders of all jobs, in a steady order."""
        if not self.work_dir.is_dir():
            return []
        folders = (JobFolder(path) for path in sorted(self.work_dir.iterdir()) if len(path.name) == 40)
        return [folder for folder in folders if folder.exists()]

    def create(self, job: Job) -> JobFolder:
        """Put a new job in place at once; the one that is there already wins."""
        final = self.folder(ref_of(job.tag))
        if final.exists():
            return final
        with disk_errors():
            draft = JobFolder(self.work_dir / f".new-{final.ref}-{os.getpid()}")
            draft.path.mkdir(parents=True, exist_ok=True)
            (draft.path / "parts").mkdir(exist_ok=True)
            draft.write(job)
            try:
                draft.path.rename(final.path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                shutil.rmtree(draft.path, ignore_errors=True)
                final.revive(job)
        return final

    def remove(self, ref: str) -> None:
        """Remove a job and its files. A transfer that runs notices, because its folder is gone."""
        folder = self.folder(ref)
        rubbish = self.work_dir / f".gone-{ref}-{time.time_ns()}"
        with disk_errors():
            try:
                folder.path.rename(rubbish)
            except FileNotFoundError:
                return
            shutil.rmtree(rubbish, ignore_errors=True)

    def forget(self, ref: str) -> None:
        """Remove the job but leave its finished files where they are."""
        folder = self.folder(ref)
        with disk_errors():
            (folder.path / "job.json").unlink(missing_ok=True)
            shutil.rmtree(folder.path / "parts", ignore_errors=True)


def unknown_job() -> Rejected:
    return Rejected(f"{SERVICE} does not know this download.", service=SERVICE, code="upstream_not_found")


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """What the file system refuses, in our words."""
    try:
        yield
    except OSError as error:
        raise disk_error(error) from error


def disk_error(error: OSError) -> Unavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full()
    reason = os.strerror(error.errno) if error.errno else "unknown reason"
    return Unavailable(
        f"{SERVICE} cannot write to its folder ({reason}). Check that it exists and may be written.",
        service=SERVICE,
        code="disk_error",
    )


def disk_full() -> Unavailable:
    return Unavailable(
        f"{SERVICE} has no room left on its disk. Free some space; it will go on by itself.",
        service=SERVICE,
        code="disk_full",
    )
