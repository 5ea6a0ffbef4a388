"""Database constraints that many models share."""

from collections.abc import Iterable

from django.db import models


def known_values(model: str, field: str, values: Iterable[str]) -> models.CheckConstraint:
    """A check that `field` holds one of the enum's values; named `<model>_<field>_known`."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": list(values)}), name=f"{model}_{field}_known")


def not_negative(model: str, field: str) -> models.CheckConstraint:
    """A check that a number is null or at least zero; named `<model>_<field>_not_negative`."""
    condition = models.Q(**{f"{field}__isnull": True}) | models.Q(**{f"{field}__gte": 0})
    return models.CheckConstraint(condition=condition, name=f"{model}_{field}_not_negative")
