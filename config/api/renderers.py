"""Writing answers: JSON by orjson, CSV as a stream, and the browsable pages."""

import csv
import datetime
import decimal
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from django.db.models import Model
from django.template import loader
from django.utils.encoding import force_str
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.utils.encoders import JSONEncoder

OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def _plain(value: Any) -> Any:
    """What orjson does not write by itself."""
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, str | Promise):
        return force_str(value) if isinstance(value, Promise) else str.__str__(value)
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, decimal.Decimal | datetime.timedelta):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Model):
        return value.pk
    return JSONEncoder().default(value)


class FastJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_plain, option=OPTIONS)
        except TypeError:
            # Numbers beyond 64 bits, which orjson refuses.
            return json.dumps(data, cls=JSONEncoder, ensure_ascii=False).encode()


class CSVRenderer(BaseRenderer):
    """Only names the format: lists stream their rows themselves (`csv_lines`)."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return "".join(csv_lines([data] if data else [])).encode()


class BrowsablePages(BrowsableAPIRenderer):
    """DRF's pages. Bodies are JSON only, so the forms are JSON forms, filled with the fields that may be sent."""

    def get_default_renderer(self, view: Any) -> BaseRenderer:
        return FastJSONRenderer()

    def get_content(
        self, renderer: Any, data: Any, accepted_media_type: str, renderer_context: Mapping[str, Any]
    ) -> str:
        return json.dumps(data, cls=JSONEncoder, ensure_ascii=False, indent=2) if data is not None else ""

    def get_filter_form(self, data: Any, view: Any, request: Any) -> str | None:
        """The filters of a list as a form."""
        listed = getattr(view, "listed", None)
        if listed is None or view.filterset_for_action() is None:
            return None
        form = view.filter_backend().to_html(request, listed, view)
        return loader.get_template(self.filter_template).render({"elements": [form]}) if form else None


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Iterable[str] = ()) -> Iterator[str]:
    """CSV text, line by line, with a heading. Nested lists become `a; b`; nested objects become JSON."""
    writer = csv.writer(_Echo())
    heading = list(columns)
    if heading:
        yield writer.writerow(heading)
    for row in rows:
        if not heading:
            heading = list(row)
            yield writer.writerow(heading)
        yield writer.writerow([_cell(row.get(name)) for name in heading])


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    if isinstance(value, list | tuple):
        simple = all(not isinstance(inner, dict | list) for inner in value)
        return _text("; ".join(str(inner) for inner in value)) if simple else json.dumps(value, cls=JSONEncoder)
    if isinstance(value, dict):
        return json.dumps(value, cls=JSONEncoder, ensure_ascii=False)
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value
