"""Signing in, staying signed in, being refused, and the check that an administrator sees."""

from collections.abc import Iterator
from typing import Any

import pytest

from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from library.clients.audiobookshelf import AudiobookshelfClient
from library.tests.fake_audiobookshelf import API_KEY, LIMITED_KEY, OLD_TOKEN, PASSWORD, FakeAudiobookshelf
from library.tests.fake_audiobookshelf_items import LIBRARY_ID
from library.tests.fake_http import FakeServer, Fault


@pytest.fixture
def server() -> Iterator[FakeAudiobookshelf]:
    with FakeAudiobookshelf(items=3) as server:
        yield server


def client_of(server: FakeServer, **options: Any) -> AudiobookshelfClient:
    return AudiobookshelfClient(server.url, **{"sleep": lambda seconds: None, "timeout": (2.0, 2.0), **options})


def signed_in(server: FakeAudiobookshelf, **options: Any) -> tuple[AudiobookshelfClient, list[tuple[str, str]]]:
    kept: list[tuple[str, str]] = []
    client = client_of(server, username="root", password=PASSWORD, on_tokens=lambda *pair: kept.append(pair), **options)
    return client, kept


@pytest.mark.parametrize("token", [API_KEY, f"Bearer {API_KEY}", f"  {API_KEY}\n", OLD_TOKEN])
def test_a_key_or_an_old_token_works_without_signing_in(server: FakeAudiobookshelf, token: str) -> None:
    [library] = client_of(server, token=token).libraries()
    assert (library.id, library.name, library.folders) == (LIBRARY_ID, "Sample", ("/audiobooks",))
    assert library.last_scan
    assert server.paths() == ["/api/libraries"]


def test_a_password_signs_in_once_and_the_tokens_are_handed_over(server: FakeAudiobookshelf) -> None:
    client, kept = signed_in(server)
    client.libraries()
    client.libraries()
    assert kept == [("access-token-1", "refresh-token-1")]
    assert server.paths("POST") == ["/login"]


def test_an_expired_access_token_is_renewed_and_the_new_pair_is_kept(server: FakeAudiobookshelf) -> None:
    server.access_uses = 2
    client, kept = signed_in(server)
    for _ in range(5):
        client.libraries()
    assert [pair[1] for pair in kept] == ["refresh-token-1", "refresh-token-2", "refresh-token-3"]
    assert server.paths("POST") == ["/login", "/auth/refresh", "/auth/refresh"]


def test_kept_tokens_are_taken_up_again_by_another_client(server: FakeAudiobookshelf) -> None:
    server.access_uses = 1
    client, kept = signed_in(server)
    client.libraries()
    access, refresh = kept[-1]
    again = client_of(server, token=access, refresh_token=refresh, on_tokens=lambda *pair: kept.append(pair))
    assert again.libraries()
    assert kept[-1] == ("access-token-2", "refresh-token-2")


def test_a_dead_refresh_token_falls_back_to_the_password(server: FakeAudiobookshelf) -> None:
    server.access_uses = 1
    client, kept = signed_in(server)
    client.libraries()
    server.forget_refresh_tokens()
    assert client.libraries()
    assert server.paths("POST") == ["/login", "/auth/refresh", "/login"]
    assert kept[-1] == ("access-token-2", "refresh-token-2")


def test_a_dead_refresh_token_without_a_password_is_refused_and_not_sent_again(server: FakeAudiobookshelf) -> None:
    client = client_of(server, token="expired", refresh_token="dead")
    for _ in range(3):
        with pytest.raises(Rejected, match="make a new API key"):
            client.libraries()
    assert server.paths("POST") == ["/auth/refresh"]


def test_a_wrong_password_is_tried_once_only(server: FakeAudiobookshelf) -> None:
    client = client_of(server, username="root", password="wrong-secret")
    for _ in range(4):
        with pytest.raises(Rejected, match="user name or password") as caught:
            client.libraries()
        assert "wrong-secret" not in str(caught.value)
        assert "wrong-secret" not in repr(client.__dict__)
    assert server.paths() == ["/login"]


def test_a_token_that_is_refused_even_when_new_does_not_loop(server: FakeAudiobookshelf) -> None:
    server.access_uses = 0
    client, _ = signed_in(server)
    with pytest.raises(Rejected, match="401"):
        client.libraries()
    assert server.paths().count("/login") == 1
    assert server.paths().count("/auth/refresh") <= 1


def test_too_many_sign_ins_are_waited_out(server: FakeAudiobookshelf) -> None:
    server.sign_ins_left = 0
    now = [1000.0]
    client = client_of(server, username="root", password=PASSWORD, clock=lambda: now[0])
    with pytest.raises(Unavailable, match="no more sign-ins") as caught:
        client.libraries()
    assert caught.value.retry_after == 600
    now[0] += 599
    with pytest.raises(Unavailable):
        client.libraries()
    assert server.paths() == ["/login"]
    server.sign_ins_left = 40
    now[0] += 2
    assert client.libraries()


