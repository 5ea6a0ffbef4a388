import pytest

from library.domain.titles import parse_title, series_key, title_key

# title string, title, series, position
READ = [
    ("Saltmarsh (Tideland, #2)", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh (Tideland #2)", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh (Tideland  #2; The Wide Shore  #11)", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh (Tideland, #1-3)", "Saltmarsh", "Tideland", "1-3"),
    ("Saltmarsh (Tideland, Book 2)", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh (Book 2 of the Tideland)", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh [Tideland 02]", "Saltmarsh", "Tideland", "2"),
    ("(Tideland 02) Saltmarsh", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh - Tideland, Book 2", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh: Tideland, Book 2", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh: A LitRPG Adventure - Tideland, Book 2", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh - A Novel of the Tideland, Book 2", "Saltmarsh", "Tideland", "2"),
    ("Saltmarsh - Stories from the Tideland", "Saltmarsh", "Tideland", ""),
    ("Saltmarsh. Book II of the Tideland Cycle", "Saltmarsh", "Tideland Cycle", "2"),
    ("Tideland, Book 2: Saltmarsh", "Saltmarsh", "Tideland", "2"),
    ("Tideland 02 - Saltmarsh", "Saltmarsh", "Tideland", "2"),
    ("Tideland #2 - Saltmarsh", "Saltmarsh", "Tideland", "2"),
    ("The Lamp Keepers, Vol. 3", "The Lamp Keepers", "The Lamp Keepers", "3"),
    ("The Lamp Keepers, Vol. 3 - Light Novel", "The Lamp Keepers", "The Lamp Keepers", "3"),
    ("The Lamp Keepers (Light Novel), Vol. 3", "The Lamp Keepers", "The Lamp Keepers", "3"),
    ("The Lamp Keepers 3", "The Lamp Keepers", "The Lamp Keepers", "3"),
    ("The Lamp Keepers Omnibus, Books 1-3", "The Lamp Keepers Omnibus", "The Lamp Keepers", "1-3"),
    ("Saltmarsh (Unabridged)", "Saltmarsh", "", ""),
    ("Saltmarsh: A Novel", "Saltmarsh", "", ""),
    ("Saltmarsh (Brass Lantern Classics Edition)", "Saltmarsh", "", ""),
    ("Saltmarsh - Tenth Anniversary Edition", "Saltmarsh", "", ""),
    ("Saltmarsh, The", "The Saltmarsh", "", ""),
    ("Saltmarsh: A History of the Tides in Nine Chapters", "Saltmarsh", "", ""),
    ("Tales of the Weir (Tales of the Weir, #1)", "Tales of the Weir", "Tales of the Weir", "1"),
    ("Cold Harbour, Part 2 (Tideland, #4)", "Cold Harbour, Part 2", "Tideland", "4"),
    ("Saltmarsh: The Wide Shore 2", "Saltmarsh", "The Wide Shore", "2"),
    ("Saltmarsh: The Wide Shore II", "Saltmarsh", "The Wide Shore", "2"),
    ("Saltmarsh (1 of 6) [Dramatized Adaptation]: The Wide Shore 2", "Saltmarsh", "The Wide Shore", "2"),
    ("Saltmarsh: Special 20th Anniversary Edition", "Saltmarsh", "", ""),
    ("Saltmarsh (Tideland, #2) (The Wide Shore, #11)", "Saltmarsh", "Tideland", "2"),
    ("Herons: A Life Afloat, Vol. 4", "Herons: A Life Afloat", "Herons: A Life Afloat", "4"),
    ("The Lamp Keepers: Part 1 Volume 2", "The Lamp Keepers", "The Lamp Keepers", "2"),
    ("Saltmarsh, Brass Lantern Edition", "Saltmarsh", "", ""),
    ("Fens in Flood: The Untold Tale of World War II", "Fens in Flood: The Untold Tale of World War II", "", ""),
]


@pytest.mark.parametrize(("text", "title", "series", "position"), READ)
def test_reads_title_series_and_position(text: str, title: str, series: str, position: str) -> None:
    parsed = parse_title(text)
    assert (parsed.title, parsed.series, parsed.position) == (title, series, position)


NO_SERIES = [
    "1984", "2001", "2666", "Apollo 13", "Area 51", "Catch-22", "Ocean's 11", "Fahrenheit 451",
    "The Third Policeman", "Book 3", "Part One", "The Book of Three", "Twelve Angry Men", "Plan 9", "Room 237", "10:04",
    "Henry V", "Malcolm X", "Summer of 69", "The Second Jungle", "Volume", "Lantern Hill (Harbour Books)", "100%",
    "Year One", "Level 7", "Day 5", "300 Days of Rain", "The Girl Who Said No, Part One of My Life",
    "Tideland 3.0", "Richard IX, Part 1",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_SERIES)
def test_invents_no_series(text: str) -> None:
    assert parse_title(text).series == ""


def test_numbers_as_titles_stay_whole() -> None:
    assert parse_title("1984").title == "1984"
    assert parse_title("2001: A Space Romance").title.startswith("2001")


def test_a_known_series_may_stand_before_a_colon() -> None:
    assert parse_title("Tideland: Eastern Reach").series == ""
    assert parse_title("Tideland: Eastern Reach", known_series=("Tideland",)).series == "Tideland"


def test_the_authors_name_is_no_title() -> None:
    assert parse_title("Paul Ash - Saltmarsh", author="Paul Ash").title == "Saltmarsh"
    assert parse_title("Saltmarsh by Paul Ash", author="Paul Ash").title == "Saltmarsh"


def test_flags() -> None:
    assert parse_title("Saltmarsh (Unabridged)").is_abridged is False
    assert parse_title("Saltmarsh (Abridged)").is_abridged is True
    assert parse_title("Saltmarsh").is_abridged is None
    assert parse_title("Saltmarsh (Dramatized Adaptation)").is_dramatised is True


def test_parts_and_further_series() -> None:
    parsed = parse_title("Saltmarsh (Part 1 of 2) (Tideland, #2; The Wide Shore, #11)")
    assert parsed.part is not None
    assert (parsed.part.number, parsed.part.total) == (1, 2)
    assert [(place.series, place.positions.label) for place in parsed.other_series] == [("The Wide Shore", "11")]


def test_keys_ignore_noise_and_keep_volumes() -> None:
    assert title_key("The Saltmarsh (Unabridged)") == title_key("Saltmarsh: A Novel") == "saltmarsh"
    assert title_key("The Lamp Keepers, Vol. 3") != title_key("The Lamp Keepers, Vol. 4")
    assert title_key("Saltmarsh, Part 1") != title_key("Saltmarsh")


def test_series_keys() -> None:
    assert series_key("The Tideland Series") == series_key("Tideland") == series_key("TIDELAND Saga")
    assert series_key("Series") != ""
