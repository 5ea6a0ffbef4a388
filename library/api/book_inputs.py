"""What is taken of a book, and its meaning for the services."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from config.api.serializers import StrictSerializer
from library.api.fields import MOST_NAMES, IsbnField, NameField, PersonField
from library.domain.languages import language_code
from library.domain.people import parse_people
from library.models import BookStatus
from library.services.books import BookEdit, Place

MOST_MINUTES = 1_000_000
TEXTS = ("subtitle", "publisher", "language", "description", "abs_id", "import_source", "isbn", "asin")


class PlaceInput(StrictSerializer):
    series = NameField()
    position = serializers.CharField(
        max_length=100, allow_blank=True, required=False, help_text="`2`, `2.5`, `1-3`, or empty."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # A change of some fields of a book still needs each place whole.
        if "series" not in attrs:
            raise serializers.ValidationError({"series": "This field is required."}, code="required")
        return attrs


class BookInput(StrictSerializer):
    title = NameField()
    subtitle = serializers.CharField(max_length=500, allow_blank=True, required=False)
    author = NameField(required=False, help_text="One author, or several as a credit: `A & B`. Or send `authors`.")
    authors = serializers.ListField(child=PersonField(), max_length=MOST_NAMES, required=False)
    series = NameField(
        required=False, min_length=0, allow_null=True, help_text="The primary series; null takes the book out of it."
    )
    series_number = serializers.CharField(
        max_length=100, allow_blank=True, allow_null=True, required=False, help_text="`2`, `2.5`, `1-3`."
    )
    series_entries = PlaceInput(
        many=True,
        required=False,
        max_length=MOST_NAMES,  # type: ignore[call-arg]
        help_text="All its series, the first one the primary.",
    )
    narrators = serializers.ListField(child=PersonField(), max_length=MOST_NAMES, required=False)
    isbn = IsbnField(allow_null=True, allow_blank=True, required=False)
    asin = serializers.RegexField(r"^[A-Z0-9]{10}$", max_length=10, allow_null=True, allow_blank=True, required=False)
    publisher = serializers.CharField(max_length=300, allow_blank=True, allow_null=True, required=False)
    published_year = serializers.IntegerField(min_value=1000, max_value=9999, allow_null=True, required=False)
    language = serializers.CharField(
        max_length=20, allow_blank=True, allow_null=True, required=False, help_text="A code or a name in any language."
    )
    duration_minutes = serializers.IntegerField(
        min_value=0, max_value=MOST_MINUTES, allow_null=True, required=False, help_text="0 and null: not known."
    )
    description = serializers.CharField(max_length=20_000, allow_blank=True, allow_null=True, required=False)
    abs_id = serializers.CharField(max_length=60, allow_blank=True, allow_null=True, required=False)
    import_source = serializers.CharField(max_length=40, allow_blank=True, required=False)

    def validate_author(self, value: str) -> str:
        PersonField().run_validation(value)
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        faults = {}
        if "author" in attrs and "authors" in attrs:
            faults["authors"] = "Send either author or authors."
        if "series_entries" in attrs and ("series" in attrs or "series_number" in attrs):
            faults["series_entries"] = "Send either series_entries or series with series_number."
        if not self.partial and attrs.get("series_number") and not attrs.get("series"):
            faults["series_number"] = "A number needs its series."
        names = [place["series"].casefold() for place in attrs.get("series_entries", ())]
        if len(names) != len(set(names)):
            faults["series_entries"] = "Each series may stand once."
        if faults:
            raise serializers.ValidationError(faults)
        return attrs


class BookChanges(BookInput):
    """All fields are optional; at least one must be there."""

    status = serializers.ChoiceField(BookStatus.choices, required=False)


def as_edit(data: Mapping[str, Any]) -> BookEdit:
    """The validated input as the service takes it."""
    values: dict[str, Any] = {name: data[name] for name in ("title", "published_year", "status") if name in data}
    values |= {name: data[name] or "" for name in TEXTS if name in data}
    if "language" in values:
        values["language"] = language_code(values["language"]) or values["language"]
    if "duration_minutes" in data:
        values["duration_seconds"] = (data["duration_minutes"] or 0) * 60 or None
    if "author" in data:
        values["authors"] = list(parse_people(data["author"]) or (data["author"],))
    for name in ("authors", "narrators"):
        if name in data:
            values[name] = list(data[name])
    places = data.get("series_entries")
    return BookEdit(
        values=values,
        places=None if places is None else [Place(place["series"], place.get("position", "")) for place in places],
        primary_series=(data["series"] or "") if "series" in data else None,
        primary_position=(data["series_number"] or "") if "series_number" in data else None,
    )
