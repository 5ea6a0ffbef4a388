"""The release profile in force for a book: the general one, its library's, and what its series says differently."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services.audit import record
from acquisition.domain.profile import ChosenProfile, Profile, choose_profile
from acquisition.models import ReleaseProfile
from acquisition.services.filing import import_root
from acquisition.services.placing import PlacingError
from config.errors import ConflictError, ValidationError
from library.models import Book, LibraryRoot, Series, SeriesEntry, Setting
from library.services.resolving import chunks
from library.services.settings import change_settings, get_setting

KEY = "profile.default"
SHARED_WITH_GAPS = {
    "languages": "gaps.languages",
    "accepts_abridged": "gaps.accepts_abridged",
    "accepts_dramatised": "gaps.accepts_dramatised",
}


def default_profile() -> Profile:
    """The general profile. What it shares with the gap analysis is stored once, there."""
    stored = Setting.objects.filter(pk=KEY).first()
    values: dict[str, Any] = dict(stored.value or {}) if stored else {}
    values.update({name: get_setting(key) for name, key in SHARED_WITH_GAPS.items()})
    return Profile.from_mapping(values)


def profile_for(book: Book) -> Profile:
    """The profile in force for a book."""
    return profiles_of([book])[book.pk].profile


def profiles_of(
    books: Iterable[Book],
    *,
    general: Profile | None = None,
    stored: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[int, ChosenProfile]:
    """By the books' ids: the general profile, under that of the library it goes into, under its series' preferences;
    where it is in several series, the one that it is mainly in has the last word. `general` and `stored` (values by
    name) take the place of the stored ones, to see what they would do."""
    rows = {book.pk: book for book in books}
    default, libraries = general or default_profile(), _libraries(rows.values(), stored or {})
    series: dict[int, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for ids in chunks(sorted(rows)):
        entries = SeriesEntry.objects.filter(book_id__in=ids).order_by("is_primary", "-pk")
        for pk, name, preference in entries.values_list("book_id", "series__name", "series__preference"):
            series[pk].append((f"the series {name}", preference or {}))
    return {pk: choose_profile(default, [*libraries.get(pk, ()), *series[pk]]) for pk in rows}


def some_profile(**wish: Any) -> bool:
    """Whether any profile, the general one, one of its own or a series' preference, has one of these values."""
    default = asdict(default_profile())
    own = ReleaseProfile.objects.values_list("values", flat=True)
    series = Series.objects.exclude(preference={}).values_list("preference", flat=True)
    return any(values.get(name) == value for values in [default, *own, *series] for name, value in wish.items())


def _libraries(
    books: Iterable[Book], instead: Mapping[str, Mapping[str, Any]]
) -> dict[int, list[tuple[str, Mapping[str, Any]]]]:
    """What the library that each book will be filed in wants differently."""
    named = list(LibraryRoot.objects.filter(is_enabled=True).exclude(profile=""))
    if not named:
        return {}
    stored = {**dict(ReleaseProfile.objects.values_list("name", "values")), **instead}
    found = {}
    marked = LibraryRoot.objects.filter(is_enabled=True, is_import_target=True).exclude(path="").first()
    for book in books:
        root = marked or _near_root(book)
        if root and root.profile in stored:
            found[book.pk] = [(f"the library {root.name}", stored[root.profile] or {})]
    return found


def _near_root(book: Book) -> LibraryRoot | None:
    try:
        return import_root(book)
    except PlacingError:
        return None  # why: without a library to file into there is nothing to ask


def change_profile(*, changes: Mapping[str, Any], user: User | None = None) -> dict[str, dict[str, Any]]:
    """Change the general profile; all or nothing. Returns {field: {old, new}}."""
    old = asdict(default_profile())
    check_values(changes, old)
    with transaction.atomic():
        shared = {SHARED_WITH_GAPS[n]: v for n, v in changes.items() if n in SHARED_WITH_GAPS}
        if shared:
            change_settings(changes=shared, user=user)
        own = {name: value for name, value in changes.items() if name not in SHARED_WITH_GAPS}
        if own:
            row, _ = Setting.objects.get_or_create(pk=KEY, defaults={"value": {}})
            row.value, row.changed_by = {**(row.value or {}), **own}, user
            row.save()
    return {
        name: {"old": _plain(old[name]), "new": value} for name, value in changes.items() if _plain(old[name]) != value
    }


