"""The front page, and the small JSON answer that keeps its bars moving."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse

from acquisition.domain.states import SENTENCES, DownloadState
from acquisition.models import Download
from acquisition.services.overview import (
    Notice,
    books_missing,
    downloads_under_way,
    gaps_by_reason,
    has_library,
    library_figures,
    nearest_series,
    notices,
    runs_under_way,
)
from config.admin_base import ADMIN, MODERATOR, has_role
from config.admin_display import change_url, list_url, size
from config.admin_site import site
from library.admin.shelf import AddFolderForm, AddServerForm
from scheduling.domain.jobs import JOBS
from scheduling.models import UNFINISHED, Run

CIRCLE = 100.0
WORDS = {
    "missing": "missing",
    "covered": "covered by another",
    "upcoming": "not out yet",
    "other_language": "other language only",
    "abridged_only": "abridged only",
    "dramatised_only": "dramatised only",
    "not_dramatised": "not dramatised",
    "other_narrator": "other narrator",
    "excluded": "excluded by you",
    "not_followed": "not followed",
    "no_position": "no position",
}


def front(request: HttpRequest) -> dict[str, Any]:
    """What the front page shows."""
    if not has_library():
        return {
            "is_new": True,
            "folder_form": AddFolderForm(prefix="folder"),
            "server_form": AddServerForm(prefix="server"),
            "may_add": has_role(request, MODERATOR),
            "may_add_server": has_role(request, ADMIN),
        }
    reasons = gaps_by_reason()
    return {
        "figures": library_figures(),
        "series_rows": [
            {
                "row": row,
                "url": change_url(row),
                "find_url": reverse("admin:library_series_do", args=[row.pk, "acquire"]),
            }
            for row in nearest_series()
        ],
        "gap_counting": books_missing(),
        "gap_total": sum(number for _, number in reasons),
        "slices": _slices(reasons),
        "notices": [{"message": notice.message, "url": _where(notice)} for notice in notices()],
        "downloads": [_download_row(row) for row in downloads_under_way()],
        "runs": [_run_row(row) for row in runs_under_way()],
        "may_work": has_role(request, MODERATOR),
    }


def _slices(reasons: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """Arcs of a circle whose circumference is 100: `length` and the `offset` at which each begins."""
    total = sum(number for _, number in reasons)
    at, found = 0.0, []
    for reason, number in reasons:
        length = CIRCLE * number / total
        found.append(
            {
                "reason": reason.replace("_", "-"),
                "words": WORDS.get(reason, reason),
                "number": number,
                "dash": f"{length:.3f} {CIRCLE - length:.3f}",
                "offset": f"{-at:.3f}",
                "url": list_url("library.gap", f"reason__exact={reason}"),
            }
        )
        at += length
    return found


def _where(notice: Notice) -> str:
    """The page where a notice is put right."""
    if notice.pk is not None:
        return reverse(f"admin:{notice.model.replace('.', '_')}_change", args=[notice.pk])
    return list_url(notice.model, notice.query)


def _download_row(row: Download) -> dict[str, Any]:
    speed = f"{size(row.speed_bytes)}/s" if row.speed_bytes else ""
    sizes = f"{size(row.downloaded_bytes)} of {size(row.size_bytes)}" if row.downloaded_bytes else size(row.size_bytes)
    sentence = row.error_message or SENTENCES[DownloadState(row.status)]
    text = ", ".join(filter(None, [sizes, speed])) if row.status == DownloadState.DOWNLOADING else sentence
    return {
        "id": f"download-{row.pk}",
        "title": row.title,
        "status": row.status,
        "percent": int(100 * row.progress),
        "text": text,
        "url": change_url(row),
        "is_over": row.status in ("imported", "abandoned", "cancelled", "blocked"),
    }


def _run_row(row: Run) -> dict[str, Any]:
    return {
        "id": f"run-{row.pk}",
        "title": JOBS[row.job].title if row.job in JOBS else row.job,
        "status": row.status,
        "percent": None if row.progress is None else int(100 * row.progress),
        "text": row.message or ("Waits for a worker." if row.status == "queued" else ""),
        "url": change_url(row),
        "is_over": row.status not in UNFINISHED,
    }


def progress_view(request: HttpRequest) -> JsonResponse:
    """What is under way, for the script of the pages: `?watch=run-5,download-7` adds rows that have ended."""
    rows = [*map(_download_row, downloads_under_way()), *map(_run_row, runs_under_way())]
    shown = {row["id"] for row in rows}
    for name in request.GET.get("watch", "").split(",")[:50]:
        kind, _, number = name.partition("-")
        if name in shown or not number.isdecimal() or len(number) > 15:
            continue
        if kind == "run":
            rows += [{**_run_row(row), "is_extra": True} for row in Run.objects.filter(pk=number)]
        elif kind == "download":
            rows += [{**_download_row(row), "is_extra": True} for row in Download.objects.filter(pk=number)]
    keys = ("id", "status", "percent", "text", "is_over", "is_extra")
    return JsonResponse({"rows": [{key: row.get(key) for key in keys} for row in rows]})


site.add_page("progress/", progress_view, name="progress")
site.set_front(front)
