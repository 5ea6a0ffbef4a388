"""What the page of a run gains in the library: a reading can be undone."""

from typing import ClassVar

from django.http import HttpRequest

from config.admin_base import button, count_of
from config.admin_site import site
from config.errors import ConflictError
from library.services.reverting import revert_reading
from scheduling.admin import RunAdmin as PlainRunAdmin
from scheduling.models import UNFINISHED, Run


def can_undo(run: Run) -> bool:
    """Only an ended reading that changed something."""
    return run.job == "library_import" and run.status not in UNFINISHED and run.shelf_changes.exists()


class RunAdmin(PlainRunAdmin):
    buttons: ClassVar[tuple[str, ...]] = (*PlainRunAdmin.buttons, "undo_reading")

    @button("Undo this reading", tone="danger", in_list=False, when=can_undo)
    def undo_reading(self, request: HttpRequest, rows: list[Run]) -> str:
        if not can_undo(rows[0]):
            raise ConflictError("This run changed nothing that can be taken back.", context={"run": rows[0].pk})
        counts = revert_reading(rows[0].pk)
        removed, restored = (
            count_of(counts["removed"], "copy", "copies"),
            count_of(counts["restored"], "copy", "copies"),
        )
        return f"{removed} taken out again, {restored} put back as before. No file was touched."


site.unregister(Run)
site.register(Run, RunAdmin)
