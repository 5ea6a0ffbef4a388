"""The calendar of releases, as rows and in the iCalendar format (RFC 5545)."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

LINE = 75


@dataclass(frozen=True, slots=True)
class Release:
    """A book that comes out on a day."""

    book_id: int
    title: str
    author: str
    series: str
    position: str
    day: datetime.date


def write_calendar(releases: Iterable[Release], *, now: datetime.datetime, name: str) -> str:
    """An iCalendar text with an all-day event for each release; lines are folded at 75 octets and end in CRLF."""
    stamp = now.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Unabridged//Releases//EN", "CALSCALE:GREGORIAN"]
    lines.append(f"X-WR-CALNAME:{_escaped(name)}")
    for release in releases:
        end = release.day + datetime.timedelta(days=1)
        place = f"{release.series} {release.position}".strip()
        summary = f"{release.title} – {release.author}" if release.author else release.title
        lines += [
            "BEGIN:VEVENT",
            f"UID:book-{release.book_id}@unabridged",
            f"DTSTAMP:{stamp}",
            f"DTSTART;VALUE=DATE:{release.day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{end:%Y%m%d}",
            f"SUMMARY:{_escaped(summary)}",
            f"DESCRIPTION:{_escaped(place)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _escaped(text: str) -> str:
    for mark in ("\\", ";", ","):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.splitlines())


def _folded(line: str) -> str:
    """Broken before the 76th octet, and never within a character; what follows starts with a space."""
    parts, room, part = [], LINE, ""
    for character in line:
        size = len(character.encode())
        if size > room:
            parts.append(part)
            part, room = "", LINE - 1
        part += character
        room -= size
    return "\r\n ".join([*parts, part])
