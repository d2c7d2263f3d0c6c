"""Mails through a real mail server: taken, refused, away, back again; and what no mail or log may hold."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from compute.notices import carrier
from compute.notices.outbox import Outbox
from compute.notices.postman import Postman
from compute.people.names import clean_email
from compute.settings import BadSettings
from data import deliveries
from data.deliveries import NewDelivery
from data.errors import Unavailable
from data.records import Preferences, When
from tests.compute.notices.conftest import PASSWORD, Post, a_failed_try
from tests.compute.notices.servers import Mailbox, mail_server, with_tls
from tests.compute.submitting import verify

#: Pass for addresses at first sight; the last is that of another mailbox.
STRANGE = [
    "=?utf-8?q?=0d=0aBcc:eve?=@example.org",
    'a@["',
    "!_0_@[\"'",
    "a@[",
    'a"@x.example',
    "a,b@x.example",
    "a<b@x.example>",
    "ada(home)@example.org",
]
ADA = "ada@example.org"
LINK = "https://lab.example.org/auth/link?token=very-secret"


def test_a_mail_arrives_and_leaves_nothing_behind(post: Post, mailbox: Mailbox) -> None:
    post.open().mail(ADA, "Sign in", f"Here:\n\n{LINK}\n.\nÅngström")
    mail = mailbox.next()
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Lab <lab@example.org>", ADA, "Sign in")
    assert mail.get_content().replace("\r\n", "\n") == f"Here:\n\n{LINK}\n.\nÅngström\n"
    assert mail["Auto-Submitted"] == "auto-generated"
    post.outboxes[0].stop()
    assert post.waiting() == []


def test_a_long_link_is_not_broken(post: Post, mailbox: Mailbox) -> None:
    link = LINK + "x" * 300
    post.open().mail(ADA, "Sign in", link)
    mail = mailbox.next()
    assert link in mail.as_string()


def test_what_was_written_before_the_start_is_sent_at_the_start(post: Post, mailbox: Mailbox) -> None:
    for number in range(5):
        post.outbox.mail(ADA, f"mail {number}", "text")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("outbox")]
    post.open()
    assert [mailbox.next()["Subject"] for _ in range(5)] == [f"mail {number}" for number in range(5)]


def test_the_end_of_a_job_is_mailed_with_its_link(post: Post, mailbox: Mailbox) -> None:
    ada = post.join("ada")
    verify(post, ada)
    signed_in = post.accounts.person(post.sign_in(ada).cookie)
    assert signed_in is not None
    post.workbench.notices.prefer(signed_in, Preferences(mail=When.ALWAYS))
    job = "d3b07384-d113-4956-a1d2-000000000001"
    new = NewDelivery(
        channel="mail",
        target=ADA,
        subject="Dock: completed",
        body="“Dock” completed.",
        person=ada.id,
        job=job,
    )
    deliveries.add(post.store, new).result()
    post.open()
    lines = [line for line in mailbox.next().get_content().splitlines() if line]
    assert lines == [
        "“Dock” completed.",
        f"https://lab.example.org/app/jobs?jobId={job}",
        "You asked for this on your Account page: https://lab.example.org/app/account",
    ]


def test_a_server_that_was_away_gets_everything_once_after_a_restart_of_the_site(post: Post) -> None:
    first, mailbox = post.open(), Mailbox()
    with a_failed_try():
        first.mail(ADA, "one", "text")
    first.stop()
    post.outbox.mail(ADA, "two", "text")
    assert post.waiting() == [(ADA, 1), (ADA, 0)]
    with mail_server(post.port, mailbox):
        post.open(later=timedelta(minutes=1, seconds=1)).mail(ADA, "three", "text")
        assert sorted(mailbox.next()["Subject"] for _ in range(3)) == ["one", "three", "two"]
        post.outboxes[-1].stop()
        assert post.waiting() == []
        post.open().mail(ADA, "four", "text")  # whatever was sent twice would come before it
        assert mailbox.next()["Subject"] == "four"
        assert mailbox.arrived.empty()


def test_a_mail_that_failed_waits_before_it_is_tried_again(post: Post) -> None:
    first, mailbox = post.open(), Mailbox()
    with a_failed_try():
        first.mail(ADA, "early", "text")
    first.stop()
    with mail_server(post.port, mailbox):
        post.open(later=timedelta(seconds=30)).mail(ADA, "new", "text")
        assert mailbox.next()["Subject"] == "new"
        post.outboxes[-1].stop()
        assert post.waiting() == [(ADA, 1)]


def test_a_mail_that_never_arrives_is_given_up_and_the_person_told(post: Post) -> None:
    outbox = post.open(waits=(timedelta(0),) * 2)  # three tries at once
    with post.rings():
        outbox.mail(ADA, "Invitation", LINK, person=post.admin.id)
    outbox.stop()
    assert post.waiting() == []
    assert post.bell() == [
        f"The mail “Invitation” to {ADA} could not be delivered. "
        "The mail server did not answer as it should; it may be away."
    ]


def test_a_server_that_is_away_is_asked_once_for_many_and_tells_once(post: Post, caplog: Any) -> None:
    for number in range(30):
        post.outbox.mail(ADA, f"mail {number}", "text", person=post.admin.id)
    with post.rings():
        post.open(waits=())
    post.outboxes[-1].stop()
    assert [text.partition(" could")[0] for text in post.bell()] == [
        f"The mail “mail 0” to {ADA} and 29 more"
    ]
    assert len([record for record in caplog.records if record.name == carrier.__name__]) == 1


def test_a_refused_address_is_given_up_at_once_and_holds_up_no_other(post: Post, mailbox: Mailbox) -> None:
    mailbox.to_address = lambda address: "550 no such person" if address.startswith("nobody") else None
    post.outbox.mail("nobody@example.org", "lost", "text", person=post.admin.id)
    post.outbox.mail(ADA, "fine", "text")
    with post.rings():
        post.open()
        assert mailbox.next()["Subject"] == "fine"
    post.outboxes[-1].stop()
    assert post.waiting() == []
    assert post.bell() == [
        "The mail “lost” to nobody@example.org could not be delivered. The mail server refused the address (550)."
    ]


def test_a_mail_refused_for_now_comes_again_with_the_same_id(post: Post, mailbox: Mailbox) -> None:
    seen: list[bytes] = []

    def busy_at_first(content: bytes) -> str | None:
        seen.append(next(line for line in content.splitlines() if line.startswith(b"Message-ID")))
        return "451 try later" if len(seen) == 1 else None

    mailbox.to_mail = busy_at_first
    post.open(waits=(timedelta(0),)).mail(ADA, "patient", "text")
    assert mailbox.next()["Subject"] == "patient"
    assert len(seen) == 2 and seen[0] == seen[1]


def test_a_mail_that_was_sent_is_not_sent_again_while_the_store_takes_nothing(
    post: Post, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier, "PAUSE_S", 0.0)
    forget, refused = deliveries.sent, []

    def full_disk(store: Any, ids: list[str]) -> Any:
        if len(refused) < 3:
            refused.append(ids)
            raise Unavailable("The server's disk is full.")
        return forget(store, ids)

    monkeypatch.setattr(deliveries, "sent", full_disk)
    post.open().mail(ADA, "one", "text")
    assert mailbox.next()["Subject"] == "one"
    post.outbox.mail(ADA, "two", "text")
    assert mailbox.next()["Subject"] == "two"  # and not "one" again
    post.outboxes[-1].stop()
    assert len(refused) == 3 and post.waiting() == []


# What gets in the way of nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\nDATA",
        "ada@example.org, eve@example.org",
        "Ada <ada@example.org>",
        "ada@example.org> SIZE=1",
        "ada\0@example.org",
        "ada",
        "@example.org",
        "",
    ],
)
def test_what_is_not_one_address_is_given_up_and_the_rest_goes_on(
    post: Post, mailbox: Mailbox, address: str
) -> None:
    post.outbox.mail(address, "bad", "text", person=post.admin.id)
    with post.rings():
        post.open().mail(ADA, "good", "text")
        assert mailbox.next()["Subject"] == "good"
    post.outboxes[-1].stop()
    assert (mailbox.recipients, post.waiting()) == ([[ADA]], [])
    assert post.bell()[0].endswith("could not be delivered. This is no e-mail address.")


@pytest.mark.parametrize(
    "subject",
    [
        "x\r\nBcc: eve@example.org\r\n\r\nbody",
        "x\nX-Evil: 1",
        "x\x0bY\0",
        "Å\r\n Bcc: eve@example.org",
        "=?utf-8?q?=0d=0aBcc:eve@example.org?=",
        "a =?utf-8?b?DQpYLUV2aWw6IDENCg0KYm9keQ==?= job",
        "=\x00?utf-8?q?=0d=0aBcc:eve@example.org?=",
        "=\u200b?utf-8?q?=0d=0aBcc:eve@example.org?=",
    ],
)
def test_a_subject_makes_no_header(post: Post, mailbox: Mailbox, subject: str) -> None:
    post.open().mail(ADA, subject, "text\r\n.\r\nQUIT\r\n")
    mail = mailbox.next()
    ours = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"}
    assert set(mail.keys()) - ours <= {
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
        *("X-Peer", "X-MailFrom", "X-RcptTo"),  # the test's server adds them
    }
    assert "Bcc" not in mail and "X-Evil" not in mail
    assert mail["Subject"].startswith(subject[0]) and mail["Subject"].isprintable()
    assert mail.get_content().split() == ["text", ".", "QUIT"]
    assert mailbox.recipients == [[ADA]]


@pytest.mark.parametrize("sender", ["no address", "Lab <lab@example.org>\nBcc: eve@example.org", "a@b, c@d"])
def test_a_sender_that_is_no_address_is_named_at_the_start(
    tmp_path: Path, make_post: Callable[..., Post], sender: str
) -> None:
    settings = make_post().settings
    mail = settings.mail.model_copy(update={"sender": sender})
    with pytest.raises(BadSettings, match=r"mail\.sender"):
        Postman(settings.model_copy(update={"mail": mail}))


# Security -----------------------------------------------------------------------------------------------------


def secrets_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Lines of our own log, and of the libraries', that hold what nobody may read; not of the test's server."""
    return [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith("mail")
        and ("very-secret" in record.getMessage() or PASSWORD in record.getMessage())
    ]


