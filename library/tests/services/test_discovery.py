"""Candidates of the enabled genres: a list, and nothing that is downloaded by itself."""

import pytest

from config.errors import NotFoundError
from library.domain.discovery import Title, matching_genres, popularity_of, rank_titles
from library.models import Author, Book, Exclusion, Gap
from library.services.discovery import accept_candidate, last_candidates
from library.services.settings import change_settings
from library.tests.services.metadata_world import NOW, do_job, make_book
from scheduling.models import Run, Trigger
from scheduling.services.runs import execute_run, request_run


def test_the_list_is_made_of_the_enabled_genres_without_what_is_owned(db: None) -> None:
    make_book("The Time Machine", "H. G. Wells")
    Author.objects.filter(name="H. G. Wells").update(owned_count=4)
    Exclusion.objects.create(book=make_book("The War of the Worlds", "H. G. Wells", is_owned=False))
    change_settings(changes={"discovery.genres": ["Science Fiction"]})
    run = do_job("discovery_top", limit=20)
    assert run.status == "succeeded", run.message
    found = last_candidates()
    assert found["as_of"]
    assert len(found["candidates"]) == 20
    titles = {row["title"] for row in found["candidates"]}
    assert not titles & {"The Time Machine", "The War of the Worlds"}
    assert all("Science Fiction" in row["genres"] for row in found["candidates"])
    assert any("You have 4 of the author's books." in row["reasons"] for row in found["candidates"])
    assert Book.objects.count() == 2
    assert not Gap.objects.exists()


def test_a_candidate_becomes_a_known_book_once(db: None) -> None:
    change_settings(changes={"discovery.genres": ["Science Fiction"]})
    do_job("discovery_top", limit=3)
    row = last_candidates()["candidates"][0]
    book = accept_candidate(key=row["key"], now=NOW)
    assert (book.title, book.is_owned) == (row["title"], False)
    with pytest.raises(NotFoundError):
        accept_candidate(key="nothing", now=NOW)
    do_job("discovery_top", limit=3)
    assert accept_candidate(key=row["key"], now=NOW).pk == book.pk


def test_it_says_when_it_has_nothing_to_do(db: None) -> None:
    assert "No genres" in do_job("discovery_top").message
    run = request_run(job="discovery_top", trigger=Trigger.SCHEDULE, send=lambda run_id: None)
    execute_run(run.pk)
    assert "switched off" in Run.objects.get(pk=run.pk).message
    assert last_candidates() == {"as_of": None, "genres": [], "candidates": []}


@pytest.mark.parametrize(
    ("genres", "wanted", "found"),
    [
        (["Epic Fantasy"], ["fantasy"], ("Epic Fantasy",)),
        (["Fantastic Beasts"], ["fantas"], ()),
        (["Romance"], [" "], ()),
        (["Science-Fiction"], ["Science Fiction"], ("Science-Fiction",)),
    ],
)
def test_genres_match_by_whole_words(genres: list[str], wanted: list[str], found: tuple[str, ...]) -> None:
    assert matching_genres(genres, wanted) == found


def test_the_order_is_explained() -> None:
    plain, known, liked = Title("a", "A", ("X",), ()), Title("b", "B", ("X",), (), 9999), Title("c", "C", ("Y",), ())
    ranked = rank_titles([plain, known, liked], owned_by_author={"y": 3}, limit=2)
    assert [one.title.key for one in ranked] == ["b", "c"]
    assert ranked[0].reasons == ("9,999 people have rated or keep it.",)


def test_popularity_is_read_where_it_is_said_and_zero_elsewhere() -> None:
    assert popularity_of({"users_count": 12, "ratings_count": 40}) == 40
    assert popularity_of({"rating": {"num_reviews": 7, "overall_distribution": {"num_ratings": 99}}}) == 99
    assert popularity_of({"rating": "4.8", "users_count": "many", "ratings_count": True}) == 0
