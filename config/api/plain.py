"""Views at one address, without a router: health, metrics, schema."""

from typing import Any

from rest_framework.request import Request

from config.api.views import KernelView


class PlainView(KernelView):
    """The action is the method: `access = {"get": "none"}`."""

    action = "get"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = (request.method or "").lower()
        method = "get" if method == "head" else method
        self.action = method if hasattr(self, method) and method != "options" else None
        super().initial(request, *args, **kwargs)
