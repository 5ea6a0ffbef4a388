"""The audit trail: who did what to whom, from where, in which request."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from accounts.models import AuditEntry, User
from config import request_ids


def record(
    action: str,
    *,
    actor: User | None = None,
    target: Model | None = None,
    target_name: str = "",
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write one entry. `action` is `thing.happened`; `detail` must be JSON and holds no secret. Address and request id
    are those of the request under way, if there is one."""
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=actor.username if actor else "",
        action=action[:60],
        target_type=target._meta.model_name or "" if target else "",
        target_id=str(target.pk) if target else "",
        target_name=(target_name or (str(target) if target else ""))[:200],
        detail=dict(detail or {}),
        address=request_ids.address.get()[:45],
        request_id=request_ids.current.get()[:64],
    )
