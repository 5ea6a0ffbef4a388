"""`Idempotency-Key` on POSTs: the first answer is kept for a day and given again to a repeat."""

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.callers import caller_of
from config.api.models import KEPT, IdempotentAnswer
from config.api.renderers import FastJSONRenderer
from config.errors import ConflictError, UnprocessableError

GOOD_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def once(view: Any, request: Request, handle: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Handle the request, unless the caller sent the same key, path and body before: then that answer again.

    Only successes are kept; after an error the same key may be tried again. The same key with another body is 422, and
    409 while the first is under way. Views that take no API keys are left out: their answers may hold secrets.
    """
    key = request.headers.get("Idempotency-Key") if request.method == "POST" and view.accepts_keys else None
    if key is None:
        return handle()
    if not GOOD_KEY.fullmatch(key):
        message = "Must be 1 to 255 visible ASCII characters."
        raise ValidationError({"Idempotency-Key": [ErrorDetail(message, code="invalid")]})
    digest = hashlib.sha256(json.dumps(request.data, sort_keys=True).encode()).hexdigest()
    answer, is_first = _claim(caller_of(request), key, request.path[:500], digest)
    if not is_first:
        return _replay(answer, digest)
    with ExitStack() as when_it_fails:
        when_it_fails.callback(answer.delete)
        response = handle()
        when_it_fails.pop_all()
    _keep(answer, response)
    return response


def _claim(caller: str, key: str, path: str, digest: str) -> tuple[IdempotentAnswer, bool]:
    now = timezone.now()
    IdempotentAnswer.objects.filter(created_at__lt=now - KEPT).delete()
    row = {"caller": caller, "key": key, "path": path}
    for _ in range(2):
        try:
            with transaction.atomic():
                return IdempotentAnswer.objects.create(**row, digest=digest, created_at=now), True
        except IntegrityError:
            found = IdempotentAnswer.objects.filter(**row).first()
            if found and not found.is_stale(now):
                return found, False
            IdempotentAnswer.objects.filter(**row, created_at=found.created_at if found else now).delete()
    raise ConflictError("A request with this Idempotency-Key is under way.")


def _replay(answer: IdempotentAnswer, digest: str) -> Response:
    if answer.digest != digest:
        raise UnprocessableError("This Idempotency-Key was used with another body; make a new key for a new request.")
    if answer.status is None:
        raise ConflictError("A request with this Idempotency-Key is under way; ask again when it has ended.")
    headers = {"Idempotent-Replayed": "true", **({"Location": answer.location} if answer.location else {})}
    return Response(json.loads(bytes(answer.body) or b"null"), status=answer.status, headers=headers)


def _keep(answer: IdempotentAnswer, response: HttpResponseBase) -> None:
    if not isinstance(response, Response) or response.status_code >= 400:
        answer.delete()
        return
    answer.status = response.status_code
    answer.body = FastJSONRenderer().render(response.data)
    answer.location = response.get("Location", "")
    answer.save(update_fields=["status", "body", "location"])
