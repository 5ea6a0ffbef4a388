"""The floor of benchmarks/api.py: a bare WSGI application, one statement a request, orjson."""

import json
import os
import sqlite3
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson

STATEMENTS = json.loads(Path(os.environ["BENCH_FLOOR"]).read_text())
LOCAL = threading.local()


def _cursor() -> Any:
    if not hasattr(LOCAL, "cursor"):
        url = os.environ.get("DATABASE_URL")
        if url:
            import psycopg

            LOCAL.cursor = psycopg.connect(url, autocommit=True).cursor()
        else:
            path = Path(os.environ["UNABRIDGED_DATA_DIR"]) / "unabridged.sqlite3"
            LOCAL.cursor = sqlite3.connect(path, isolation_level=None).cursor()
    return LOCAL.cursor


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    sql, params = STATEMENTS[urllib.parse.unquote(environ["PATH_INFO"]).lstrip("/")]
    cursor = _cursor()
    cursor.execute(sql if os.environ.get("DATABASE_URL") else sql.replace("%s", "?"), params)
    names = [column[0] for column in cursor.description]
    items = [
        {
            name: orjson.Fragment(value) if name.endswith("_json") and isinstance(value, str) else value
            for name, value in zip(names, row, strict=True)
        }
        for row in cursor.fetchall()
    ]
    body = orjson.dumps({"items": items, "total": len(items)}, default=str)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
