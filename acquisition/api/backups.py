"""`/api/system/backups/`: saving the database and the settings."""

from typing import Any

from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.audit import record
from acquisition.services.backups import delete_backup, list_backups
from acquisition.services.starting import start
from config.api.serializers import RunAcceptedSerializer
from config.api.viewsets import OperationsViewSet


class BackupSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    method = serializers.CharField(allow_blank=True, help_text="sqlite, pg_dump or dumpdata; empty: not readable.")
    version = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField(allow_blank=True)


class BackupsViewSet(OperationsViewSet):
    """Backups."""

    tier = "admin"
    access = dict.fromkeys(("backups", "make_backup", "remove_backup"), "admin")
    lists = frozenset({"backups"})
    orderings = {"backups": (("created_at", "name", "size_bytes"), ())}
    answers = {"backups": BackupSerializer, "make_backup": RunAcceptedSerializer, "remove_backup": BackupSerializer}
    statuses = {"make_backup": 202}

    @action(detail=False)
    def backups(self, request: Request) -> HttpResponseBase:
        """The backups that are there, newest first."""
        return self.page([backup.as_dict() for backup in list_backups()])

    @backups.mapping.post
    def make_backup(self, request: Request) -> Response:
        """Back up the database and the settings."""
        return self.accepted(start("backup", user=request.user))

    @action(detail=False, methods=["delete"], url_path="backups/<str:name>")
    def remove_backup(self, request: Request, name: str) -> Response:
        """Delete one backup; answers what it was."""
        gone = delete_backup(name)
        record("backup.deleted", actor=request.user, target_name=gone.name)
        return self.answer(gone)
