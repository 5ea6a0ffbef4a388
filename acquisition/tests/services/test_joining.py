"""Several parts become one m4b where the library wants it: from copies that are only read, checked, or left as they
are; killed at any step it ends the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from acquisition.models import Download, ImportRecord
from acquisition.services import joining
from acquisition.services.importing import import_download
from acquisition.services.settling import clear_cut_off_imports, undo_import
from acquisition.tests.factories import NOW, SECONDS, arrived, make_book, make_context, make_root, make_sound
from acquisition.tests.power import Crash, power, tree
from library.clients.audio import decode_check, probe
from library.clients.audio import join as join_client
from library.models import Copy, LibraryRoot
from library.tests.audio_files import JPEG
from scheduling.services.context import RunCancelled


@pytest.fixture
def root(tmp_path: Path) -> LibraryRoot:
    return make_root(tmp_path / "shelf", merges_parts=True)


def parts(folder: Path, suffix: str = ".mp3") -> Path:
    for number in (1, 2, 3):
        path = folder / f"{number:02d}{suffix}"
        make_sound(path, seconds=SECONDS / 3 + number, track=f"{number}/3", date="1907", composer="Anna Reader")
    (folder / "cover.jpg").write_bytes(JPEG)
    return folder


def run_import(download: Download) -> Download:
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    return download


def placed(root: LibraryRoot) -> Path:
    return Path(root.path) / Copy.objects.get().path


def joined_note() -> str:
    checks = ImportRecord.objects.latest("pk").checks
    return next((check["message"] for check in checks if check["code"] == "joined"), "")


@pytest.mark.django_db
@pytest.mark.parametrize("suffix, how", [(".mp3", "encoded anew"), (".m4a", "copied as they are")])
def test_parts_become_one_file_with_chapters_tags_and_companions(
    suffix: str, how: str, tmp_path: Path, root: LibraryRoot
) -> None:
    folder = parts(tmp_path / "downloads" / "Ozma", suffix)
    before = tree(folder)
    download = run_import(arrived(folder, make_book(seconds=round(SECONDS) + 6)))
    assert (download.status, download.error_message) == ("imported", "")
    assert tree(folder) == before
    assert [path.stat().st_nlink for path in sorted(folder.glob(f"*{suffix}"))] == [1, 1, 1]
    (audio,) = placed(root).glob("*.m4b")
    assert not list(placed(root).glob(f"*{suffix}"))
    assert (placed(root) / "cover.jpg").read_bytes() == JPEG
    facts = probe(audio)
    assert facts.duration_seconds == pytest.approx(SECONDS + 6, abs=1)
    starts = [chapter.start_seconds for chapter in facts.chapters]
    assert starts == pytest.approx([0, SECONDS / 3 + 1, 2 * SECONDS / 3 + 3], abs=0.2)
    assert [chapter.title for chapter in facts.chapters] == ["Part 1", "Part 2", "Part 3"]
    assert facts.tags["©day"] == ("1907",)
    assert facts.tags["©wrt"] == ("Anna Reader",)
    assert decode_check(audio, full=True).ok
    assert "3 parts became one m4b with 3 chapters" in joined_note()
    assert how in joined_note()
    assert not (Path(root.path) / ".unabridged").exists()


def test_a_part_keeps_the_chapters_and_the_picture_that_it_has(tmp_path: Path) -> None:
    from library.tests.audio_files import embed_cover, make_audio

    files = [
        make_audio(tmp_path / "1.m4b", seconds=20, chapters=["Dawn", "Noon"], tags={"title": "One"}),
        make_audio(tmp_path / "2.m4b", seconds=10, tags={"title": "Night"}),
    ]
    embed_cover(files[0])
    join_client.join_parts(files, tmp_path / "out.m4b", title="Day", alive=lambda share: None)
    facts = probe(tmp_path / "out.m4b")
    assert [chapter.title for chapter in facts.chapters] == ["Dawn", "Noon", "Night"]
    assert facts.has_cover
    assert facts.tags["©nam"] == ("Day",)


@pytest.mark.django_db
def test_a_library_that_does_not_want_it_gets_the_parts(tmp_path: Path, root: LibraryRoot) -> None:
    LibraryRoot.objects.update(merges_parts=False)
    run_import(arrived(parts(tmp_path / "downloads" / "Ozma"), make_book(seconds=round(SECONDS) + 6)))
    assert len(list(placed(root).glob("*.mp3"))) == 3
    assert joined_note() == ""


def _undecodable(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Broken between the places that the check listens to."""
    patch.setattr(join_client, "_resampled", _broken)


def _broken(part: Path, rate: int, layout: str) -> object:
    import av.error

    raise av.error.InvalidDataError(1, "Invalid data", str(part))


