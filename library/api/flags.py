"""A filter by true or false that refuses anything else."""

from typing import Any

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

VALUES = {"true": True, "false": False, "1": True, "0": False}


@extend_schema_field(OpenApiTypes.BOOL)
class FlagFilter(django_filters.TypedChoiceFilter):
    """`true` or `false`, in any case, also `1` or `0`. django-filter's own takes what it does not know for nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        spellings = [(text, text) for word in VALUES for text in {word, word.title(), word.upper()}]
        super().__init__(*args, choices=spellings, coerce=lambda text: VALUES[text.lower()], **options)
