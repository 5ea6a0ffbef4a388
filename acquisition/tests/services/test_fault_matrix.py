"""What the product does when a service misbehaves, in every way: the fault matrix, produced by real HTTP.

The table below is the whole of `docs/reliability.md`'s table; a test holds the two together.
"""

import re
from pathlib import Path

import pytest
from django.conf import settings

from acquisition.domain.states import SENTENCES
from acquisition.tests.services.fault_scenes import FAULTS, SCENES, impatient

FAULT_WORDS = {
    "refused": "connection refused or reset",
    "timeout": "no answer",
    "drip": "a byte now and then",
    "401": "401",
    "403": "403",
    "429": "429, Retry-After 900 s",
    "500": "500",
    "truncated": "cut off in the middle",
    "wrong_type": "a web page",
    "huge": "an endless answer",
}

# (service, fault): the state of what was asked for, seconds until it is asked again, and the words for people.
MATRIX: dict[tuple[str, str], tuple[str, int, str]] = {
    ("Torznab search", "refused"): ("searched again in 1 h", 60, "indexer cannot be reached."),
    ("Torznab search", "timeout"): ("searched again in 1 h", 60, "indexer did not answer in time."),
    ("Torznab search", "drip"): ("searched again in 1 h", 60, "indexer did not answer in time."),
    ("Torznab search", "401"): ("searched again in 1 h", 60, "indexer refused the credentials (401)."),
    ("Torznab search", "403"): ("searched again in 1 h", 60, "indexer refused the credentials (403)."),
    ("Torznab search", "429"): ("searched again in 1 h", 900, "indexer asks us to wait."),
    ("Torznab search", "500"): ("searched again in 1 h", 60, "indexer has trouble (status 500)."),
    ("Torznab search", "truncated"): ("searched again in 1 h", 60, "indexer broke off in the middle of its answer."),
    ("Torznab search", "wrong_type"): ("searched again in 1 h", 60, "indexer answered with a web page."),
    ("Torznab search", "huge"): (
        "searched again in 1 h",
        60,
        "indexer answered more than 2 MB, which no answer of it needs.",
    ),
    ("Torznab fetch", "refused"): ("queued", 60, "indexer cannot be reached."),
    ("Torznab fetch", "timeout"): ("queued", 60, "indexer did not answer in time."),
    ("Torznab fetch", "drip"): ("queued", 60, "indexer did not answer in time."),
    ("Torznab fetch", "401"): ("queued", 60, "indexer refused the credentials (401)."),
    ("Torznab fetch", "403"): ("queued", 60, "indexer refused the credentials (403)."),
    ("Torznab fetch", "429"): ("queued", 900, "indexer asks us to wait."),
    ("Torznab fetch", "500"): ("queued", 60, "indexer has trouble (status 500)."),
    ("Torznab fetch", "truncated"): ("queued", 60, "indexer broke off in the middle of its answer."),
    ("Torznab fetch", "wrong_type"): ("queued", 60, "indexer answered with a web page."),
    ("Torznab fetch", "huge"): ("queued", 60, "indexer answered more than 10 MB, which no answer of it needs."),
    ("LibriVox and the Internet Archive", "refused"): (
        "searched again in 1 h",
        60,
        "The Internet Archive cannot be reached.",
    ),
    ("LibriVox and the Internet Archive", "timeout"): (
        "searched again in 1 h",
        60,
        "The Internet Archive did not answer in time.",
    ),
    ("LibriVox and the Internet Archive", "drip"): (
        "searched again in 1 h",
        60,
        "The Internet Archive did not answer in time.",
    ),
    ("LibriVox and the Internet Archive", "401"): (
        "searched again in 1 h",
        60,
        "LibriVox refused the credentials (401).",
    ),
    ("LibriVox and the Internet Archive", "403"): (
        "searched again in 1 h",
        60,
        "LibriVox refused the credentials (403).",
    ),
    ("LibriVox and the Internet Archive", "429"): (
        "searched again in 1 h",
        900,
        "The Internet Archive asks us to wait.",
    ),
    ("LibriVox and the Internet Archive", "500"): (
        "searched again in 1 h",
        60,
        "The Internet Archive has trouble (status 500).",
    ),
    ("LibriVox and the Internet Archive", "truncated"): (
        "searched again in 1 h",
        60,
        "The Internet Archive broke off in the middle of its answer.",
    ),
    ("LibriVox and the Internet Archive", "wrong_type"): (
        "searched again in 1 h",
        60,
        "The Internet Archive answered text/html where JSON was expected.",
    ),
    ("LibriVox and the Internet Archive", "huge"): (
        "searched again in 1 h",
        60,
        "The Internet Archive answered more than 2 MB, which no answer of it needs.",
    ),
    ("qBittorrent", "refused"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("qBittorrent", "timeout"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("qBittorrent", "drip"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("qBittorrent", "401"): ("queued", 60, "client refused the request (401)."),
    ("qBittorrent", "403"): ("queued", 60, "client refused the request (403)."),
    ("qBittorrent", "429"): ("queued", 60, "client answered with status 429."),
    ("qBittorrent", "500"): ("queued", 60, "client has trouble (status 500)."),
    ("qBittorrent", "truncated"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("qBittorrent", "wrong_type"): ("queued", 60, "client answered something that qBittorrent does not."),
    ("qBittorrent", "huge"): ("queued", 60, "client answered something that qBittorrent does not."),
    ("Transmission", "refused"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("Transmission", "timeout"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("Transmission", "drip"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("Transmission", "401"): ("queued", 60, "client refused us."),
    ("Transmission", "403"): ("queued", 60, "client refused us."),
    ("Transmission", "429"): ("queued", 60, "client answered something that Transmission does not."),
    ("Transmission", "500"): ("queued", 60, "client answered something that Transmission does not."),
    ("Transmission", "truncated"): ("queued", 60, "client cannot be reached or did not answer in time."),
    ("Transmission", "wrong_type"): ("queued", 60, "client answered something that Transmission does not."),
    ("Transmission", "huge"): ("queued", 60, "client answered something that Transmission does not."),
    ("download over HTTP", "refused"): ("downloading", 60, "The built-in downloader cannot be reached."),
    ("download over HTTP", "timeout"): ("downloading", 60, "The built-in downloader did not answer in time."),
    ("download over HTTP", "drip"): ("downloading", 60, "The built-in downloader did not answer in time."),
    ("download over HTTP", "401"): ("abandoned", 0, "The server does not hand out this file (401); it is restricted."),
    ("download over HTTP", "403"): ("abandoned", 0, "The server does not hand out this file (403); it is restricted."),
    ("download over HTTP", "429"): ("downloading", 900, "The built-in downloader asks us to wait."),
    ("download over HTTP", "500"): ("downloading", 60, "The built-in downloader has trouble (status 500)."),
    ("download over HTTP", "truncated"): ("downloading", 60, "The transfer broke off."),
    ("download over HTTP", "wrong_type"): ("failed", 86400, "A web page came instead of the file."),
    ("download over HTTP", "huge"): ("abandoned", 0, "More came than the file should have."),
    ("Audiobookshelf scan", "refused"): ("imported", 0, "Audiobookshelf cannot be reached."),
    ("Audiobookshelf scan", "timeout"): ("imported", 0, "Audiobookshelf did not answer in time."),
    ("Audiobookshelf scan", "drip"): ("imported", 0, "Audiobookshelf did not answer in time."),
    ("Audiobookshelf scan", "401"): ("imported", 0, "Audiobookshelf refused the API key or token (401)."),
    ("Audiobookshelf scan", "403"): ("imported", 0, "Audiobookshelf does not allow this user to do that (403)."),
    ("Audiobookshelf scan", "429"): ("imported", 0, "Audiobookshelf asks us to wait."),
    ("Audiobookshelf scan", "500"): ("imported", 0, "Audiobookshelf has trouble (status 500)."),
    ("Audiobookshelf scan", "truncated"): ("imported", 0, "Audiobookshelf broke off in the middle of its answer."),
    ("Audiobookshelf scan", "wrong_type"): (
        "imported",
        0,
        "Audiobookshelf answered text/html where JSON was expected.",
    ),
    ("Audiobookshelf scan", "huge"): (
        "imported",
        0,
        "The answer is not the list of libraries that Audiobookshelf gives.",
    ),
}
ADDRESS = re.compile(r" at http://127\.0\.0\.1:\d+")
DOCUMENT = Path(settings.BASE_DIR) / "docs" / "reliability.md"
BEGIN, END = "<!-- fault matrix: begin -->", "<!-- fault matrix: end -->"


def table() -> str:
    """The matrix as Markdown."""
    lines = ["| Service | Fault | Then | Left alone for | What people read |", "|---|---|---|---|---|"]
    for (service, fault), (state, seconds, words) in MATRIX.items():
        lines.append(f"| {service} | {FAULT_WORDS[fault]} | {state} | {_span(seconds)} | {words} |")
    return "\n".join(lines)


def _span(seconds: int) -> str:
    if not seconds:
        return "not at all"
    return f"{seconds // 86400} d" if seconds >= 86400 else f"{seconds // 60} min"


def test_every_service_meets_every_fault() -> None:
    assert set(MATRIX) == {(service, fault) for service in SCENES for fault in FAULTS}


@pytest.mark.django_db
@pytest.mark.parametrize("service, fault", MATRIX)
def test_a_fault_ends_in_the_right_state_with_the_right_words(
    service: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    outcome = SCENES[service](fault, tmp_path, monkeypatch)
    state, seconds, words = MATRIX[service, fault]
    assert (outcome.state, outcome.pause_seconds) == (state, seconds)
    said = ADDRESS.sub("", outcome.words)
    assert words in said


def states() -> str:
    """The states and their sentences as rows."""
    return "\n".join(f"| {state.value} | {sentence} |" for state, sentence in SENTENCES.items())


def test_the_document_shows_the_matrix_and_the_states() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == table(), f"Put the output of table() between the marks in {DOCUMENT.name}."
    assert states() in text, f"Put the output of states() under the heading in {DOCUMENT.name}."