def _wrong_length(folder: Path, patch: pytest.MonkeyPatch) -> None:
    real = join_client._Joiner.write
    patch.setattr(join_client._Joiner, "write", lambda self, target: [2 * n for n in real(self, target)])


def _wrong_chapters(folder: Path, patch: pytest.MonkeyPatch) -> None:
    real = join_client._add_chapters
    patch.setattr(join_client, "_add_chapters", lambda s, t, chapters, *rest: real(s, t, chapters[:-1], *rest))


def _no_room(folder: Path, patch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder)
    patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=joining.RESERVE_BYTES))


FAILURES: list[tuple[Callable[[Path, pytest.MonkeyPatch], None], str]] = [
    (_undecodable, "the sound could not be joined"),
    (_wrong_length, "seconds off"),
    (_wrong_chapters, "has 2 chapters and should have 3"),
    (_no_room, "there is no room to join them"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("spoil, words", FAILURES, ids=[case[0].__name__[1:] for case in FAILURES])
def test_what_cannot_be_joined_is_filed_in_parts_with_a_note(
    spoil: Callable[..., None], words: str, tmp_path: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts(tmp_path / "downloads" / "Ozma")
    spoil(folder, monkeypatch)
    download = run_import(arrived(folder, make_book(seconds=round(SECONDS) + 6)))
    assert (download.status, download.error_message) == ("imported", "")
    assert len(list(placed(root).glob("*.mp3"))) == 3
    assert "filed as they are" in joined_note()
    assert words in joined_note()
    assert not (Path(root.path) / ".unabridged").exists()


@pytest.mark.django_db
def test_what_makes_the_process_die_is_filed_in_parts_at_the_third_time(
    tmp_path: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Crash

    download = arrived(parts(tmp_path / "downloads" / "Ozma"), make_book(seconds=round(SECONDS) + 6))
    monkeypatch.setattr(joining, "join_parts", die)
    for _ in range(joining.MOST_BEGINNINGS):
        with pytest.raises(Crash):
            run_import(download)
    assert run_import(download).status == "imported"
    assert "cut off 2 times" in joined_note()


@pytest.mark.django_db
def test_a_run_that_is_cancelled_stops_the_joining(
    tmp_path: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parts(tmp_path / "downloads" / "Ozma")
    download = arrived(folder, make_book(seconds=round(SECONDS) + 6))
    context = make_context()

    def report(*, total: int | None = None, message: str = "") -> None:
        if message.startswith("Joining"):
            raise RunCancelled

    monkeypatch.setattr(context, "report", report)
    with pytest.raises(RunCancelled):
        import_download(download_id=download.pk, run=context)
    assert run_import(download).status == "imported"
    assert len(list(placed(root).glob("*.m4b"))) == 1


@pytest.mark.django_db
def test_undoing_takes_the_joined_file_out_and_leaves_the_parts(tmp_path: Path, root: LibraryRoot) -> None:
    folder = parts(tmp_path / "downloads" / "Ozma")
    before = tree(folder)
    run_import(arrived(folder, make_book(seconds=round(SECONDS) + 6)))
    undo_import(record=ImportRecord.objects.get(), actor="anna", now=NOW)
    assert tree(folder) == before
    assert not Copy.objects.exists()
    assert len(list((Path(root.path) / ".unabridged/recycle").rglob("*.m4b"))) == 1


@pytest.mark.django_db(transaction=True)
def test_joining_killed_at_any_step_ends_the_same(tmp_path: Path, root: LibraryRoot) -> None:
    folder = parts(tmp_path / "downloads" / "Ozma", ".m4a")
    book, before = make_book(seconds=round(SECONDS) + 6), tree(folder)
    fatal, steps = 1, 10**6
    while fatal <= steps:
        download = arrived(folder, book)
        with power(fatal, after=bool(fatal % 2)) as switch:
            try:
                import_download(download_id=download.pk, run=make_context())
            except Crash:
                pass
            else:
                steps = switch.count
        for _ in range(3):
            run_import(download)
            clear_cut_off_imports(now=NOW)
        assert (download.status, download.error_message) == ("imported", ""), fatal
        assert tree(folder) == before
        names = {Path(name).suffix for name in tree(Path(root.path))}
        assert names == {".m4b", ".jpg", ".json"}, fatal
        assert not (Path(root.path) / ".unabridged").exists(), fatal
        ImportRecord.objects.all().delete()
        Download.objects.all().delete()
        Copy.objects.all().delete()
        for path in Path(root.path).iterdir():
            shutil.rmtree(path)
        fatal += 7
    assert steps > 20
