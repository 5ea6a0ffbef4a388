"""`/api/explain/`: the whole reasoning about a path, a title, a release for a book, or a missing book."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.services.explain import KINDS, explain
from config.api.plain import PlainView
from config.api.schema import READ_ERRORS, error_answers
from config.api.serializers import StrictSerializer


class ExplainQuery(StrictSerializer):
    kind = serializers.ChoiceField(choices=KINDS)
    text = serializers.CharField(
        max_length=2000, help_text="A path below a root, a title, a release's name, or a book: its number or title."
    )
    author = serializers.CharField(max_length=500, required=False, default="", help_text="Of a title, where known.")
    book = serializers.CharField(
        max_length=500, required=False, default="", help_text="For a release: the number or title of the wanted book."
    )


class ExplainedPartSerializer(serializers.Serializer[Any]):
    heading = serializers.CharField()
    lines = serializers.ListField(child=serializers.CharField())


class ExplanationSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    parts = ExplainedPartSerializer(many=True)


class ExplainView(PlainView):
    """How something is read and judged, step by step, in sentences."""

    queries = {"get": ExplainQuery}
    answers = {"get": ExplanationSerializer}

    @extend_schema(responses={200: ExplanationSerializer, **error_answers((*READ_ERRORS, 404))})
    def get(self, request: Request) -> Response:
        return self.answer(explain(**self.query, now=timezone.now()).as_data())
