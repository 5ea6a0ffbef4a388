"""What the endpoints under /api/admin/ share: tokens and sessions, but no API keys."""

from config.api.views import KernelView


class AccountsView(KernelView):
    """Keys belong to programs; managing people needs a person."""

    accepts_keys = False
    tier = "admin"
