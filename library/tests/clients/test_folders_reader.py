"""Which files make a book, what is left alone, and what is not read again."""

import builtins
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.errors import Unavailable
from library.clients.folders import FolderReader, SeenCopy
from library.domain.facts import CopyFacts, FileKind, Problem, SeriesPlace
from library.tests.audio_files import make_audio

_opened: list[str] = []
_is_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_watching and event == "open":
        _opened.append(str(arguments[0]))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every file that Python opens, through the interpreter's own audit events."""
    sys.addaudithook(_watch)
    _opened.clear()
    monkeypatch.setattr(sys.modules[__name__], "_is_watching", True)
    yield _opened
    monkeypatch.undo()


def read(root: Path, **options: Any) -> dict[str, CopyFacts]:
    return {facts.path: facts for facts in FolderReader(root, **options).read() if isinstance(facts, CopyFacts)}


def names(facts: CopyFacts) -> list[str]:
    return [file.path.removeprefix(facts.path).lstrip("/") for file in facts.audio_files]


def codes(facts: CopyFacts) -> list[str]:
    return [problem.code for problem in facts.problems]


@pytest.mark.parametrize(
    "files, books",
    [
        (["A/S/T/1.mp3", "A/S/U/1.mp3"], {"A/S/T", "A/S/U"}),
        (["A/T/CD 1/1.mp3", "A/T/CD 2/1.mp3"], {"A/T"}),
        (["A/T/CD 1/1.mp3", "A/T/Extras/1.mp3"], {"A/T"}),
        (["A/Parts/Part 1/1.mp3", "A/Parts/Part 2/1.mp3"], {"A/Parts/Part 1", "A/Parts/Part 2"}),
        (["A/T/1.mp3", "A/T/More/Deep/2.mp3"], {"A/T"}),
        (["A/stray.mp3", "A/S/T/1.mp3", "A/S/U/1.mp3"], {"A"}),
        (["One.mp3", "Two.mp3"], {"One.mp3", "Two.mp3"}),
        (["CD 1/1.mp3"], {"CD 1"}),
        (["A/T/1.mp3", "A/T/.hidden/2.mp3", ".trash/x/1.mp3"], {"A/T"}),
        (["A/T/1.mp3", "A/@eaDir/1.mp3", "#recycle/x/1.mp3"], {"A/T"}),
        (["A/T/1.mp3", "A/U/1.mp3", "A/U/.ignore"], {"A/T"}),
        (["A/T/1.mp3", ".ignore"], {"A/T"}),
        (["A/T/1.mp3.part", "A/U/1.mp3"], {"A/U"}),
        (["A/Vol.part/1.mp3"], {"A/Vol.part"}),
        (["A/T/cover.jpg", "A/U/1.mp3"], {"A/U"}),
    ],
)
def test_which_folders_are_books(tmp_path: Path, files: list[str], books: set[str]) -> None:
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make_audio(path) if path.suffix == ".mp3" else path.touch()
    assert set(read(tmp_path)) == books


def test_files_of_discs_come_in_order_and_companions_stay_with_the_book(tmp_path: Path) -> None:
    book = tmp_path / "A" / "T"
    for name in ("Disc 2/1.mp3", "Disc 10/1.mp3", "Disc 1/2.mp3", "Disc 1/1.mp3"):
        make_audio(book / name)
    (book / "map.pdf").write_bytes(b"%PDF-1.1")
    (book / "cover.jpg").write_bytes(b"jpeg")
    facts = read(tmp_path)["A/T"]
    assert names(facts) == ["Disc 1/1.mp3", "Disc 1/2.mp3", "Disc 2/1.mp3", "Disc 10/1.mp3"]
    assert {file.kind for file in facts.files} == {FileKind.AUDIO, FileKind.EBOOK, FileKind.IMAGE}
    assert facts.duration_seconds == pytest.approx(8, abs=0.5)
    assert (facts.codec, facts.bitrate_kbps, facts.chapter_count) == ("mp3", 32, 4)


def test_loose_file_that_swallows_other_books_is_reported(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "stray.mp3")
    make_audio(tmp_path / "A" / "T" / "1.mp3")
    assert "nested_books" in codes(read(tmp_path)["A"])


