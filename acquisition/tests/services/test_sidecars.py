"""What is written beside an imported book, as the setting says, and that the library reads it back."""

from pathlib import Path

import pytest

from acquisition.models import ImportRecord
from acquisition.services.importing import import_download
from acquisition.services.settling import undo_import
from acquisition.tests.factories import NOW, arrived, make_book, make_context, make_root, make_sound
from acquisition.tests.power import tree
from config.errors import ValidationError
from library.clients.folders.sidecars import from_opf
from library.domain.facts import SeriesPlace
from library.domain.naming import BookName
from library.domain.opf import sidecar_opf
from library.models import Copy
from library.services.settings import change_settings

BOOK = BookName(
    title="Ozma & <Oz>",
    subtitle='A "Tale"',
    authors=("L. Frank Baum", "Anna O'Neil"),
    narrators=("Phil Reader",),
    series=(SeriesPlace("Oz", "1-3"), SeriesPlace("Fairy Tales")),
    asin="B002V1A0WE",
    isbn="9780000000000",
    publisher="Reilly & Britton",
    published_year=1907,
    language="en",
    description="Line one\nand ]]> two \x00\x0b",
    genres=("Fantasy", "Children's"),
)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wish, names",
    [
        ("metadata.json", {"metadata.json"}),
        ("opf", {"metadata.opf"}),
        ("both", {"metadata.json", "metadata.opf"}),
        ("none", set()),
    ],
)
def test_the_setting_says_what_is_written(wish: str, names: set[str], tmp_path: Path) -> None:
    root = make_root(tmp_path / "shelf")
    change_settings(changes={"import.sidecars": wish})
    book = make_book(asin="B002V1A0WE")
    folder = make_sound(tmp_path / "downloads" / "Ozma" / "Ozma.mp3").parent
    (folder / "metadata.opf").write_text("<somebody's own/>")
    import_download(download_id=arrived(folder, book).pk, run=make_context())
    copy = Copy.objects.get(book=book)
    assert {path.name for path in (Path(root.path) / copy.path).iterdir()} == {"Ozma of Oz.mp3", *names}
    if names:
        assert (copy.asin, copy.series) == ("B002V1A0WE", [{"name": "Oz", "position": "3"}])
    assert (folder / "metadata.opf").read_text() == "<somebody's own/>"
    undo_import(record=ImportRecord.objects.get(), actor="anna", now=NOW)
    assert all(name.startswith(".unabridged/recycle/") for name in tree(Path(root.path)))


@pytest.mark.django_db
def test_another_wish_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        change_settings(changes={"import.sidecars": "nfo"})
    assert "must be one of metadata.json, opf, both, none" in str(caught.value.context)


def test_an_opf_is_read_back_as_the_same_book() -> None:
    said = from_opf(sidecar_opf(BOOK).encode())
    assert said.problems == ()
    assert (said.title, said.subtitle) == (BOOK.title, BOOK.subtitle)
    assert (said.authors, said.narrators) == (BOOK.authors, BOOK.narrators)
    assert said.series == BOOK.series
    assert (said.asin, said.isbn, said.language) == (BOOK.asin, BOOK.isbn, BOOK.language)
    assert (said.publisher, said.published_year, said.genres) == (BOOK.publisher, BOOK.published_year, BOOK.genres)
    assert "and ]]> two" in said.description


def test_an_opf_of_almost_nothing_is_whole() -> None:
    said = from_opf(sidecar_opf(BookName(title="Emma")).encode())
    assert (said.title, said.authors, said.problems) == ("Emma", (), ())