def test_without_credentials_nothing_is_sent(server: FakeAudiobookshelf) -> None:
    with pytest.raises(Rejected, match="No API key"):
        client_of(server).libraries()
    assert server.requests == []


@pytest.mark.parametrize("version", ["2.3.3", "2.25.1"])
def test_servers_before_api_keys_give_the_old_token(version: str) -> None:
    with FakeAudiobookshelf(items=1, version=version) as server:
        client, kept = signed_in(server)
        assert client.libraries()
        assert kept == [(OLD_TOKEN, "")]
        health = client.check()
        assert health.version == version
        assert any("no API keys" in warning for warning in health.warnings)


def test_a_prefix_of_a_reverse_proxy_is_kept() -> None:
    with FakeAudiobookshelf(items=1, prefix="/audiobookshelf") as server:
        client = AudiobookshelfClient(server.url + "/audiobookshelf/", token=API_KEY)
        assert client.status().version == "2.36.0"
        assert client.libraries()


# --- The check ----------------------------------------------------------------------------------------------------


def test_a_healthy_server(server: FakeAudiobookshelf) -> None:
    health = client_of(server, token=API_KEY).check()
    assert (health.version, health.user.name, health.user.type) == ("2.36.0", "root", "root")
    assert health.permissions["update"] is True
    assert [library.id for library in health.libraries] == [LIBRARY_ID]
    assert health.warnings == ()


def test_a_reader_cannot_scan_and_is_shown_less(server: FakeAudiobookshelf) -> None:
    server.has_watcher = False
    warnings = "\n".join(client_of(server, token=LIMITED_KEY).check().warnings)
    assert "cannot start scans" in warnings
    assert "watcher is off for: Sample" in warnings
    assert "explicit books" in warnings


def test_a_library_that_may_not_be_read_and_one_never_scanned(server: FakeAudiobookshelf) -> None:
    server.forbidden.add(LIBRARY_ID)
    assert any("cannot be read" in one for one in client_of(server, token=API_KEY).check().warnings)
    with FakeAudiobookshelf() as empty:
        empty.last_scan = None
        assert any("never scanned" in one for one in client_of(empty, token=API_KEY).check().warnings)


def test_a_slow_server_is_said_to_be_slow(server: FakeAudiobookshelf) -> None:
    ticks = iter(range(0, 10_000, 3))
    health = client_of(server, token=API_KEY, clock=lambda: float(next(ticks))).check()
    assert any("slow" in warning for warning in health.warnings)


def test_a_server_that_is_not_set_up(server: FakeAudiobookshelf) -> None:
    server.is_initialised = False
    assert client_of(server).status().is_initialised is False
    with pytest.raises(Rejected, match="not set up yet") as caught:
        client_of(server, token=API_KEY).check()
    assert caught.value.code == "not_initialised"


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Fault("drop"), Unavailable, "cannot be reached"),
        (Fault("slow", seconds=0.15), Unavailable, "did not answer in time"),
        (Fault("drip", seconds=0.15), Unavailable, "took more than"),
        (Fault("html"), Malformed, "web page"),
        (Fault("status", status=401, body="Unauthorized"), Rejected, "refused"),
        (Fault("status", status=404, body="<html>"), Rejected, "404"),
        (Fault("status", status=502), Unavailable, "502"),
        (Fault("half"), Malformed, "JSON"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_faults_at_the_door(server: FakeAudiobookshelf, fault: Fault, error: type[ExternalAPIError], says: str) -> None:
    server.faults.append(fault)
    hasty = {"timeout": (0.05, 0.05), "deadline_seconds": 0.05} if fault.kind in ("slow", "drip") else {}
    with pytest.raises(error, match=says):
        client_of(server, token=API_KEY, **hasty).check()


def test_nobody_is_listening() -> None:
    with FakeAudiobookshelf() as server:
        url = server.url
    with pytest.raises(Unavailable, match="Is it running"):
        AudiobookshelfClient(url, token=API_KEY).check()


def test_json_of_another_program_is_told_apart() -> None:
    class Other(FakeServer):
        def answer(self, request: Any) -> Any:
            from library.tests.fake_http import Reply

            return Reply({"app": "something else"})

    with Other() as server, pytest.raises(Malformed, match="it is not Audiobookshelf"):
        client_of(server).status()


@pytest.mark.parametrize("url", ["", "not a url", "ftp://127.0.0.1/", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Rejected, match="not a valid URL"):
        AudiobookshelfClient(url, token=API_KEY).check()
