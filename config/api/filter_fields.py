"""Filters by flag and by whole number that refuse anything else, where django-filter's own take it for no filter, or
for a number with decimals."""

from typing import Any

import django_filters
from django import forms
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

VALUES = {"true": True, "false": False, "1": True, "0": False}
BIGGEST_ID = 2**63 - 1


@extend_schema_field(OpenApiTypes.BOOL)
class FlagFilter(django_filters.TypedChoiceFilter):
    """`true` or `false`, in any case, also `1` or `0`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        spellings = [(text, text) for word in VALUES for text in {word, word.title(), word.upper()}]
        super().__init__(*args, choices=spellings, coerce=lambda text: VALUES[text.lower()], **options)


class WholeNumberFilter(django_filters.Filter):
    """A whole number from `least` to `most`; the schema says the same."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, least: int = 0, most: int = BIGGEST_ID, **options: Any) -> None:
        super().__init__(*args, min_value=least, max_value=most, **options)
        # Where drf-spectacular looks for it.
        self._spectacular_annotation = {"field": {"type": "integer", "minimum": least, "maximum": most}}


class IdFilter(WholeNumberFilter):
    """By the id of a related row; one that does not exist has nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, least=1, **options)
