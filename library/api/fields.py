"""Input fields that several resources take, with the limits that the schema shows."""

import re
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from config.api.serializers import StrictSerializer
from library.domain.people import person_key
from library.models import Follow

NOT_BLANK = RegexValidator(r"\S", "Must not be blank.", code="blank")
ASIN = re.compile(r"^[A-Z0-9]{10}$")
ISBN_PATTERN = r"^(97[89][- ]?)?([0-9][- ]?){9}[0-9Xx]$"
MOST_NAMES = 50


def caller(request: Any) -> Any:
    """The user who asks; every endpoint that writes is for users only."""
    return request.user


class NameField(serializers.CharField):
    """A title or a name: 1 to 500 characters, not blank."""

    def __init__(self, **options: Any) -> None:
        options = {"max_length": 500, "min_length": 1, **options}
        super().__init__(validators=[NOT_BLANK], **options)


class PersonField(NameField):
    """A name with at least one letter or digit, because people are known by them."""

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        if not person_key(text):
            raise serializers.ValidationError("A name needs a letter.", code="invalid")
        return text


class IsbnField(serializers.RegexField):
    """An ISBN-10 or ISBN-13, with or without hyphens; kept without."""

    def __init__(self, **options: Any) -> None:
        super().__init__(ISBN_PATTERN, max_length=20, **options)

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data))

    def run_validation(self, data: Any = serializers.empty) -> Any:
        found = super().run_validation(data)
        return re.sub(r"[- ]", "", found).upper() if isinstance(found, str) else found


class FollowInput(StrictSerializer):
    """What series and authors have in common."""

    name = NameField()
    total_books = serializers.IntegerField(min_value=1, max_value=100_000, allow_null=True, required=False)
    follow = serializers.ChoiceField(Follow.choices, required=False)
    identifiers = serializers.DictField(
        child=serializers.CharField(max_length=200), required=False, help_text='{"audible": "B00…"} by provider.'
    )

    def validate_identifiers(self, value: dict[str, str]) -> dict[str, str]:
        if len(value) > MOST_NAMES or any(len(name) > 40 for name in value):
            raise serializers.ValidationError("At most 50 identifiers, with names of at most 40 characters.")
        return value


COMPLETION = (
    "owned_count", "counted_count", "covered_count", "missing_count", "completion_percentage", "completion_status",
    "completion_at",
)  # fmt: skip


class CompletionFields(serializers.Serializer[Any]):
    """The maintained figures of a series or author."""

    owned_count = serializers.IntegerField()
    counted_count = serializers.IntegerField(help_text="Books that count towards completion.")
    covered_count = serializers.IntegerField()
    missing_count = serializers.IntegerField()
    completion_percentage = serializers.IntegerField(
        allow_null=True, help_text="Floor of 100 x covered / counted; null while nothing is known to exist."
    )
    completion_status = serializers.CharField(help_text="complete, partial, incomplete or unknown.")
    completion_at = serializers.DateTimeField(allow_null=True, help_text="When it was counted.")

    def get_fields(self) -> dict[str, Any]:
        """The resource's own fields first."""
        found = super().get_fields()
        return {name: found[name] for name in sorted(found, key=lambda name: name in COMPLETION)}