def check_values(changes: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """ValidationError that names every field that is not one, or whose value does not fit."""
    faults = {name: fault for name, value in changes.items() if (fault := _fault(name, value, known))}
    if faults:
        raise ValidationError("The profile is not valid: nothing was changed.", fields=faults)


def save_profile(
    *,
    row: ReleaseProfile,
    name: str | None = None,
    values: Mapping[str, Any] | None = None,
    roots: Sequence[LibraryRoot] | None = None,
    user: User | None,
) -> ReleaseProfile:
    """Make or change a profile of its own. A new name goes on to the libraries that use it; with `roots` exactly these
    go by it from now on. ValidationError when a value
    does not fit or no release could meet it, ConflictError (duplicate_resource) when the name is taken."""
    default, old = asdict(default_profile()), row.name
    if values is not None:
        check_values(values, {key: value for key, value in default.items() if key != "name"})
        check_ranges({key: _plain(value) for key, value in {**default, **values}.items()}, values)
        row.values = dict(values)
    row.name = name or row.name
    try:
        with transaction.atomic():
            is_new = row.pk is None
            row.save()
            if old and old != row.name:
                LibraryRoot.objects.filter(profile=old).update(profile=row.name)
            if roots is not None:
                LibraryRoot.objects.filter(profile=row.name).update(profile="")
                LibraryRoot.objects.filter(pk__in=[root.pk for root in roots]).update(profile=row.name)
            what = "created" if is_new else "changed"
            record(f"release_profile.{what}", actor=user, target=row, detail=dict(row.values))
    except IntegrityError as error:
        raise ConflictError(
            f"The name {row.name} is taken.", code="duplicate_resource", context={"resource": "release profile"}
        ) from error
    return row


def remove_profile(*, row: ReleaseProfile, user: User | None) -> None:
    """Forget a profile; the libraries that used it go by the general one again."""
    with transaction.atomic():
        record("release_profile.deleted", actor=user, target=row)
        LibraryRoot.objects.filter(profile=row.name).update(profile="")
        row.delete()


def attach_roots(rows: Iterable[ReleaseProfile]) -> None:
    """Give each profile `root_ids`: the library roots that go by it, with one query for all."""
    users: dict[str, list[int]] = defaultdict(list)
    for pk, name in LibraryRoot.objects.exclude(profile="").order_by("pk").values_list("pk", "profile"):
        users[name].append(pk)
    for row in rows:
        row.root_ids = users[row.name]  # type: ignore[attr-defined]


RISING = (
    ("minimum_bitrate_kbps", "preferred_bitrate_kbps", "maximum_bitrate_kbps"),
    ("minimum_size_mb", "maximum_size_mb"),
)


def check_ranges(wanted: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """ValidationError when the bounds leave no room for any release."""
    for rising in RISING:
        if not _rises([wanted.get(name) for name in rising]):
            fault = f"These must not fall: {', '.join(f'{name} {wanted.get(name)}' for name in rising)}."
            raise ValidationError(fault, fields=dict.fromkeys([n for n in rising if n in changes] or rising, fault))


def _rises(numbers: Sequence[Any]) -> bool:
    """Whether no number is less than the one before; what is no number is somebody else's complaint."""
    if not all(isinstance(number, int) for number in numbers):
        return True
    return list(numbers) == sorted(numbers)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _fault(name: str, value: Any, known: Mapping[str, Any]) -> str:
    if name not in known:
        return "is not a field of the profile"
    old = known[name]
    if isinstance(old, bool):
        return "" if isinstance(value, bool) else "must be true or false"
    if isinstance(old, tuple):
        texts = (
            isinstance(value, list)
            and len(value) <= 100
            and all(isinstance(v, str) and 0 < len(v) <= 100 for v in value)
        )
        return "" if texts else "must be a list of texts"
    if isinstance(old, int):
        fine = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000
        return "" if fine else "must be a whole number from 0 to 1000000"
    return "" if isinstance(value, str) and len(value) <= 100 else "must be a text"


def profile_rows(chosen: ChosenProfile) -> list[dict[str, Any]]:
    """For people: [{field, value, source}], the source `default` or the library or series that differs."""
    values = asdict(chosen.profile)
    return [
        {"field": name, "value": _plain(value), "source": chosen.source_of(name)}
        for name, value in values.items()
        if name != "name"
    ]