def test_starttls_with_a_sign_in(
    make_post: Callable[..., Post],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    post, mailbox = make_post(security="starttls", user="lab"), Mailbox()
    options = with_tls(tmp_path, "lab", PASSWORD)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with mail_server(post.port, mailbox, **options):
        post.open().mail(ADA, "safe", LINK)
        assert mailbox.next()["Subject"] == "safe"
    assert secrets_in(caplog) == []


@pytest.mark.parametrize(
    ("password", "trusted", "problem"),
    [
        ("another", True, "The mail server refused the site's name or password (535)."),
        (PASSWORD, False, "The certificate of the mail server is not valid."),
    ],
)
def test_a_server_that_lets_us_not_in_or_proves_nothing_gets_no_mail(
    make_post: Callable[..., Post],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    password: str,
    trusted: bool,
    problem: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    post, mailbox = make_post(security="starttls", user="lab"), Mailbox()
    options = with_tls(tmp_path, "lab", password)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with mail_server(post.port, mailbox, **options), post.rings():
        post.open(waits=()).mail(ADA, "kept", LINK, person=post.admin.id)
    assert post.bell()[0].endswith(problem)
    assert mailbox.arrived.empty()
    assert secrets_in(caplog) == []


def test_a_server_without_starttls_is_not_spoken_to_in_clear(make_post: Callable[..., Post]) -> None:
    post, mailbox = make_post(security="starttls"), Mailbox()
    with mail_server(post.port, mailbox), post.rings():
        post.open(waits=()).mail(ADA, "kept", LINK, person=post.admin.id)
    assert "does not offer the security" in post.bell()[0]
    assert mailbox.arrived.empty()


def test_a_server_that_quotes_the_mail_in_its_refusal_gets_no_secret_into_log_or_notice(
    post: Post, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mailbox.to_mail = lambda content: f"554 looks like spam: {LINK}"
    with post.rings():
        post.open().mail(ADA, "refused", LINK, person=post.admin.id)
    post.outboxes[-1].stop()
    assert post.bell() == [
        f"The mail “refused” to {ADA} could not be delivered. The mail server refused the mail (554)."
    ]
    assert secrets_in(caplog) == []


def test_without_a_mail_server_what_was_left_is_given_up(make_post: Callable[..., Post]) -> None:
    post = make_post(host="")
    assert not post.outbox.sends_mail
    post.outbox.mail(ADA, "left", LINK, person=post.admin.id)
    with post.rings():
        post.open()
    assert "This site sends no mail any more." in post.bell()[0]


def test_an_outbox_that_was_never_started_stops(post: Post) -> None:
    outbox = Outbox(post.store, post.settings)
    outbox.mail(ADA, "kept", "text")
    outbox.stop()
    assert post.waiting() == [(ADA, 0)]


@pytest.mark.parametrize("strange", STRANGE)
def test_an_address_that_is_none_does_not_stop_the_mails_of_others(
    post: Post, mailbox: Mailbox, strange: str
) -> None:
    outbox = post.open()
    outbox.mail(clean_email(strange), "first", "text")
    outbox.mail(ADA, "second", "text")
    assert mailbox.next()["Subject"] == "second"
    outbox.stop()
    assert post.waiting() == []
