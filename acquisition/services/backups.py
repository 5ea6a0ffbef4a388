"""Backups: one file each, with the database, the settings without secrets, and how to put them back.

The file is written beside its final name and renamed when it is whole, so that what is listed is whole. It holds
what the database holds, service credentials included, and is readable by its owner only.
"""

import datetime
import gzip
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from acquisition.domain.notices import mask_address
from config.errors import NotFoundError, UnabridgedError
from library.services.settings import get_setting, get_settings

NAME = re.compile(r"unabridged-(\d{8}T\d{6}Z)(?:-\d+)?\.zip")
STAMP = "%Y%m%dT%H%M%SZ"
LEFTOVER_AGE_SECONDS = 86_400


class BackupError(UnabridgedError):
    code = "backup_failed"
    status = 500


@dataclass(frozen=True, slots=True)
class Backup:
    """One whole backup. `method`: sqlite, pg_dump or dumpdata; empty when its manifest cannot be read."""

    name: str
    size_bytes: int
    created_at: datetime.datetime
    method: str = ""
    version: str = ""
    sha256: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def backup_folder() -> Path:
    return Path(settings.DATA_DIR) / "backups"


def create_backup(
    *, now: datetime.datetime, keep: int | None = None, alive: Callable[[str], None] = lambda words: None
) -> tuple[Backup, list[str]]:
    """Make a backup and delete those beyond the newest `keep` (setting backups.keep); returns it and their names.

    BackupError when it cannot be written; then nothing is deleted and nothing half is left.
    """
    folder = backup_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove_leftovers(folder)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as work:
            alive("Saving the database")
            dump, method = _dump_database(Path(work))
            alive("Packing")
            target = _free_name(folder, now)
            _pack(Path(work), dump, method, target, now)
    except (OSError, sqlite3.Error) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise BackupError(
            f"The backup could not be written to {folder} ({words}). Is there room on the disk?"
        ) from error
    made = _described(target)
    kept = max(1, get_setting("backups.keep") if keep is None else keep)
    removed = [old.name for old in list_backups()[kept:] if old.name != made.name]
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    return made, removed


def _remove_leftovers(folder: Path) -> None:
    """What a backup that was killed left behind."""
    limit = datetime.datetime.now(datetime.UTC).timestamp() - LEFTOVER_AGE_SECONDS
    for path in folder.glob(".making-*"):
        if path.stat().st_mtime < limit:
            shutil.rmtree(path, ignore_errors=True)


def _free_name(folder: Path, now: datetime.datetime) -> Path:
    stem = f"unabridged-{now.astimezone(datetime.UTC).strftime(STAMP)}"
    names = [f"{stem}.zip", *(f"{stem}-{number}.zip" for number in range(2, 100))]
    return next(folder / name for name in names if not (folder / name).exists())


def _dump_database(work: Path) -> tuple[Path, str]:
    if connection.vendor == "sqlite":
        return _copy_sqlite(work), "sqlite"
    if connection.vendor == "postgresql" and (program := shutil.which("pg_dump")):
        return _run_pg_dump(program, work), "pg_dump"
    return _dump_data(work), "dumpdata"


def _copy_sqlite(work: Path) -> Path:
    """By SQLite's online backup (sqlite.org/backup.html): whole and consistent while others write."""
    target = work / "database.sqlite3"
    connection.ensure_connection()
    source: sqlite3.Connection = connection.connection
    copy = sqlite3.connect(target)
    try:
        # In one step: readers do not stop writers (WAL), and a copy in pieces would begin anew at every write.
        source.backup(copy)
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    finally:
        copy.close()
    if found != "ok":
        raise BackupError(
            f"The database is damaged ({found}). Keep the older backups, and put the newest good one back."
        )
    return target


