"""Webhooks to a real server: what is posted, where it may lead, and answers that are none."""

from __future__ import annotations

import logging
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.notices.addresses import allowed, host_of
from tests.compute.notices.conftest import Post, a_failed_try
from tests.compute.notices.servers import Hook, Mailbox

JOB = "d3b07384-d113-4956-a1d2-000000000001"


def test_a_webhook_gets_the_event_with_a_link(post: Post, hook: Hook) -> None:
    post.open()
    post.post(
        f"{hook.origin}/abc", job={"id": JOB, "name": "Dock", "tool": "autodock-vina", "status": "completed"}
    )
    path, headers, body = hook.next()
    assert (path, headers["content-type"]) == ("/abc", "application/json")
    assert body == {
        "event": "job.ended",
        "job": {
            "id": JOB,
            "name": "Dock",
            "tool": "autodock-vina",
            "status": "completed",
            "url": f"https://lab.example.org/app/jobs?jobId={JOB}",
        },
        "text": "“Dock” completed.",
    }
    post.outboxes[-1].stop()
    assert post.waiting() == []


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (500, "The other side answered 500."),
        (404, "The other side answered 404."),
        (302, "The other side redirects (302), which is not followed."),
        (307, "The other side redirects (307), which is not followed."),
    ],
)
def test_an_answer_that_is_no_yes_is_tried_again_then_told(
    post: Post, hook: Hook, status: int, problem: str
) -> None:
    hook.answers = [status]
    with post.rings():
        post.open(waits=(timedelta(0),) * 2)
        post.post(f"{hook.origin}/abc")
    post.outboxes[-1].stop()
    tries = [hook.next() for _ in range(3)]
    assert hook.posted.empty()
    assert [path for path, *_ in tries] == ["/abc"] * 3  # a redirect leads nowhere
    assert len({headers["wellplate-delivery"] for _, headers, _ in tries}) == 1
    assert post.bell() == [f"The notice “Dock: completed” to 127.0.0.1 could not be delivered. {problem}"]
    assert post.waiting() == []


def test_a_webhook_that_failed_comes_again_after_a_restart(post: Post, hook: Hook) -> None:
    hook.answers = [503, 204]
    with a_failed_try():
        post.open()
        post.post(f"{hook.origin}/abc")
    post.outboxes[-1].stop()
    assert post.waiting() == [(f"{hook.origin}/abc", 1)]
    hook.next()
    post.open(later=timedelta(minutes=1, seconds=1))
    assert hook.next()[0] == "/abc"
    post.outboxes[-1].stop()
    assert post.waiting() == []


def test_waits_grow_and_the_fifth_failure_is_the_last(post: Post, hook: Hook) -> None:
    """The clock jumps ahead to just after each wait; a try that came too early would find nothing due."""
    hook.answers, ahead = [500], timedelta(0)
    post.post(f"{hook.origin}/abc")
    for wait in (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2)):
        with a_failed_try():
            post.open(later=ahead)
        post.outboxes[-1].stop()
        assert post.waiting()[0][1] == hook.posted.qsize()
        ahead += wait + timedelta(seconds=60)
    with post.rings():
        post.open(later=ahead)
    post.outboxes[-1].stop()
    assert (hook.posted.qsize(), post.waiting()) == (5, [])


def test_a_host_that_hangs_is_left_after_a_while_and_asked_once_for_many(post: Post, hook: Hook) -> None:
    hook.answers = [None]
    for number in range(20):
        post.post(f"{hook.origin}/{number}", subject=f"job {number}")
    with post.rings():
        post.open(patience_s=0.3, waits=())
    post.outboxes[-1].stop()
    assert hook.posted.qsize() == 1
    assert post.bell() == [
        "The notice “job 0” to 127.0.0.1 and 19 more could not be delivered. The other side did not answer."
    ]


def test_a_host_that_hangs_holds_up_neither_mail_nor_other_hosts(
    post: Post, hook: Hook, mailbox: Mailbox
) -> None:
    other = Hook()
    elsewhere = other.origin.replace("127.0.0.1", "localhost")
    notices = post.settings.notices.model_copy(update={"webhook_hosts": (hook.origin, elsewhere)})
    post.settings = post.settings.model_copy(update={"notices": notices})
    hook.answers = [None]
    post.post(f"{hook.origin}/hangs")
    post.post(f"{elsewhere}/fine")
    outbox = post.open()
    assert hook.next()[0] == "/hangs"
    outbox.mail("ada@example.org", "fine", "text")
    assert mailbox.next()["Subject"] == "fine"
    assert other.next()[0] == "/fine"
    hook.release.set()
    outbox.stop()
    assert post.waiting() == []
    other.close()


