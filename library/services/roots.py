"""Adding library roots, with the checks that save a user from a long mistake."""

from pathlib import Path

from config.errors import ValidationError
from config.http import host_of
from library.models import Audiobookshelf, LibraryRoot, RootKind


def add_folder(path: str, *, name: str = "") -> LibraryRoot:
    """The root of a folder, made when it is not one yet. ValidationError says what is wrong with the path."""
    folder = Path(path).expanduser()
    if not folder.is_absolute():
        folder = Path.cwd() / folder
    folder = Path(*folder.parts).resolve()
    if not folder.exists():
        raise ValidationError(
            f"{folder} does not exist. Check the spelling, and that its disk is mounted.",
            fields={"path": "does not exist"},
        )
    if not folder.is_dir():
        raise ValidationError(
            f"{folder} is a file. Give the folder that holds the authors' folders.", fields={"path": "is a file"}
        )
    existing = LibraryRoot.objects.filter(kind=RootKind.FOLDER, path=str(folder)).first()
    if existing:
        return existing
    for root in LibraryRoot.objects.filter(kind=RootKind.FOLDER):
        other = Path(root.path)
        if other in folder.parents or folder in other.parents:
            raise ValidationError(
                f"{folder} and the root {root.name} ({root.path}) lie within each other; every book would count twice.",
                fields={"path": "overlaps another root"},
            )
    base = name or folder.name or "library"
    taken = set(LibraryRoot.objects.values_list("name", flat=True))
    unique = base if base not in taken else next(f"{base} {n}" for n in range(2, 10_000) if f"{base} {n}" not in taken)
    is_first = not LibraryRoot.objects.filter(is_import_target=True).exists()
    return LibraryRoot.objects.create(name=unique, kind=RootKind.FOLDER, path=str(folder), is_import_target=is_first)


def add_audiobookshelf(*, url: str, token: str = "", username: str = "", password: str = "") -> Audiobookshelf:
    """The row of a server, made or with its credentials brought up to date."""
    if not url.startswith(("http://", "https://")) or host_of(url).startswith(":"):
        raise ValidationError(
            "The address of Audiobookshelf looks like http://host:13378.", fields={"url": "is not a URL"}
        )
    if not token and not username:
        raise ValidationError(
            "Audiobookshelf needs an API key (Settings, API keys) or a user and password.",
            fields={"token": "is missing"},
        )
    name = "audiobookshelf"
    existing = Audiobookshelf.objects.filter(url=url.rstrip("/")).first()
    if existing is None and Audiobookshelf.objects.filter(name=name).exists():
        name = f"audiobookshelf {host_of(url)}"
    values = {"token": token, "username": username, "password": password}
    server, _ = Audiobookshelf.objects.update_or_create(
        url=url.rstrip("/"), defaults=values, create_defaults={**values, "name": name}
    )
    return server
