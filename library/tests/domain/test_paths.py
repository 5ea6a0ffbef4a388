import pytest

from library.domain.paths import ParsedPath, parse_path

ASH = ("Paul Ash",)
READ = [
    ("Paul Ash/Saltmarsh", ParsedPath("Saltmarsh", ASH)),
    ("Paul Ash/Tideland/2 - Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    (
        "Paul Ash/Tideland/Vol. 2 - 1994 - Saltmarsh {Ruth Bell}",
        ParsedPath("Saltmarsh", ASH, "Tideland", "2", ("Ruth Bell",), year=1994),
    ),
    ("Paul Ash/Tideland/1994 - Saltmarsh - Volume 2", ParsedPath("Saltmarsh", ASH, "Tideland", "2", year=1994)),
    ("Paul Ash/Tideland/1994 - Saltmarsh [Tideland 2]", ParsedPath("Saltmarsh", ASH, "Tideland", "2", year=1994)),
    (
        "Paul Ash/Tideland/1-3 - The Tideland Set [B0ABCDEF12]",
        ParsedPath("The Tideland Set", ASH, "Tideland", "1-3", asin="B0ABCDEF12"),
    ),
    ("Paul Ash/Tideland/0.5 - Ebb", ParsedPath("Ebb", ASH, "Tideland", "0.5")),
    ("Paul Ash/Tideland/Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland")),
    ("Paul Ash/101 Herons", ParsedPath("101 Herons", ASH)),
    ("Paul Ash/Tideland 2", ParsedPath("Tideland 2", ASH)),
    ("Paul Ash - Saltmarsh", ParsedPath("Saltmarsh", ASH)),
    ("Paul Ash - Tideland/02 Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash - Tideland Series/12 Cold Harbour", ParsedPath("Cold Harbour", ASH, "Tideland", "12")),
    ("Paul Ash - Tideland/Paul Ash - Tideland 02 - Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash - Tideland/Paul Ash -02- Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash - Tideland/Ash, Paul - Tideland 2 - Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("PaulAsh-SaltmarshAtNight", ParsedPath("Saltmarsh At Night", ASH)),
    ("Paul Ash-SaltmarshAtNight", ParsedPath("Saltmarsh At Night", ASH)),
    (
        "PaulAsh-TidelandSeries/1994 - Saltmarsh (Bell) 64k 07.43.51 {210mb}",
        ParsedPath("Saltmarsh", ASH, "Tideland", "", ("Bell",), year=1994),
    ),
    ("1994 - Saltmarsh", ParsedPath("Saltmarsh", year=1994)),
    ("Fiction/Mystery/Paul Ash - [Tideland 02] - Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("/mnt/audiobooks/Paul Ash/Tideland/Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland")),
    ("C:\\Audiobooks\\Paul Ash\\Saltmarsh", ParsedPath("Saltmarsh", ASH)),
    ("Paul Ash/Saltmarsh/CD 1", ParsedPath("Saltmarsh", ASH)),
    (
        "Paul Ash/(Tideland 02) Saltmarsh - read by Ruth Bell",
        ParsedPath("Saltmarsh", ASH, "Tideland", "2", ("Ruth Bell",)),
    ),
    ("Paul Ash & Ruth Bell/Saltmarsh", ParsedPath("Saltmarsh", ("Paul Ash", "Ruth Bell"))),
    ("Paul Ash/Saltmarsh (Unabridged)", ParsedPath("Saltmarsh", ASH, is_abridged=False)),
    ("Paul Ash - 2041 - A Novel", ParsedPath("2041", ASH)),
    ("王明/海 [B0ABCDEF12]", ParsedPath("海", ("王明",), asin="B0ABCDEF12")),
    (
        "Paul Ash/Tideland/Tideland #2 - Saltmarsh/Paul Ash - Saltmarsh.m4b",
        ParsedPath("Saltmarsh", ASH, "Tideland", "2"),
    ),
    ("Paul Ash/Tideland/Book 11", ParsedPath("Book 11", ASH, "Tideland", "11")),
    ("Paul Ash/The Wide Shore/Tideland/02 Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash/Saltmarsh - Tideland, Book 2", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash/Paul Ash - 7.15 to Dover", ParsedPath("7.15 to Dover", ASH)),
    ("Audiobooks/Paul Ash/Saltmarsh", ParsedPath("Saltmarsh", ASH)),
    (
        "Paul Ash/Tideland/03 - Neap (1966) (Unabridged) [MP3 64kbps]",
        ParsedPath("Neap", ASH, "Tideland", "3", year=1966, is_abridged=False),
    ),
    ("PaulMcAsh-AWhisperfromtheFen", ParsedPath("A Whisper from the Fen", ("Paul McAsh",))),
    ("Paul Ash - Fen World/Ash, Paul - Fen World 5 - Saltmarsh", ParsedPath("Saltmarsh", ASH, "Fen World", "5")),
    ("Paul Ash - Tideland - 02 - Saltmarsh", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash - The Tideland - Book 2 - Saltmarsh", ParsedPath("Saltmarsh", ASH, "The Tideland", "2")),
    ("Paul Ash/Tideland/Saltmarsh - Tideland 2", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash/Tideland/Tideland 2 - Saltmarsh.m4b", ParsedPath("Saltmarsh", ASH, "Tideland", "2")),
    ("Paul Ash/Tideland Tales/1 - Tideland.m4b", ParsedPath("Tideland", ASH, "Tideland Tales", "1")),
    ("Paul Ash/Tideland/Tideland 01 - Chapter 1.mp3", ParsedPath("Tideland", ASH)),
    ("Paul Ash/Tideland/1 - (2008) - 2041 A Tale", ParsedPath("2041 A Tale", ASH, "Tideland", "1", year=2008)),
    (
        "(Tideland 02) Saltmarsh - Paul Ash - read by Ruth Bell",
        ParsedPath("Saltmarsh", ASH, "Tideland", "2", ("Ruth Bell",)),
    ),
    ("", ParsedPath()),
    ("/", ParsedPath()),
]


@pytest.mark.parametrize(("path", "expected"), READ)
def test_reads_every_layout(path: str, expected: ParsedPath) -> None:
    assert parse_path(path) == expected
