"""The row of a copy follows its folder that we renamed."""

import datetime

from library.domain.facts import CopyFacts
from library.models import Copy, LibraryRoot
from library.services.ownership import refresh_ownership, remove_orphans
from library.services.shelf import adopt_copy


def follow_rename(
    *, copy_id: int, root: LibraryRoot, facts: CopyFacts, book_id: int | None, now: datetime.datetime
) -> None:
    """Write the copy as it stands at its new path, still of this book.

    A reading of the library may have seen the folder under its new name before us: then there is one row too many, and
    perhaps a book that only this row spoke for. Call it in a transaction.
    """
    others = root.copies.filter(path=facts.path).exclude(pk=copy_id)
    own = Copy.objects.filter(pk=copy_id)
    seen = {pk for pk in (*others.values_list("book_id", flat=True), *own.values_list("book_id", flat=True)) if pk}
    others.delete()
    own.update(path=facts.path, book=book_id)
    adopt_copy(root=root, facts=facts, now=now)
    strangers = seen - {book_id}
    refresh_ownership([*strangers, *([book_id] if book_id else [])])
    remove_orphans(strangers, with_gaps=True)
