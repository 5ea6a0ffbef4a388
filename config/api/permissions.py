"""Who may do what: a role per action, of which views state only the exceptions."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.api.callers import SAFE_METHODS
from config.errors import ForbiddenError

NOBODY = "none"


class RoleAccess(BasePermission):
    """`view.role_for(request)` says the least role; read-only keys may only read."""

    def has_permission(self, request: Request, view: Any) -> bool:
        role = view.role_for(request)
        if role == NOBODY:
            return True
        if not request.user or not request.user.is_authenticated:
            return False
        if request.method not in SAFE_METHODS and getattr(request.auth, "is_read_only", False):
            raise ForbiddenError("This API key may only read.", code="insufficient_permissions")
        if not request.user.has_role(role):
            raise ForbiddenError(f"This needs the role {role}.", code="insufficient_permissions")
        return True