def _run_pg_dump(program: str, work: Path) -> Path:
    """The password goes by the environment, never by the command line, which others could read."""
    target = work / "database.pgdump"
    values = settings.DATABASES["default"]
    options = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    environment = {**os.environ, **{key: str(values[name]) for key, name in options.items() if values.get(name)}}
    done = subprocess.run(  # noqa: S603 (our own command)
        [
            program,
            "--format=custom",
            "--no-owner",
            "--file",
            str(target),
            "--dbname",
            str(connection.settings_dict["NAME"]),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    if done.returncode:
        raise BackupError(
            f"pg_dump failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no words'}"
        )
    return target


def _dump_data(work: Path) -> Path:
    target = work / "database.json.gz"
    with gzip.open(target, "wt", encoding="utf-8") as file:
        call_command("dumpdata", "--natural-foreign", "--exclude", "contenttypes", "--exclude", "auth.permission",
                     "--exclude", "sessions", stdout=file)  # fmt: skip
    return target


def _pack(work: Path, dump: Path, method: str, target: Path, now: datetime.datetime) -> None:
    digest = hashlib.sha256()
    with dump.open("rb") as file:
        while piece := file.read(1024 * 1024):
            digest.update(piece)
    manifest = {
        "created_at": now.astimezone(datetime.UTC).isoformat(),
        "version": settings.VERSION,
        "method": method,
        "database": dump.name,
        "database_bytes": dump.stat().st_size,
        "sha256": digest.hexdigest(),
    }
    part = work / "backup.zip"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("manifest.json", json.dumps(manifest, indent=2))
            archive.writestr("settings.json", json.dumps(_plain_settings(), indent=2, sort_keys=True))
            archive.writestr("RESTORE.txt", "\n".join(restore_steps(target.name, method)))
            archive.write(dump, dump.name)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def _plain_settings() -> dict[str, Any]:
    values = get_settings()
    values["notifications.urls"] = [mask_address(url) for url in values["notifications.urls"]]
    return values


def list_backups() -> list[Backup]:
    """Whole backups, the newest first."""
    folder = backup_folder()
    if not folder.is_dir():
        return []
    found = [_described(path) for path in folder.iterdir() if NAME.fullmatch(path.name) and path.is_file()]
    return sorted(found, key=lambda backup: (backup.created_at, backup.name), reverse=True)


def _described(path: Path) -> Backup:
    matched = NAME.fullmatch(path.name)
    stamp = matched[1] if matched else ""
    created = datetime.datetime.strptime(stamp, STAMP).replace(tzinfo=datetime.UTC)
    manifest: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("manifest.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        manifest = {}
    return Backup(
        path.name,
        path.stat().st_size,
        created,
        str(manifest.get("method", "")),
        str(manifest.get("version", "")),
        str(manifest.get("sha256", "")),
    )


def find_backup(name: str) -> Path:
    """The file of a backup; NotFoundError for anything that is not the name of one."""
    path = backup_folder() / name
    if not NAME.fullmatch(name) or not path.is_file() or path.is_symlink():
        raise NotFoundError("There is no such backup.", context={"resource": "backup", "id": name[:100]})
    return path


def delete_backup(name: str) -> Backup:
    """Delete one; returns what it was."""
    path = find_backup(name)
    gone = _described(path)
    path.unlink()
    return gone


def check_backup(name: str) -> Backup:
    """Read a backup back: BackupError unless the database in it is whole."""
    path = find_backup(name)
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            digest = hashlib.sha256()
            with archive.open(manifest["database"]) as file:
                while piece := file.read(1024 * 1024):
                    digest.update(piece)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BackupError(f"{name} is damaged and cannot be read. Delete it and make a new one.") from error
    if digest.hexdigest() != manifest["sha256"]:
        raise BackupError(f"The database in {name} is not what was saved. Delete it and make a new one.")
    return _described(path)


def restore_steps(name: str, method: str) -> list[str]:
    """How to put a backup back, line by line."""
    steps = ["Stop Unabridged (all of its processes).", f"Unpack {name}."]
    if method == "sqlite":
        steps += [
            "In the data directory, move unabridged.sqlite3, unabridged.sqlite3-wal and unabridged.sqlite3-shm away.",
            "Copy database.sqlite3 there as unabridged.sqlite3.",
        ]
    elif method == "pg_dump":
        steps += [
            "Make an empty database: createdb NAME.",
            "Fill it: pg_restore --no-owner --dbname NAME database.pgdump.",
            "Set DATABASE_URL to it.",
        ]
    else:
        steps += [
            "Make an empty database, set DATABASE_URL to it, and run: python manage.py migrate.",
            "Fill it: python manage.py loaddata database.json.gz.",
        ]
    steps += ["Run: python manage.py migrate.", "Run: python manage.py doctor.", "Start Unabridged."]
    return [f"{number}. {words}" for number, words in enumerate(steps, start=1)]
