"""Paths of a client's host and ours."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.domain.paths_map import Disk, Missing, PathMapping, explain_missing, to_local, to_remote

NAS = [PathMapping("/downloads", "/mnt/nas/done"), PathMapping("/downloads/books/", "/books")]
WINDOWS = [PathMapping("D:\\Torrents", "/mnt/pc"), PathMapping("\\\\nas\\share\\done", "/mnt/share")]


@pytest.mark.parametrize(
    "remote, local, mappings",
    [
        ("/downloads/Emma", "/mnt/nas/done/Emma", NAS),
        ("/downloads", "/mnt/nas/done", NAS),
        ("/downloads/", "/mnt/nas/done", NAS),
        ("/downloads//Emma/./01.mp3", "/mnt/nas/done/Emma/01.mp3", NAS),
        ("/downloads2/Emma", "/downloads2/Emma", NAS),
        ("/Downloads/Emma", "/Downloads/Emma", NAS),
        ("/downloads/books/Emma", "/books/Emma", NAS),
        ("/downloads/bookshelf", "/mnt/nas/done/bookshelf", NAS),
        ("/downloads/../etc/passwd", "/downloads/../etc/passwd", NAS),
        ("d:\\torrents\\Emma\\01.mp3", "/mnt/pc/Emma/01.mp3", WINDOWS),
        ("D:/Torrents/Emma", "/mnt/pc/Emma", WINDOWS),
        ("D:\\Torrents2\\Emma", "D:\\Torrents2\\Emma", WINDOWS),
        ("\\\\NAS\\Share\\done\\Emma", "/mnt/share/Emma", WINDOWS),
        ("/x", "/x", []),
        ("/x/y", "/root/x/y", [PathMapping("/", "/root")]),
    ],
)
def test_a_path_of_the_client_as_we_see_it(remote: str, local: str, mappings: Sequence[PathMapping]) -> None:
    assert to_local(remote, mappings) == local


@pytest.mark.parametrize(
    "local, remote, mappings",
    [
        ("/books/Emma", "/downloads/books/Emma", NAS),
        ("/mnt/nas/done", "/downloads", NAS),
        ("/mnt/pc/Emma/01.mp3", "D:\\Torrents\\Emma\\01.mp3", WINDOWS),
        ("/mnt/share/Emma", "\\\\nas\\share\\done\\Emma", WINDOWS),
        ("/elsewhere", "/elsewhere", NAS),
    ],
)
def test_a_path_of_ours_as_the_client_sees_it(local: str, remote: str, mappings: Sequence[PathMapping]) -> None:
    assert to_remote(local, mappings) == remote


NAME = st.text(st.characters(blacklist_characters="/\\:\x00", blacklist_categories=("Cs",)), min_size=1, max_size=12)


@given(st.lists(NAME.filter(lambda name: name not in (".", "..")), max_size=4))
def test_there_and_back(parts: list[str]) -> None:
    for mapping in (NAS[0], *WINDOWS):
        local = "/".join([mapping.local, *parts])
        assert to_local(to_remote(local, [mapping]), [mapping]) == local


def disk(tree: dict[str, Sequence[str] | None]) -> Disk:
    """A disk with these folders; None stands for a folder that cannot be read."""
    paths = {f"{folder.rstrip('/')}/{name}" for folder, names in tree.items() for name in names or ()} | set(tree)
    return Disk(exists=lambda path: path in paths, names=lambda path: tree.get(path))


@pytest.mark.parametrize(
    "path, mappings, tree, cause",
    [
        ("", [], {}, Missing.NO_PATH),
        ("Emma", [], {}, Missing.NOT_ABSOLUTE),
        ("D:\\x", [], {}, Missing.FOREIGN_PATH),
        ("/downloads/Emma", NAS, {"/mnt/nas/done": ["Emma"]}, Missing.NOT_MISSING),
        ("/downloads/Emma", NAS, {"/": []}, Missing.ROOT_ABSENT),
        ("/downloads/Emma", NAS, {"/mnt/nas/done": None}, Missing.ROOT_UNREADABLE),
        ("/downloads/Emma", NAS, {"/mnt/nas/done": []}, Missing.ROOT_EMPTY),
        ("/downloads/Emma", NAS, {"/mnt/nas/done": ["emma", "x"]}, Missing.CASE_DIFFERS),
        ("/downloads/Emma", NAS, {"/mnt/nas/done": ["Other"]}, Missing.NOT_THERE),
        ("/downloads/Emma", [], {"/": ["home", "mnt"]}, Missing.NO_MAPPING),
        ("/downloads/Emma", [], {"/": ["downloads"], "/downloads": ["x"]}, Missing.NOT_THERE),
    ],
)
def test_causes_are_told_apart(
    path: str, mappings: Sequence[PathMapping], tree: dict[str, Sequence[str] | None], cause: Missing
) -> None:
    found = explain_missing(path, mappings, disk(tree), client="qBittorrent")
    assert found.cause is cause
    assert found.message.endswith((".", "?"))


def test_the_message_names_both_paths() -> None:
    found = explain_missing("/downloads/Emma", NAS, disk({"/mnt/nas/done": ["Other"]}), client="qBittorrent")
    assert "qBittorrent says '/downloads/Emma', which is mapped to '/mnt/nas/done/Emma'" in found.message
