"""`/api/renames/`: the preview, renaming as a run, the journal, and taking a run back."""

from pathlib import Path
from typing import Any

import pytest

from acquisition.tasks import download_monitor
from acquisition.tests.factories import NOW, make_book, make_context, make_root, make_sound
from library.clients.folders.reader import FolderReader
from library.domain.facts import CopyFacts
from library.models import Copy, LibraryRoot, MatchState
from library.services.shelf import adopt_copy
from scheduling.models import Run
from scheduling.services.context import RunContext

pytestmark = pytest.mark.django_db
SHELF = "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"


@pytest.fixture
def root(tmp_path: Path) -> LibraryRoot:
    root = make_root(tmp_path / "shelf")
    make_sound(tmp_path / "shelf" / "baum" / "ozma" / "a.mp3", seconds=10)
    facts = next(f for f in FolderReader(Path(root.path)).read_only("baum/ozma") if isinstance(f, CopyFacts))
    copy = adopt_copy(root=root, facts=facts, now=NOW)
    Copy.objects.filter(pk=copy.pk).update(book=make_book(), match_state=MatchState.CERTAIN)
    return root


def test_the_preview_shows_old_and_new(viewer: Any, root: LibraryRoot) -> None:
    body = viewer.get(f"/api/renames/preview/?root_id={root.pk}").json()
    assert (body["root"], body["total"], body["fitting"], body["unnamed"]) == ("shelf", 1, 0, 0)
    (row,) = body["items"]
    assert (row["old_path"], row["new_path"], row["code"]) == ("baum/ozma", SHELF, "")
    assert viewer.get(f"/api/renames/preview/?root_id={root.pk}&offset=1").json()["items"] == []


@pytest.mark.parametrize("query", ["", "?root_id=999", "?root_id=x", "?root_id=1&limit=0", "?root_id=1&other=1"])
def test_a_preview_of_nothing_says_what_is_missing(viewer: Any, query: str) -> None:
    answer = viewer.get(f"/api/renames/preview/{query}")
    assert answer.status_code == 400
    assert answer.json()["error"] in ("validation_error", "missing_field")


def test_a_root_without_a_folder_says_what_to_do(viewer: Any) -> None:
    root = LibraryRoot.objects.create(name="away", path="/nowhere/at/all")
    answer = viewer.get(f"/api/renames/preview/?root_id={root.pk}")
    assert (answer.status_code, answer.json()["error"]) == (409, "root_absent")
    assert "mount its disk" in answer.json()["message"]


def _work(run: Run) -> None:
    """As a worker does it."""
    Run.objects.filter(pk=run.pk).update(status="running")
    run.refresh_from_db()
    download_monitor(RunContext(run))


def test_renaming_is_a_run_that_can_be_taken_back(moderator: Any, root: LibraryRoot) -> None:
    answer = moderator.post("/api/renames/apply/", {"root_id": root.pk}, format="json")
    assert answer.status_code == 202
    run = Run.objects.get(lock=f"rename-{root.pk}")
    again = moderator.post("/api/renames/apply/", {"root_id": root.pk}, format="json")
    assert (again.status_code, again.json()["error"]) == (409, "already_running")
    _work(run)
    Run.objects.filter(pk=run.pk).update(status="succeeded")
    rows = moderator.get(f"/api/renames/?run={run.pk}").json()["items"]
    assert [(row["status"], row["new_path"]) for row in rows] == [("done", SHELF)]
    assert moderator.get(f"/api/renames/{rows[0]['id']}/").json()["steps"][0] == {"old": "baum/ozma", "new": SHELF}
    assert moderator.post("/api/renames/undo/", {"run_id": run.pk}, format="json").status_code == 202
    back = Run.objects.filter(lock=f"rename-{root.pk}").latest("pk")
    _work(back)
    assert Copy.objects.get().path == "baum/ozma"


def test_a_run_that_renamed_nothing_cannot_be_taken_back(moderator: Any) -> None:
    run = make_context().run
    assert moderator.post("/api/renames/undo/", {"run_id": run.pk}, format="json").status_code == 404
    assert moderator.post("/api/renames/undo/", {"run_id": 10**9}, format="json").status_code == 400
