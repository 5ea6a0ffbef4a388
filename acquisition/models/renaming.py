"""The journal of renaming what is on the shelf: written before the disk is touched, so that it can be undone."""

from django.db import models

from config.constraints import known_values
from library.models import Copy, LibraryRoot


class RenameStatus(models.TextChoices):
    """`moving`: steps are being done; `reverting` and `undoing`: they are being taken back, to `failed` and `undone`."""

    PLANNED = "planned"
    MOVING = "moving"
    REVERTING = "reverting"
    UNDOING = "undoing"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


class Rename(models.Model):
    """One copy that is given other names. All paths are relative to the root; a step is one rename on the disk."""

    run = models.ForeignKey("scheduling.Run", null=True, blank=True, on_delete=models.SET_NULL, related_name="renames")
    root = models.ForeignKey(LibraryRoot, on_delete=models.CASCADE, related_name="renames")
    copy = models.ForeignKey(Copy, null=True, blank=True, on_delete=models.SET_NULL, related_name="renames")
    old_path = models.CharField(max_length=1000)
    new_path = models.CharField(max_length=1000)
    steps = models.JSONField(default=list, help_text="[{old, new}], in order.")
    position = models.PositiveIntegerField(default=0, help_text="How many steps are done.")
    status = models.CharField(max_length=20, choices=RenameStatus.choices, default=RenameStatus.PLANNED)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "-id"], name="rename_status")]
        constraints = [known_values("rename", "status", RenameStatus.values)]

    def __str__(self) -> str:
        return f"{self.old_path} → {self.new_path}"
