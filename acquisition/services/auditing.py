"""Entries of the audit trail for what is changed in services and settings."""

from collections.abc import Mapping
from typing import Any

from accounts.models import AuditEntry, User
from config import request_ids


def audit(
    action: str, *, user: User | None, target_type: str = "", target: str = "", detail: Mapping[str, Any] | None = None
) -> None:
    """Write one entry. `detail` holds no secrets."""
    AuditEntry.objects.create(
        actor=user,
        actor_name=user.get_username() if user else "",
        action=action[:60],
        target_type=target_type[:60],
        target_name=target[:200],
        detail=dict(detail or {}),
        request_id=request_ids.current.get()[:64],
    )
