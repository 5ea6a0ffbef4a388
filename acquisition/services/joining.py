"""The parts of a book as one m4b, where its library wants that: made on our side, from parts that are only read.

    <root>/.unabridged/joined-<download>-<book>/<title>.m4b

It is filed like any other file. Where it cannot be made the parts are filed as they are, and the journal says why.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from acquisition.models import DownloadBook
from acquisition.services.placing import RESERVE_BYTES, STAGING, disk_errors, inside, tidy
from acquisition.services.transitions import note
from library.clients.audio import probe
from library.clients.audio.join import JoinError, join_parts
from library.domain.facts import CopyFacts, FileFacts, FileKind
from library.domain.file_names import safe_component
from scheduling.services.context import RunContext

JOINED_SUFFIXES = frozenset({".mp3", ".m4a", ".m4b", ".mp4", ".aac"})
# A file that makes the process die would make it die again: after so many beginnings the parts are filed as they are.
MOST_BEGINNINGS = 2
BEGUN = "join_begun"


@dataclass(frozen=True, slots=True)
class Parts:
    """The facts to file, what their paths are relative to, and a note for the journal (empty: nothing was joined)."""

    facts: CopyFacts
    base: Path
    note: str = ""


def joined_folder(link: DownloadBook) -> str:
    """Where the joined file of a book lies until it is filed, relative to the root."""
    return f"{STAGING}/joined-{link.download_id}-{link.book_id}"


def join_where_wanted(facts: CopyFacts, base: Path, link: DownloadBook, root: Path, run: RunContext) -> Parts:
    """One file instead of several, with companions as they are; or the parts, with a note why."""
    audio = facts.audio_files
    if len(audio) < 2 or any(Path(file.path).suffix.lower() not in JOINED_SUFFIXES for file in audio):
        return Parts(facts, base)
    beginning = f"Joining the {len(audio)} parts of “{link.book.title}”."
    if link.download.events.filter(code=BEGUN, message=beginning).count() >= MOST_BEGINNINGS:
        words = f"The {len(audio)} parts are filed as they are: joining them was cut off {MOST_BEGINNINGS} times."
        return Parts(facts, base, words)
    if shutil.disk_usage(root).free < 2 * facts.size_bytes + RESERVE_BYTES:
        words = f"The {len(audio)} parts are filed as they are: there is no room to join them."
        return Parts(facts, base, words)
    note(link.download, beginning, code=BEGUN)
    return _join(facts, base, link, root, run)


def _join(facts: CopyFacts, base: Path, link: DownloadBook, root: Path, run: RunContext) -> Parts:
    folder = inside(root, joined_folder(link))
    target = folder / (safe_component(link.book.title, max_bytes=200) + ".m4b")
    audio = facts.audio_files
    with disk_errors(root):
        clear_joined(root, link.download_id)
        folder.mkdir(parents=True)
        try:
            joined = join_parts(
                [base / file.path for file in audio],
                target,
                title=link.book.title,
                alive=lambda share: run.report(message=f"Joining the parts of {link.book.title}: {share:.0%}"),
            )
        except JoinError as error:
            clear_joined(root, link.download_id)
            return Parts(facts, base, f"The {len(audio)} parts are filed as they are: {error}.")
    how = "copied as they are" if joined.is_copied else "encoded anew as AAC"
    words = f"{len(audio)} parts became one m4b with {joined.chapter_count} chapters ({how})."
    return Parts(_with_joined(facts, target), base, words)


def _with_joined(facts: CopyFacts, target: Path) -> CopyFacts:
    """The facts with one audio file in place of the parts; its path is absolute, which joins to itself."""
    size = target.stat().st_size
    audio = FileFacts(str(target), FileKind.AUDIO, size, duration_seconds=probe(target).duration_seconds)
    others = tuple(file for file in facts.files if file.kind is not FileKind.AUDIO)
    return replace(facts, files=(audio, *others))


def clear_joined(root: Path, download_id: int) -> None:
    """Throw away what was joined for a download and not filed."""
    for folder in (root / STAGING).glob(f"joined-{download_id}-*"):
        if not folder.is_symlink():
            shutil.rmtree(folder)
    tidy(root / STAGING)
