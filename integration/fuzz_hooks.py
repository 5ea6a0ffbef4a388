"""How schemathesis is told about this API: the caller stays alive, nothing outside is called, 503 has a reason."""

import json
import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import schemathesis

CALLER = int(os.environ["UNABRIDGED_TEST_CALLER"])
NOBODY = 999_999_999
OWN = ("/api/admin/users/{id}/", "/api/admin/users/{id}/password/", "/api/admin/keys/{id}/")
NOWHERE = "127.0.0.1:9"
OUTSIDE = {"SERVICE_UNAVAILABLE"}
LONGEST_STREAM_SECONDS = 0


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """The caller's own account and key are not changed, addresses lead nowhere, and streams end at once."""
    if case.path in OWN and case.method != "GET" and str((case.path_parameters or {}).get("id")) == str(CALLER):
        case.path_parameters["id"] = NOBODY
    if case.path == "/api/events/" and isinstance(case.query, dict) and isinstance(case.query.get("seconds", 60), int):
        case.query["seconds"] = min(case.query.get("seconds", 60), LONGEST_STREAM_SECONDS)
    if isinstance(case.body, dict | list):
        case.body = harmless(case.body)


def harmless(value: Any) -> Any:
    """The value with each address of another host replaced."""
    if isinstance(value, dict):
        return {name: harmless(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [harmless(inner) for inner in value]
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        try:
            return urlunsplit(urlsplit(value)._replace(netloc=NOWHERE))
        except ValueError:
            return f"http://{NOWHERE}"
    return value


@schemathesis.check
def outages_are_of_others(ctx: Any, response: Any, case: Any) -> None:
    """Nothing but an outside service may be out of order: not the database, and not we."""
    if response.status_code not in (502, 503):
        return
    body = json.loads(response.content)
    if response.status_code == 503 and body["code"] not in OUTSIDE and not body["code"].endswith("_ERROR"):
        raise AssertionError(f"{response.status_code} {body['code']}: {body['message']}")
    if body["code"].startswith("DATABASE"):
        raise AssertionError(f"{body['code']}: {body['message']}")
