"""The built-in downloader against a real web server: whole files or none, whatever happens in between."""

import hashlib
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from acquisition.clients.http_downloader import HttpDownloader
from acquisition.domain.facts import AddOptions, ClientState, DirectFile, Payload
from acquisition.tests.fake_http import Files, Reply, Seen
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import Guard

BODY = bytes(range(256)) * 4096  # 1 MB
OTHER = b"cover" * 100
MINE = AddOptions(tag="unabridged-7", category="audiobooks", name="Emma")


@pytest.fixture
def server() -> Iterator[Files]:
    with Files() as files:
        files.files = {"/emma/01.mp3": BODY, "/emma/cover.jpg": OTHER}
        yield files


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def downloader(server: Files, work: Path, **options: object) -> HttpDownloader:
    guard = Guard(frozenset({f"127.0.0.1:{server.port}"}))
    return HttpDownloader(work, **{"guard": guard, "sleep": lambda _: None, "reserve_bytes": 0, **options})


def payload(server: Files, **details: object) -> Payload:
    first = DirectFile(f"{server.url}/emma/01.mp3", "01.mp3", **{"size_bytes": len(BODY), **details})
    return Payload(direct_files=(first, DirectFile(f"{server.url}/emma/cover.jpg", "cover.jpg")))


def placed(work: Path, name: str = "01.mp3") -> bytes:
    (path,) = work.glob(f"*/content/Emma/{name}")
    return path.read_bytes()


def part(work: Path) -> Path:
    (folder,) = (path for path in work.iterdir() if len(path.name) == 40)
    return folder / "parts" / "0"


def start_part(dl: HttpDownloader, server: Files, work: Path, **details: object) -> str:
    """A job whose first attempt broke off in the middle of its first file."""
    ref = dl.add(payload(server, **details), MINE)
    server.fault("truncated", path="/emma/01.mp3")
    with pytest.raises(Unavailable):
        dl.run(ref)
    server.heal()
    server.seen.clear()
    assert 0 < part(work).stat().st_size < len(BODY)
    return ref


