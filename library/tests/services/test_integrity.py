"""The files of a real shelf: what is damaged is marked, what is well again is not, nothing is deleted."""

from pathlib import Path
from typing import Any

import pytest

from library.models import Copy, LibraryRoot
from library.services.roots import add_folder
from library.services.states import read_state
from library.tests.audio_files import make_audio
from library.tests.services.metadata_world import do_job
from scheduling.models import FailedAttempt

pytestmark = pytest.mark.django_db
TITLES = ("Emma", "Persuasion", "Sanditon", "Lady Susan", "The Watsons", "Northanger Abbey")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Six books of one short file each, read into the library."""
    folder = tmp_path / "shelf"
    first = make_first(folder)
    for title in TITLES[1:]:
        path = folder / "Jane Austen" / title / f"{title}.mp3"
        path.parent.mkdir(parents=True)
        path.write_bytes(first.read_bytes())
    add_folder(str(folder))
    assert do_job("library_import").status == "succeeded"
    assert Copy.objects.count() == 6
    return folder


def make_first(folder: Path) -> Path:
    path = folder / "Jane Austen" / "Emma" / "Emma.mp3"
    path.parent.mkdir(parents=True)
    make_audio(path, seconds=20)
    return path


def file_of(shelf: Path, title: str) -> Path:
    return shelf / "Jane Austen" / title / f"{title}.mp3"


def codes(title: str) -> list[str]:
    return [problem["code"] for problem in Copy.objects.get(title=title).problems if problem.get("check")]


def check(**params: Any) -> dict[str, Any]:
    run = do_job("integrity_check", **params)
    assert run.status == "succeeded", run.message
    return dict(run.result)


def test_a_good_shelf_has_no_problems(shelf: Path) -> None:
    result = check(sample_percent=100)
    assert (result["checked"], result["sampled"], result["damaged_count"]) == (6, 6, 0)
    assert result["is_complete"]
    assert result["bytes"] == sum(path.stat().st_size for path in shelf.rglob("*.mp3"))


def test_missing_and_changed_files_are_marked_and_unmarked_when_they_are_well(shelf: Path) -> None:
    lost, kept = file_of(shelf, "Emma"), shelf.parent / "kept.mp3"
    lost.rename(kept)
    with file_of(shelf, "Persuasion").open("ab") as file:
        file.write(b"more")
    result = check()
    assert codes("Emma") == ["file_missing"]
    assert codes("Persuasion") == ["file_size_changed"]
    assert result["damaged_count"] == 2
    assert FailedAttempt.objects.filter(job="integrity_check").count() == 2
    assert read_state("integrity")["copies_with_problems"] == 2
    kept.rename(lost)
    assert check()["healed"] == 1
    assert codes("Emma") == []
    assert Copy.objects.present().count() == 6


def test_problems_that_the_reading_found_stay(shelf: Path) -> None:
    Copy.objects.filter(title="Emma").update(problems=[{"code": "no_author", "message": "No author.", "path": ""}])
    file_of(shelf, "Emma").unlink()
    check()
    assert [one["code"] for one in Copy.objects.get(title="Emma").problems] == ["no_author", "file_missing"]


def test_a_sample_is_decoded(shelf: Path) -> None:
    path = file_of(shelf, "Emma")
    data = bytearray(path.read_bytes())
    data[2000:-2000] = bytes(len(data) - 4000)
    path.write_bytes(data)
    assert check(sample_percent=0)["damaged_count"] == 0
    result = check(sample_percent=100)
    assert [row["title"] for row in result["damaged"]] == ["Emma"]


def test_another_length_is_noticed(shelf: Path) -> None:
    Copy.objects.filter(title="Emma").update(duration_seconds=4000)
    check(sample_percent=100)
    assert codes("Emma") == ["duration_differs"]


def test_an_absent_disk_is_an_outage_and_marks_nothing(shelf: Path) -> None:
    shelf.rename(shelf.parent / "elsewhere")
    result = check()
    assert "mounted" in result["refused"][0]
    assert result["damaged_count"] == 0
    assert not any(copy.problems for copy in Copy.objects.all())


def test_most_books_gone_at_once_is_an_outage_too(shelf: Path) -> None:
    for title in TITLES[:5]:
        file_of(shelf, title).unlink()
    result = check()
    assert "Nothing was marked" in result["refused"][0]
    assert not any(copy.problems for copy in Copy.objects.all())


def test_a_run_that_is_out_of_time_is_continued_by_the_next(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from library.services import integrity

    monkeypatch.setattr(integrity, "CHUNK", 4)
    first = check(max_seconds=1e-9)
    assert (first["checked"], first["is_complete"]) == (4, False)
    second = check(max_seconds=60)
    assert (second["checked"], second["is_complete"]) == (2, True)
    assert check(max_seconds=60)["checked"] == 6
    assert LibraryRoot.objects.count() == 1
