"""Users, API keys and the audit trail."""

from accounts.models.api_key import ApiKey
from accounts.models.audit import AuditEntry
from accounts.models.login import LoginFailure
from accounts.models.user import Role, User

__all__ = ["ApiKey", "AuditEntry", "LoginFailure", "Role", "User"]