def test_fetches_checks_and_places(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    steps: list[tuple[int, int | None]] = []
    ref = dl.add(payload(server, sha1=hashlib.sha1(BODY).hexdigest().upper()), MINE)
    assert dl.list(tag="unabridged-7")[0].state is ClientState.QUEUED
    done = dl.run(ref, progress=lambda *step: steps.append(step))
    assert (done.state, done.progress, done.name) == (ClientState.COMPLETE, 1.0, "Emma")
    assert (done.category, done.tags) == ("audiobooks", ("unabridged-7",))
    assert done.downloaded_bytes == done.size_bytes == len(BODY) + len(OTHER)
    assert (placed(work), placed(work, "cover.jpg")) == (BODY, OTHER)
    assert Path(done.content_path).is_dir()
    assert steps[-1] == (len(BODY) + len(OTHER), len(BODY) + len(OTHER))
    assert [(file.path, file.progress) for file in dl.files(ref)] == [("Emma/01.mp3", 1.0), ("Emma/cover.jpg", 1.0)]


def test_the_same_tag_adds_once_and_a_finished_job_fetches_nothing(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    dl.run(ref)
    server.seen.clear()
    assert dl.add(payload(server), MINE) == ref
    assert dl.run(ref).state is ClientState.COMPLETE
    assert len(dl.list()) == 1
    assert server.seen == []


def test_resumes_where_it_broke_off(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = start_part(dl, server, work)
    have = part(work).stat().st_size
    dl.run(ref)
    request = server.calls("01.mp3")[0]
    assert request.headers["Range"] == f"bytes={have}-"
    assert request.headers["If-Range"] == '"1"'
    assert placed(work) == BODY


def test_goes_on_by_itself_while_something_arrives(server: Files, work: Path) -> None:
    server.fault("truncated", times=3, path="/emma/01.mp3")
    dl = downloader(server, work)
    assert dl.run(dl.add(payload(server), MINE)).state is ClientState.COMPLETE
    assert placed(work) == BODY
    assert len(server.calls("01.mp3")) == 4


@pytest.mark.parametrize("change", ["changed", "no ranges", "no validators"])
def test_starts_over_when_the_rest_would_not_fit(server: Files, work: Path, change: str) -> None:
    if change == "no validators":
        server.validators = False
    dl = downloader(server, work)
    ref = start_part(dl, server, work)
    new = BODY[::-1]
    server.files["/emma/01.mp3"], server.etags["/emma/01.mp3"] = new, '"2"'
    server.ranges = change != "no ranges"
    dl.run(ref)
    assert placed(work) == new


@pytest.mark.parametrize("span", ["bytes 0-9/1048576", "bytes 5-1048575/1048576", "nonsense", ""])
def test_a_wrong_part_is_never_joined(server: Files, work: Path, span: str) -> None:
    dl = downloader(server, work)
    ref = start_part(dl, server, work)

    def answer(request: Seen) -> Reply:
        if "Range" in request.headers:
            return Reply(b"0" * 10, 206, "audio/mpeg", {"Content-Range": span})
        return Reply(BODY, 200, "audio/mpeg")

    del server.files["/emma/01.mp3"]
    server.pages["/emma/01.mp3"] = answer
    dl.run(ref)
    assert placed(work) == BODY


def test_a_wrong_checksum_is_tried_once_more_and_then_final(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = dl.add(payload(server, md5="0" * 32), MINE)
    with pytest.raises(Malformed) as caught:
        dl.run(ref)
    assert caught.value.code == "wrong_checksum"
    assert len(server.calls("01.mp3")) == 2
    assert not list(work.glob("*/content/Emma/*"))
    (seen,) = dl.list()
    assert seen.state is ClientState.ERROR
    assert "checksum" in seen.message


def test_a_damaged_part_is_found_by_its_checksum_and_fetched_anew(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = start_part(dl, server, work, sha1=hashlib.sha1(BODY).hexdigest())
    with part(work).open("r+b") as stream:
        stream.write(b"damage")
    assert dl.run(ref).state is ClientState.COMPLETE
    assert placed(work) == BODY


@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1])
def test_a_wrong_length_is_refused(server: Files, work: Path, size: int) -> None:
    dl = downloader(server, work)
    with pytest.raises(Malformed) as caught:
        dl.run(dl.add(payload(server, size_bytes=size), MINE))
    assert caught.value.code == "wrong_size"
    assert not list(work.glob("*/content/Emma/*"))


@pytest.mark.parametrize(
    "fault, kind, calls",
    [
        ("refused", Unavailable, 4),
        ("500", Unavailable, 4),
        ("429", Unavailable, 4),
        ("401", Rejected, 1),
        ("403", Rejected, 1),
        ("wrong_type", Malformed, 1),
        ("huge", Malformed, 1),
    ],
)
def test_faults_have_names_and_are_retried_only_where_it_helps(
    server: Files, work: Path, fault: str, kind: type[ExternalAPIError], calls: int
) -> None:
    server.fault(fault)
    dl = downloader(server, work)
    with pytest.raises(kind):
        dl.run(dl.add(payload(server), MINE))
    assert len(server.seen) == calls
    (seen,) = dl.list()
    assert seen.state is (ClientState.STALLED if kind is Unavailable else ClientState.ERROR)
    assert seen.message


def test_a_failed_job_runs_again_when_it_is_started(server: Files, work: Path) -> None:
    server.fault("403", times=1)
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    with pytest.raises(Rejected):
        dl.run(ref)
    dl.start(ref)
    assert dl.list()[0].state is ClientState.QUEUED
    assert dl.run(ref).state is ClientState.COMPLETE


def test_stops_at_once_when_asked_even_by_a_slow_server(server: Files, work: Path) -> None:
    server.fault("drip")
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    begun = time.monotonic()
    seen = dl.run(ref, should_stop=lambda: time.monotonic() - begun > 0.3)
    assert time.monotonic() - begun < 3
    assert seen.state is ClientState.QUEUED
    assert 0 < (seen.downloaded_bytes or 0) < 100
    server.heal()
    assert dl.run(ref).state is ClientState.COMPLETE
    assert placed(work) == BODY


def test_a_server_that_hardly_sends_is_given_up(server: Files, work: Path) -> None:
    server.fault("drip")
    ticks = iter(range(0, 10_000_000, 20))
    dl = downloader(server, work, clock=lambda: float(next(ticks)))
    with pytest.raises(Unavailable) as caught:
        dl.run(dl.add(payload(server), MINE), should_stop=lambda: len(server.seen) > 8)
    assert caught.value.code == "too_slow"


def test_a_pause_is_heard_by_a_running_transfer(server: Files, work: Path) -> None:
    server.fault("drip")
    dl = downloader(server, work, clock=lambda: time.monotonic() * 20)
    ref = dl.add(payload(server), MINE)
    threading.Timer(0.2, dl.stop, (ref,)).start()
    assert dl.run(ref).state is ClientState.PAUSED
    assert dl.run(ref).state is ClientState.PAUSED
    dl.start(ref)
    server.heal()
    assert dl.run(ref).state is ClientState.COMPLETE


def test_a_removal_is_noticed_by_a_running_transfer(server: Files, work: Path) -> None:
    server.fault("drip")
    dl = downloader(server, work, clock=lambda: time.monotonic() * 20)
    ref = dl.add(payload(server), MINE)
    threading.Timer(0.2, lambda: dl.remove(ref, delete_files=True)).start()
    with pytest.raises(Rejected) as caught:
        dl.run(ref)
    assert caught.value.code == "upstream_not_found"
    assert list(work.iterdir()) == []
    assert dl.list() == []


def test_two_workers_fetch_each_file_once(server: Files, work: Path) -> None:
    ref = downloader(server, work).add(payload(server), MINE)
    inside, go = threading.Event(), threading.Event()

    def hold(done: int, total: int | None) -> None:
        inside.set()
        go.wait(5)

    first = threading.Thread(target=lambda: downloader(server, work).run(ref, progress=hold))
    first.start()
    assert inside.wait(5)
    second = downloader(server, work).run(ref)
    assert second.state is ClientState.DOWNLOADING
    go.set()
    first.join()
    assert len(server.seen) == 2
    assert placed(work) == BODY


WORKER = """
import sys
from pathlib import Path
from acquisition.clients.http_downloader import HttpDownloader
from config.http import Guard
host, work, ref = sys.argv[1:]
HttpDownloader(Path(work), guard=Guard(frozenset({host})), reserve_bytes=0).run(ref)
"""


def test_survives_being_killed(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    server.fault("drip")
    command = [sys.executable, "-c", WORKER, f"127.0.0.1:{server.port}", str(work), ref]
    worker = subprocess.Popen(command, cwd=settings.BASE_DIR)
    deadline = time.monotonic() + 10
    while not (part(work).exists() and server.seen) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    assert dl.list()[0].state is ClientState.DOWNLOADING
    worker.kill()
    worker.wait()
    server.heal()
    assert dl.list()[0].state is ClientState.QUEUED
    assert dl.run(ref).state is ClientState.COMPLETE
    assert placed(work) == BODY


def test_says_when_the_disk_is_full_and_goes_on_later(server: Files, work: Path) -> None:
    ref = downloader(server, work).add(payload(server), MINE)
    with pytest.raises(Unavailable) as caught:
        downloader(server, work, reserve_bytes=1 << 60).run(ref)
    assert caught.value.code == "disk_full"
    assert server.seen == []
    assert downloader(server, work).list()[0].state is ClientState.STALLED
    assert downloader(server, work).run(ref).state is ClientState.COMPLETE


def test_does_not_reach_into_the_network(server: Files, work: Path) -> None:
    dl = downloader(server, work, guard=Guard())
    with pytest.raises(Rejected) as caught:
        dl.run(dl.add(payload(server), MINE))
    assert caught.value.code == "address_refused"
    assert server.seen == []


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/", "http://[bad", "file:///etc/passwd"])
def test_redirects_are_guarded_too(server: Files, work: Path, location: str) -> None:
    server.pages["/emma/cover.jpg"] = Reply(b"", 302, "", {"Location": location})
    del server.files["/emma/cover.jpg"]
    dl = downloader(server, work)
    with pytest.raises((Rejected, Malformed)):
        dl.run(dl.add(payload(server), MINE))


@pytest.mark.parametrize(
    "name, path",
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/01.mp3", "abs/01.mp3"),
        ("Disc 1/01.mp3", "Disc 1/01.mp3"),
        ("a\\..\\b.mp3", "a/b.mp3"),
        ("CON.mp3", "_CON.mp3"),
        ("x" * 500 + ".mp3", "x" * 196 + ".mp3"),
        ("a\x00b:c?.mp3", "a_b_c_.mp3"),
        ("...", "file"),
        ("trailing. ", "trailing"),
    ],
)
def test_names_cannot_leave_the_folder(server: Files, work: Path, name: str, path: str) -> None:
    dl = downloader(server, work)
    ref = dl.add(Payload(direct_files=(DirectFile(f"{server.url}/emma/cover.jpg", name),)), MINE)
    dl.run(ref)
    assert [file.path for file in dl.files(ref)] == [f"Emma/{path}"]
    assert placed(work, path) == OTHER


def test_equal_names_do_not_overwrite_each_other(server: Files, work: Path) -> None:
    urls = [(f"{server.url}/emma/01.mp3", "Track.mp3"), (f"{server.url}/emma/cover.jpg", "track.mp3")]
    dl = downloader(server, work)
    ref = dl.add(Payload(direct_files=tuple(DirectFile(url, name) for url, name in urls)), MINE)
    dl.run(ref)
    assert [file.path for file in dl.files(ref)] == ["Emma/Track.mp3", "Emma/track (2).mp3"]


def test_deselected_files_are_not_fetched(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    dl.select_files(ref, [0])
    assert dl.run(ref).state is ClientState.COMPLETE
    assert [request.path for request in server.seen] == ["/emma/cover.jpg"]
    with pytest.raises(Rejected):
        dl.select_files(ref, [0, 1])


def test_files_chosen_while_it_runs_are_fetched_too(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    dl.select_files(ref, [0])
    done = dl.run(ref, progress=lambda *_: dl.select_files(ref, []))
    assert done.state is ClientState.COMPLETE
    assert placed(work) == BODY


def test_removal_with_and_without_files(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    dl.run(ref)
    dl.remove(ref, delete_files=False)
    assert dl.list() == []
    assert placed(work) == BODY
    assert dl.add(payload(server), MINE) == ref
    assert dl.run(ref).state is ClientState.COMPLETE
    dl.remove(ref, delete_files=True)
    dl.remove(ref, delete_files=True)
    assert list(work.iterdir()) == []


def test_addresses_with_keys_are_for_the_owner_alone(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    ref = dl.add(payload(server), MINE)
    assert stat.S_IMODE((work / ref / "job.json").stat().st_mode) == 0o600
    assert server.url not in repr(dl.store.folder(ref).read())


def test_unknown_and_damaged_jobs_have_names(server: Files, work: Path) -> None:
    dl = downloader(server, work)
    for ref in ("", "../../etc", "a" * 40):
        with pytest.raises(Rejected):
            dl.run(ref)
    ref = dl.add(payload(server), MINE)
    (work / ref / "job.json").write_text("{")
    with pytest.raises(Malformed):
        dl.run(ref)


def test_takes_files_only(server: Files, work: Path) -> None:
    with pytest.raises(Rejected):
        downloader(server, work).add(Payload(magnet_url="magnet:?xt=urn:btih:" + "a" * 40), MINE)
    health = downloader(server, work).check()
    assert health.save_path == str(work)
    assert (health.free_bytes or 0) > 0
