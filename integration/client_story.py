"""What a program does with the client that was generated from the schema: sign in, page through the books, queue a
download, follow a run to its end. It is type-checked against the client, then run: URL, name, password, how many books.
"""

import sys
import time

from unabridged_client import AuthenticatedClient, Client
from unabridged_client.api.admin import admin_login_create, admin_me_retrieve
from unabridged_client.api.books import books_list
from unabridged_client.api.downloads import downloads_create, downloads_retrieve
from unabridged_client.api.runs import runs_retrieve
from unabridged_client.api.scheduler import scheduler_trigger_create
from unabridged_client.models import (
    Book,
    DownloadDetail,
    DownloadInput,
    Error,
    Login,
    LoginInput,
    PaginatedBookList,
    RunAccepted,
    RunDetail,
    User,
)
from unabridged_client.types import UNSET, Unset

PATIENCE_SECONDS = 60.0
MAGNET = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567"
ENDS = {"succeeded", "failed", "cancelled"}


def sign_in(url: str, username: str, password: str) -> AuthenticatedClient:
    found = admin_login_create.sync(client=Client(base_url=url), body=LoginInput(username=username, password=password))
    assert isinstance(found, Login), found
    client = AuthenticatedClient(base_url=url, token=found.access)
    me = admin_me_retrieve.sync(client=client)
    assert isinstance(me, User)
    assert me.username == username
    return client


def all_books(client: AuthenticatedClient, *, limit: int) -> list[Book]:
    books: list[Book] = []
    cursor: str | Unset = UNSET
    while True:
        page = books_list.sync(client=client, limit=limit, cursor=cursor)
        assert isinstance(page, PaginatedBookList), page
        assert len(page.items) <= limit
        books += page.items
        if not isinstance(page.page_info.next_cursor, str):
            assert len(books) == page.total
            return books
        cursor = page.page_info.next_cursor


def queue_download(client: AuthenticatedClient, book: Book) -> DownloadDetail:
    body = DownloadInput(title=book.title, source="manual", magnet_link=MAGNET, book_id=book.id)
    made = downloads_create.sync(client=client, body=body)
    assert isinstance(made, DownloadDetail), made
    again = downloads_create.sync(client=client, body=body)
    assert isinstance(again, Error)
    assert again.code in ("DUPLICATE_RESOURCE", "CONFLICT"), again.code
    read = downloads_retrieve.sync(made.id, client=client)
    assert isinstance(read, DownloadDetail)
    assert [one.id for one in read.books] == [book.id]
    return read


def follow_run(client: AuthenticatedClient, task: str) -> RunDetail:
    accepted = scheduler_trigger_create.sync(task, client=client)
    assert isinstance(accepted, RunAccepted), accepted
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        run = runs_retrieve.sync(accepted.run.id, client=client)
        assert isinstance(run, RunDetail)
        if run.status in ENDS:
            return run
        time.sleep(0.3)
    raise AssertionError(f"the run {accepted.run.id} did not end in {PATIENCE_SECONDS} s")


def main(url: str, username: str, password: str, count: str) -> None:
    client = sign_in(url, username, password)
    books = all_books(client, limit=4)
    assert len(books) == len({book.id for book in books}) == int(count)
    download = queue_download(client, books[0])
    run = follow_run(client, "gap_analysis")
    assert run.status == "succeeded", run
    print(f"{len(books)} books, download {download.id} is {download.status}, run {run.id} {run.status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
