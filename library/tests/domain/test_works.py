import pytest

from library.domain.titles import judge_works, same_work

SAME = [
    ("Saltmarsh", "Saltmarsh (Unabridged)"),
    ("Saltmarsh", "SALTMARSH (Tideland, #2)"),
    ("Saltmarsh: Tideland, Book 2", "Saltmarsh"),
    ("The Saltmarsh", "Saltmarsh"),
    ("Saltmarsh: A Life by the Sea", "Saltmarsh"),
    ("Saltmarsh", "Saltmarsh (version 3)"),
    ("Saltmarsh, or The Drowned Fields", "Saltmarsh"),
    ("Saltmarsh or the Drowned Fields", "Saltmarsh"),
    ("Salt-Marsh", "Saltmarsh"),
    ("Salt, Iron, and Bone", "Salt, Iron & Bone"),
    ("Across the Fens in Eighty Hours", "Across the Fens in 80 Hours"),
    ("Thirty Thousand Miles", "30,000 Miles"),
    ("The Lighthouse Keepr's Daughter", "The Lighthouse Keeper's Daughter"),
    ("The Lamp Keepers, Vol. 3", "The Lamp Keepers Vol. 3"),
    ("Der Schlüssel", "Der Schlussel"),
    ("Herons, Vol. 4", "Herons, Vol. 4: The Reed Bed"),
    ("Saltmarsh, Part I", "Saltmarsh, Part 1"),
    ("Saltmarsh", "Saltmarsh, Brass Lantern Edition"),
    ("Who Saw the Tide?", "Who Saw the Tide?: A Comic Drama"),
    ("Saltmarsh. A Memoir of the Coast", "Saltmarsh: A Memoir of the Coast"),
]
DIFFERENT = [
    ("The Lamp Keepers, Vol. 3", "The Lamp Keepers, Vol. 4"),
    ("The Lamp Keepers, Vol. 3", "The Lamp Keepers"),
    ("The Lamp Keepers", "The Lamp Keepers 2"),
    ("Saltmarsh, Part 1", "Saltmarsh"),
    ("Saltmarsh, Part 1", "Saltmarsh, Part 2"),
    ("Saltmarsh", "Saltmarsh in Winter"),
    ("Saltmarsh", "Saltmarsh and Other Stories"),
    ("Saltmarsh", "Saltmarsh: The Graphic Novel"),
    ("Saltmarsh", "Saltmarsh: The Play"),
    ("Saltmarsh", "Saltmarsh: The Graphic Novel, Vol. 1"),
    ("Saltmarsh", "Saltmarsh: A Graphic History"),
    ("Saltmarsh", "Saltmarsh: Comic Book, Issue 1"),
    ("Saltmarsh", "Saltmarsh: Part 1 Ebb and Flow"),
    ("Herons, Vol. 4: The Reed Bed", "Herons, Vol. 5: The Reed Bed"),
    ("Saltmarsh", "The Saltmarsh Trilogy"),
    ("Tideland: Eastern Reach", "Tideland: Western Reach"),
    ("The Fen Story", "The Fen Storys"),
    ("Saltmarsh (Tideland, #2)", "Saltmarsh (Tideland, #5)"),
    ("The First Lord", "The Last Lord"),
    ("Tideland: Nightfall", "Tideland: Nightfall II"),
    ("Annals, Volume II", "Annals, Volume III"),
    ("", "Saltmarsh"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_one_work_under_two_titles(a: str, b: str) -> None:
    assert same_work(a, b)
    assert same_work(b, a)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_two_works(a: str, b: str) -> None:
    assert not same_work(a, b)
    assert not same_work(b, a)


def test_the_author_in_the_title_is_no_difference() -> None:
    assert same_work("Paul Ash's Saltmarsh", "Saltmarsh", author="Paul Ash")
    assert same_work("The Complete Stories of Paul Ash", "The Complete Stories", author="Paul Ash")


def test_reasons_are_sentences() -> None:
    judgement = judge_works("The Lamp Keepers, Vol. 3", "The Lamp Keepers, Vol. 4")
    assert not judgement.same
    assert judgement.reasons == ("The volumes differ: 3 and 4.",)
