"""`/api/renames/`: what the shelf would be called by its naming template, renaming it, and taking that back."""

from dataclasses import asdict
from typing import Any

import django_filters
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.models import Rename, RenameStatus
from acquisition.services.rename_plan import plan_renames
from acquisition.services.renaming import start_renaming, start_undoing
from config.api.filter_fields import BIGGEST_ID, IdFilter
from config.api.serializers import RunAcceptedSerializer, StrictSerializer
from config.api.viewsets import ReadOnlyViewSet
from library.models import LibraryRoot
from scheduling.models import Run


class RenameFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=RenameStatus.choices)
    root = django_filters.CharFilter(field_name="root__name", help_text="The name of a library root.")
    run = IdFilter(field_name="run_id", help_text="An id.")


class RenameStepSerializer(serializers.Serializer[Any]):
    old = serializers.CharField()
    new = serializers.CharField()


class RenameSerializer(serializers.ModelSerializer[Rename]):
    root = serializers.CharField(source="root.name", read_only=True)
    run_id = serializers.IntegerField(allow_null=True, read_only=True)
    copy_id = serializers.IntegerField(allow_null=True, read_only=True)

    class Meta:
        model = Rename
        fields = (
            "id", "status", "root", "run_id", "copy_id", "old_path", "new_path", "error_code", "error_message",
            "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class RenameDetailSerializer(RenameSerializer):
    steps = RenameStepSerializer(many=True, read_only=True)

    class Meta(RenameSerializer.Meta):
        fields = (*RenameSerializer.Meta.fields, "steps", "position")
        read_only_fields = fields


class PlannedRenameSerializer(serializers.Serializer[Any]):
    copy_id = serializers.IntegerField()
    book_id = serializers.IntegerField()
    title = serializers.CharField()
    old_path = serializers.CharField()
    new_path = serializers.CharField()
    steps = RenameStepSerializer(many=True, help_text="Each is one rename on the disk; paths are relative to the root.")
    code = serializers.CharField(allow_blank=True, help_text="Why it cannot be done; empty: it can.")
    reason = serializers.CharField(allow_blank=True)


class RenamePreviewSerializer(serializers.Serializer[Any]):
    root = serializers.CharField()
    total = serializers.IntegerField(help_text="Copies whose names would change.")
    fitting = serializers.IntegerField(help_text="Copies that have their name.")
    unnamed = serializers.IntegerField(help_text="Copies that are left alone: no book is certain for them.")
    items = PlannedRenameSerializer(many=True)


def existing_root(identity: int) -> LibraryRoot:
    root = LibraryRoot.objects.filter(pk=identity).first()
    if root is None:
        raise serializers.ValidationError(f"No library root has the id {identity}.", code="does_not_exist")
    return root


class PreviewQuery(StrictSerializer):
    root_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, help_text="A library root.")
    offset = serializers.IntegerField(min_value=0, max_value=10**7, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)

    def validate_root_id(self, identity: int) -> LibraryRoot:
        return existing_root(identity)


class ApplyInput(StrictSerializer):
    root_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID)
    copy_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=BIGGEST_ID),
        max_length=5000,
        required=False,
        help_text="Only these copies; by default all that can be renamed.",
    )

    def validate_root_id(self, identity: int) -> LibraryRoot:
        return existing_root(identity)


class UndoInput(StrictSerializer):
    run_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, help_text="The run that renamed.")

    def validate_run_id(self, identity: int) -> Run:
        run = Run.objects.filter(pk=identity).first()
        if run is None:
            raise serializers.ValidationError(f"No run has the id {identity}.", code="does_not_exist")
        return run


class RenameViewSet(ReadOnlyViewSet):
    """The journal of renames, newest first."""

    queryset = Rename.objects.select_related("root")
    serializer_class = RenameSerializer
    filterset_class = RenameFilters
    ordering_fields = ("created_at", "finished_at", "old_path", "status")
    ordering = ("-created_at",)
    answers = {
        "retrieve": RenameDetailSerializer,
        "preview": RenamePreviewSerializer,
        "apply": RunAcceptedSerializer,
        "undo": RunAcceptedSerializer,
    }
    queries = {"preview": PreviewQuery}
    inputs = {"apply": ApplyInput, "undo": UndoInput}
    statuses = {"apply": 202, "undo": 202}

    @action(detail=False)
    def preview(self, request: Request) -> Response:
        """What the copies of a root would be called, and what stands against it; nothing is touched."""
        plan = plan_renames(root=self.query["root_id"])
        start = self.query["offset"]
        shown = plan.rows[start : start + self.query["limit"]]
        return self.answer(
            {
                "root": plan.root.name,
                "total": len(plan.rows),
                "fitting": plan.fitting,
                "unnamed": plan.unnamed,
                "items": [asdict(row) for row in shown],
            }
        )

    @action(detail=False, methods=["post"])
    def apply(self, request: Request) -> Response:
        """Rename every copy of a root that can be, or some of them."""
        return self.accepted(start_renaming(root=self.body["root_id"], copy_ids=self.body.get("copy_ids")))

    @action(detail=False, methods=["post"])
    def undo(self, request: Request) -> Response:
        """Take all renames of a run back."""
        return self.accepted(start_undoing(run=self.body["run_id"]))