def test_a_server_that_is_away_is_told_as_such(post: Post, hook: Hook) -> None:
    hook.close()
    with post.rings():
        post.open(waits=())
        post.post(f"{hook.origin}/abc")
    assert post.bell()[0].endswith("The other side did not answer.")


def test_a_host_that_is_allowed_no_more_gets_nothing(post: Post, hook: Hook) -> None:
    post.post(f"{hook.origin}/abc")
    nowhere = post.settings.notices.model_copy(update={"webhook_hosts": ("hooks.example.org",)})
    post.settings = post.settings.model_copy(update={"notices": nowhere})
    with post.rings():
        post.open()
    post.outboxes[-1].stop()
    assert (hook.posted.empty(), post.waiting()) == (True, [])
    assert post.bell()[0].endswith("This site does not post to that host any more.")


def test_no_address_of_a_webhook_comes_into_the_log_or_a_notice(
    post: Post, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("httpx").setLevel(logging.NOTSET)  # as a site that logs everything
    caplog.set_level(logging.DEBUG)
    hook.answers = [204, 500]
    with post.rings():
        post.open(waits=())
        post.post(f"{hook.origin}/very-secret?token=very-secret")
        post.post(f"{hook.origin}/very-secret")
    post.outboxes[-1].stop()
    assert hook.posted.qsize() == 2
    assert "very-secret" not in "".join(post.bell())
    assert "very-secret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "hosts", "fits"),
    [
        ("https://hooks.example.org/x", ("hooks.example.org",), True),
        ("https://HOOKS.example.org/x", ("hooks.example.org",), True),
        ("https://hooks.example.org:443/x", ("hooks.example.org",), True),
        ("https://hooks.example.org:8443/x", ("hooks.example.org:8443",), True),
        ("http://10.0.0.5:9000/x", ("http://10.0.0.5:9000",), True),
        (
            "http://hooks.example.org/x",
            ("hooks.example.org",),
            False,
        ),  # without TLS only where it is named so
        ("https://hooks.example.org:22/x", ("hooks.example.org",), False),  # another program on that host
        ("https://hooks.example.org.evil.org/x", ("hooks.example.org",), False),
        ("https://a.hooks.example.org/x", ("hooks.example.org",), False),
        ("https://evil.org/hooks.example.org", ("hooks.example.org",), False),
        ("https://hooks.example.org@evil.org/x", ("hooks.example.org",), False),
        ("https://ada:pw@hooks.example.org/x", ("hooks.example.org",), False),
        ("https://evil.org\\@hooks.example.org/x", ("hooks.example.org",), False),
        ("https://hooks.example.org\r\nHost: evil.org", ("hooks.example.org",), False),
        ("https://hooks.example.org:0/x", ("hooks.example.org",), False),
        ("https://hooks.example.org:x/", ("hooks.example.org",), False),
        ("https://[::1", ("hooks.example.org",), False),
        ("file:///etc/passwd", ("hooks.example.org",), False),
        ("ftp://hooks.example.org/x", ("hooks.example.org",), False),
        ("https:///x", ("hooks.example.org",), False),
        ("https://hooks.exämple.org/x", ("hooks.exämple.org",), False),
        ("https://hooks.example.org/" + "x" * 2000, ("hooks.example.org",), False),
        ("https://hooks.example.org/x", (), False),
        ("", ("",), False),
    ],
)
def test_only_hosts_that_the_site_names(url: str, hosts: tuple[str, ...], fits: bool) -> None:
    assert allowed(url, hosts) is fits


def test_of_an_address_only_the_host_is_told() -> None:
    assert host_of("https://hooks.example.org/secret?token=secret") == "hooks.example.org"
    assert host_of("nonsense") == ""


@given(st.text(st.sampled_from("/:@?#.\\;%[]a1\t \n\0é"), max_size=12), st.text(max_size=12))
def test_the_client_reads_an_allowed_address_as_the_check_does(between: str, end: str) -> None:
    """Two readers of one address that disagree are how a request gets to another host."""
    for url in (f"https://hooks.example.org{between}{end}", f"https://{between}hooks.example.org{end}"):
        if allowed(url, ("hooks.example.org",)):
            read = httpx.URL(url)
            assert (read.scheme, read.host, read.port or 443) == ("https", "hooks.example.org", 443)