def test_missing_part_is_reported(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        make_audio(tmp_path / "A" / "T" / f"{number:02}.mp3")
    assert codes(read(tmp_path)["A/T"]) == ["missing_parts"]


def test_ebook_makes_no_book_where_only_audio_counts(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "S" / "T" / "1.mp3")
    (tmp_path / "A" / "list.pdf").write_bytes(b"%PDF-1.1")
    assert set(read(tmp_path)) == {"A"}
    assert set(read(tmp_path, count_ebooks=False)) == {"A/S/T"}


def test_link_that_leads_back_is_not_followed_for_ever(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "T" / "1.mp3")
    (tmp_path / "A" / "Loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "A" / "T" / "Self").symlink_to(tmp_path / "A" / "T", target_is_directory=True)
    (tmp_path / "A" / "gone").symlink_to(tmp_path / "nowhere")
    assert set(read(tmp_path)) == {"A/T"}


def test_linked_folder_is_read(tmp_path: Path) -> None:
    make_audio(tmp_path / "elsewhere" / "1.mp3")
    (tmp_path / "root" / "A").mkdir(parents=True)
    (tmp_path / "root" / "A" / "T").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert set(read(tmp_path / "root")) == {"A/T"}


def test_folder_that_cannot_be_read_is_a_problem_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("Bad", "Good"):
        make_audio(tmp_path / "A" / title / "1.mp3")
    real = os.scandir

    def scandir(path: str) -> Any:
        if os.fspath(path).endswith("Bad"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    seen = list(FolderReader(tmp_path).read())
    assert [one.path for one in seen if isinstance(one, CopyFacts)] == ["A/Good"]
    assert [(one.code, one.path) for one in seen if isinstance(one, Problem)] == [("folder_unreadable", "A/Bad")]


@pytest.mark.parametrize(
    "bad, outcome", [({"1.mp3"}, CopyFacts), ({"1.mp3", "2.mp3"}, Problem), ({"metadata.json"}, CopyFacts)]
)
def test_book_on_a_failing_disk_is_neither_gone_nor_taken_as_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: set[str], outcome: type
) -> None:
    for name in ("1.mp3", "2.mp3"):
        make_audio(tmp_path / "A" / "T" / name)
    (tmp_path / "A" / "T" / "metadata.json").write_text("{}")
    whole = read(tmp_path)["A/T"]
    real = builtins.open

    def failing_open(file: Any, *arguments: Any, **options: Any) -> Any:
        if Path(str(file)).name in bad:
            raise OSError(5, "Input/output error", str(file))
        return real(file, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", failing_open)
        patched.setattr(io, "open", failing_open)
        patched.setattr("library.clients.audio.av_reader.av.open", failing_open)
        (found,) = FolderReader(tmp_path).read()
    assert isinstance(found, outcome)
    assert found.path == "A/T"
    if isinstance(found, CopyFacts):
        assert "file_unreadable" in codes(found)
        assert found.fingerprint == ""
    assert read(tmp_path)["A/T"] == whole


def test_names_that_are_not_utf8_are_escaped_and_reported(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/A/Caf\xe9"
    Path(os.fsdecode(folder)).mkdir(parents=True)
    audio = make_audio(tmp_path / "one.mp3")
    shutil.move(audio, os.fsdecode(folder + b"/one.mp3"))
    seen = list(FolderReader(tmp_path).read())
    (facts,) = [one for one in seen if isinstance(one, CopyFacts)]
    assert facts.path == "A/Caf\\xe9"
    assert facts.duration_seconds is not None
    facts.path.encode("utf-8")
    assert [one.code for one in seen if isinstance(one, Problem)] == ["name_not_utf8"]


def test_second_read_opens_no_file_and_yields_only_what_was_seen(tmp_path: Path, opened: list[str]) -> None:
    make_audio(tmp_path / "A" / "S" / "1 - T" / "1.m4b", chapters=["a", "b"])
    make_audio(tmp_path / "A" / "U" / "CD 1" / "1.mp3")
    (tmp_path / "A" / "U" / "metadata.json").write_text('{"title": "U"}')
    make_audio(tmp_path / "Lone.flac")
    known = {path: facts.fingerprint for path, facts in read(tmp_path).items()}
    assert any(name.endswith("1.m4b") for name in opened)
    opened.clear()

    again = list(FolderReader(tmp_path, known=known).read())

    assert again == [SeenCopy("Lone.flac"), SeenCopy("A/S/1 - T"), SeenCopy("A/U")]
    assert opened == []


@pytest.mark.parametrize("change", ["touch", "grow", "add", "remove", "rename"])
def test_changed_book_is_read_again(tmp_path: Path, change: str) -> None:
    book = tmp_path / "A" / "T"
    make_audio(book / "1.mp3")
    (book / "desc.txt").write_text("Old.")
    make_audio(tmp_path / "A" / "Other" / "1.mp3")
    known = {path: facts.fingerprint for path, facts in read(tmp_path).items()}
    if change == "touch":
        os.utime(book / "1.mp3", ns=(1, 1))
    elif change == "grow":
        (book / "desc.txt").write_text("Longer.")
    elif change == "add":
        (book / "reader.txt").write_text("Nora Reader")
    elif change == "remove":
        (book / "desc.txt").unlink()
    else:
        (book / "1.mp3").rename(book / "2.mp3")
    again = list(FolderReader(tmp_path, known=known).read())
    assert [type(one) for one in again] == [SeenCopy, CopyFacts]


def test_changed_precedence_reads_again(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "T" / "1.mp3", tags={"album": "Tagged"})
    first = read(tmp_path)
    second = read(tmp_path, precedence=("tags", "folder"), known={"A/T": first["A/T"].fingerprint})
    assert (first["A/T"].title, second["A/T"].title) == ("Tagged", "T")


def test_precedence_leaves_sources_out(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "T" / "1.mp3", tags={"album": "Tagged", "artist": "Tag Author"})
    facts = read(tmp_path, precedence=("folder",))["A/T"]
    assert (facts.title, facts.authors) == ("T", ("A",))
    with pytest.raises(ValueError, match="Unknown sources dreams"):
        FolderReader(tmp_path, precedence=("dreams",))


def test_folder_of_a_bare_number_keeps_its_name_as_title(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "S" / "Book 11" / "1.mp3")
    facts = read(tmp_path)["A/S/Book 11"]
    assert (facts.title, facts.series) == ("Book 11", (SeriesPlace("S", "11"),))


def test_progress_counts_books(tmp_path: Path) -> None:
    for title in "TUV":
        make_audio(tmp_path / "A" / title / "1.mp3")
    seen: list[tuple[int, str]] = []
    list(FolderReader(tmp_path).read(on_progress=lambda count, path: seen.append((count, path))))
    assert seen == [(1, "A/T"), (2, "A/U"), (3, "A/V")]


def test_reading_is_a_stream(tmp_path: Path) -> None:
    for title in "TUV":
        make_audio(tmp_path / "A" / title / "1.mp3")
    stream = FolderReader(tmp_path).read()
    first = next(iter(stream))
    shutil.rmtree(tmp_path / "A" / "V")
    assert [first.path, *(one.path for one in stream)] == ["A/T", "A/U", "A/V"]


def test_nothing_is_written(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "T" / "1.m4b")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    read(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("case", ["absent", "not_a_folder", "empty", "not_mounted", "ok"])
def test_health_of_the_root(tmp_path: Path, case: str) -> None:
    root = tmp_path / "root"
    if case == "not_a_folder":
        root.write_text("x")
    elif case != "absent":
        (root / "lost+found").mkdir(parents=True)
    if case in {"ok", "not_mounted"}:
        (root / "A").mkdir()
    reader = FolderReader(root)
    health = reader.check(was_mount=case == "not_mounted")
    assert (health.code, health.is_ok) == (case, case == "ok")
    if case in {"absent", "not_a_folder", "empty"}:
        assert health.message
        with pytest.raises(Unavailable):
            list(reader.read())


def test_root_that_vanishes_on_the_way_is_an_outage(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for title in "TU":
        make_audio(root / "A" / title / "1.mp3")
    stream = iter(FolderReader(root).read())
    next(stream)
    shutil.rmtree(root)
    with pytest.raises(Unavailable):
        list(stream)


def test_a_path_that_went_away_has_no_books(tmp_path: Path) -> None:
    assert list(FolderReader(tmp_path).read_only("Nobody/Nothing")) == []
