"""How values look in the admin: bars, pills, links, sizes, durations. All is escaped; nothing is styled inline."""

import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

TONES = {
    "complete": "good", "succeeded": "good", "imported": "good", "committed": "good", "certain": "good", "user": "good",
    "accepted": "good", "partial": "fair", "running": "busy", "downloading": "busy", "grabbed": "busy",
    "importing": "busy", "downloaded": "busy", "placing": "busy", "placed": "busy", "queued": "calm",
    "incomplete": "poor", "missing": "poor", "failed": "bad", "blocked": "bad", "abandoned": "bad", "review": "fair",
    "warning": "fair", "error": "bad", "admin": "fair", "moderator": "busy",
}  # fmt: skip


def pill(value: object, tone: str = "", label: str = "") -> SafeString:
    """A word in a coloured pill; the tone follows from known words."""
    word = str(value)
    return format_html(
        '<span class="ub-pill ub-{}">{}</span>', tone or TONES.get(word, "calm"), label or word.replace("_", " ")
    )


def bar(percent: int | float | None, text: str = "", *, tone: str = "") -> SafeString:
    """A bar from 0 to 100 with its figure; its colour tells how full it is, unless a tone is given."""
    if percent is None:
        return format_html('<span class="ub-bar ub-unknown">{}</span>', text or "unknown")
    tone = tone or ("good" if percent >= 100 else "fair" if percent >= 50 else "poor")
    whole = int(percent)
    return format_html(
        '<span class="ub-bar"><progress class="ub-{}" max="100" value="{}" aria-label="{} %"></progress> {}</span>',
        tone, whole, whole, text or f"{whole} %",
    )  # fmt: skip


def change_url(obj: Any) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(obj.pk)])


def list_url(label: str, query: str = "") -> str:
    """The list of a model, `app.model`, with filters."""
    return reverse(f"admin:{label.replace('.', '_')}_changelist") + (f"?{query}" if query else "")


def link(obj: Any, text: str = "") -> SafeString | str:
    """A link to a row's page; nothing for nothing."""
    return format_html('<a href="{}">{}</a>', change_url(obj), text or str(obj)) if obj is not None else "–"


def moment(value: datetime.datetime | None) -> str:
    """`22 Nov 22:27` of this year, `22 Nov 2025` of another, in the server's time zone."""
    if value is None:
        return "–"
    here = timezone.localtime(value)
    return date_format(here, "j M H:i" if here.year == timezone.localtime().year else "j M Y")


def moment_column(field: str, description: str) -> Any:
    """A column of a list for a time, short enough to stand beside others."""

    @admin.display(description=description, ordering=field)
    def show(row: Any) -> str:
        return moment(getattr(row, field))

    show.__name__ = f"short_{field}"
    return show


def size(value: int | None) -> str:
    """Bytes for people, in decimal units as shops and disks use them."""
    if value is None:
        return "–"
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit in ("B", "kB") else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.2f} TB"


def clock(seconds: float | None) -> str:
    """`7:05:30` hours, minutes and seconds."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
