import pytest

from library.domain.people import parse_people, person_key, same_person, sort_name, surname

CREDITS = [
    ("Wren, Imogen", ["Imogen Wren"]),
    ("Imogen Wren", ["Imogen Wren"]),
    ("Imogen Wren, Paul Ash", ["Imogen Wren", "Paul Ash"]),
    ("Imogen Wren & Paul Ash and Ruth Bell", ["Imogen Wren", "Paul Ash", "Ruth Bell"]),
    ("Wren, Imogen; Ash, Paul", ["Imogen Wren", "Paul Ash"]),
    ("Wren, Imogen, Ash, Paul", ["Imogen Wren", "Paul Ash"]),
    ("Ash, Paul, Jr.", ["Paul Ash Jr."]),
    ("Imogen Wren, PhD, Paul Ash", ["Imogen Wren", "Paul Ash"]),
    ("von Arnheim, Klara", ["Klara von Arnheim"]),
    ("Arnheim, Klara von", ["Klara von Arnheim"]),
    ("Lima e Castro, João de", ["João de Lima e Castro"]),
    ("Benedict of Melk, Saint", ["Saint Benedict of Melk"]),
    ("Read by Imogen Wren", ["Imogen Wren"]),
    ("written by Paul Ash", ["Paul Ash"]),
    ("Narrated by: Imogen Wren, Paul Ash", ["Imogen Wren", "Paul Ash"]),
    ("Gelesen von Klara Arnheim", ["Klara Arnheim"]),
    ("Imogen Wren (Narrator), Paul Ash (Translator)", ["Imogen Wren", "Paul Ash"]),
    ("Paul Ash - foreword", ["Paul Ash"]),
    ("Paul Ash (Quill)", ["Paul Ash (Quill)"]),
    ("Janet & Simon Fell", ["Janet Fell", "Simon Fell"]),
    ("Robert Fell Susan Oakes", ["Robert Fell", "Susan Oakes"]),
    ("R.J. Fell Susan Oakes", ["R.J. Fell", "Susan Oakes"]),
    ("Mary Anne Susan Oakes", ["Mary Anne Susan Oakes"]),
    ("Department of Trade and Fisheries", ["Department of Trade and Fisheries"]),
    ("Paul Ash, Northern Film Company", ["Paul Ash", "Northern Film Company"]),
    ("Paul Ash, Paul Ash", ["Paul Ash"]),
    ("Thorn, Aubrey, Lord", ["Lord Aubrey Thorn"]),
    ("Simon, the Tanner", ["Simon the Tanner"]),
    ("Ash, Paul (1828-1905)", ["Paul Ash"]),
    ("Anonymous, Paul Ash", ["Anonymous", "Paul Ash"]),
    ("Conyers Thorn, Sir Aubrey", ["Sir Aubrey Conyers Thorn"]),
    ("Thorn, Aubrey, fils", ["Aubrey Thorn fils"]),
    ("Marquis de Thorn, Orla Wren", ["Marquis de Thorn", "Orla Wren"]),
    ("Lothar von Arnheim, Emily Oakes", ["Lothar von Arnheim", "Emily Oakes"]),
    ("Lothar von Arnheim, Orla P. Wren", ["Lothar von Arnheim", "Orla P. Wren"]),
    ("Vega, The Tide", ["Vega", "The Tide"]),
    ("Orla Wren, Grant Blake", ["Orla Wren", "Grant Blake"]),
    ("Various Authors", []),
    ("a full cast", []),
    ("Narrator", []),
    ("  ", []),
    ("Лидия Орлова, Иван Зимин", ["Лидия Орлова", "Иван Зимин"]),
    ("王明, 陈红", ["王明", "陈红"]),
    ("Paul Ash et al.", ["Paul Ash"]),
    ("III, Edward Marsh", ["Edward Marsh III"]),
]


@pytest.mark.parametrize(("credit", "people"), CREDITS)
def test_reads_the_persons_of_a_credit(credit: str, people: list[str]) -> None:
    assert list(parse_people(credit)) == people


SAME = [
    ("Fell, P.D.", "P. D. Fell"),
    ("Peter D. Fell", "P.D. Fell"),
    ("Peter Fell", "Peter D. Fell"),
    ("PD Fell", "P. D. Fell"),
    ("Bob Marsh", "Robert Marsh"),
    ("Zoë Brandt", "Zoe Brandt"),
    ("Jörg Müller", "Joerg Mueller"),
    ("Sir Peter Fell", "Peter Fell"),
    ("Peter Fell, PhD", "Peter Fell"),
    ("Peter Fell Jr.", "Peter Fell"),
    ("Imogen Hawthorne", "Imogen Hawthorn"),
    ("PETER  FELL", "peter fell"),
    ("王 明", "王明"),
]
DIFFERENT = [
    ("Anne Marsh", "Emily Marsh"),
    ("Peter Fell", "Peter Bell"),
    ("P. D. Fell", "P. Q. Fell"),
    ("Peter Fell Jr.", "Peter Fell Sr."),
    ("Fell", "Peter Fell"),
    ("Peter Fell", "Peter Fell - The Long Road"),
    ("Peter Fell & Ann Marsh", "Peter Fell"),
    ("", "Peter Fell"),
    ("", ""),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_spellings_of_one_name_are_one_person(a: str, b: str) -> None:
    assert same_person(a, b)
    assert same_person(b, a)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_other_names_are_other_persons(a: str, b: str) -> None:
    assert not same_person(a, b)
    assert not same_person(b, a)


def test_keys_are_equal_for_order_points_and_case() -> None:
    assert {person_key(name) for name in ("Fell, P. D.", "P.D. Fell", "pd fell", "P. D. FELL Jr.")} == {"pd fell"}
    assert person_key("Peter Fell Sr.") != person_key("Peter Fell")


SORTED = [
    ("Peter D. Fell", "Fell, Peter D."),
    ("Fell, Peter", "Fell, Peter"),
    ("Edward Marsh Jr.", "Marsh, Edward Jr."),
    ("Homer", "Homer"),
    ("Benedict of Melk", "Benedict of Melk"),
    ("Orla P. Le Brun", "Le Brun, Orla P."),
    ("Klara von Arnheim", "Arnheim, Klara von"),
    ("王 明", "王 明"),
]


@pytest.mark.parametrize(("name", "expected"), SORTED)
def test_sorts_by_family_name(name: str, expected: str) -> None:
    assert sort_name(name) == expected


def test_surname_is_the_last_name() -> None:
    assert surname("Fell, Peter") == surname("Peter Fell Jr.") == "fell"
