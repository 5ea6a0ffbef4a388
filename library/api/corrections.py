"""How corrections of metadata are shown."""

from rest_framework import serializers

from library.models import Correction


class CorrectionSerializer(serializers.ModelSerializer[Correction]):
    """One change of one field. `undone_at`: it was taken back."""

    actor = serializers.CharField(source="actor.username", default=None, allow_null=True, read_only=True)
    old = serializers.JSONField(allow_null=True, read_only=True)
    new = serializers.JSONField(allow_null=True, read_only=True)

    class Meta:
        model = Correction
        fields = (
            "id", "book", "field", "old", "new", "source", "old_source", "reason", "run", "actor", "created_at",
            "undone_at",
        )  # fmt: skip
        read_only_fields = fields
