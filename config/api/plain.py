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
        is_ours = method in self.http_method_names and method != "options" and hasattr(self, method)
        self.action = method if is_ours else None
        super().initial(request, *args, **kwargs)
