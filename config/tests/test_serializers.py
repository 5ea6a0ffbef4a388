"""Input is taken as the JSON type that it is meant to be."""

from typing import Any

import pytest
from rest_framework import serializers

from config.api.serializers import StrictSerializer


class Input(StrictSerializer):
    title = serializers.CharField(required=False, allow_null=True)
    count = serializers.IntegerField(required=False)
    share = serializers.FloatField(required=False)
    is_good = serializers.BooleanField(required=False)
    names = serializers.ListField(child=serializers.CharField(), required=False)
    extra = serializers.JSONField(required=False)


@pytest.mark.parametrize(
    "value",
    [
        {"title": "5"},
        {"title": None},
        {"count": 5},
        {"share": 5},
        {"share": 0.5},
        {"is_good": False},
        {"names": ["a", "b"]},
        {"extra": [1, {"a": None}]},
        {},
    ],
)
def test_takes_the_right_type(value: dict[str, Any]) -> None:
    serializer = Input(data=value)
    assert serializer.is_valid(), serializer.errors
    assert dict(serializer.validated_data) == value


@pytest.mark.parametrize(
    "value",
    [
        {"title": 5},
        {"title": True},
        {"title": ["a"]},
        {"count": "5"},
        {"count": True},
        {"count": 5.5},
        {"count": None},
        {"share": "0.5"},
        {"is_good": "true"},
        {"is_good": 1},
        {"names": ["a", 5]},
        {"names": "a"},
        {"names": {"a": 1}},
    ],
)
def test_refuses_another_and_names_the_field(value: dict[str, Any]) -> None:
    serializer = Input(data=value)
    assert not serializer.is_valid()
    assert set(serializer.errors) == set(value)


def test_query_parameters_are_texts() -> None:
    serializer = Input(data={"count": "5", "is_good": "true"}, context={"is_text": True})
    assert serializer.is_valid()
    assert dict(serializer.validated_data) == {"count": 5, "is_good": True}
