"""The bell and the preferences through the workbench: rights, refusals, and a job's end all the way outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from data import jobs
from data.errors import BadInput, Forbidden
from data.notices import NewNotice
from data.records import Claim, Outcome, Person, Preferences, Status, When, new_id
from tests.compute.notices.conftest import Post
from tests.compute.notices.servers import Hook, Mailbox
from tests.compute.submitting import verify
from tests.data.conftest import make_job


def acting(post: Post, person: Person) -> Person:
    """As a browser acts: with what the site knows of them now."""
    found = post.accounts.person(post.sign_in(person).cookie)
    assert found is not None
    return found


@pytest.fixture
def ada(post: Post) -> Person:
    ada = post.join("ada")
    verify(post, ada)
    return acting(post, ada)


def token_of(post: Post, person: Person, *scopes: str) -> Person:
    found = post.accounts.token_person(post.accounts.create_token(person, "t", scopes)[1])
    assert found is not None
    return found


def run(post: Post, person: Person, status: Status = Status.COMPLETED) -> str:
    """A job that started and ended so."""
    new = make_job(team=person.team, submitter=person.id, credits=0)
    job = jobs.submit(post.store, new).result().job
    run_id = new_id()
    claim = Claim(job=job.id, seq=job.seq, attempt=1, run_id=run_id, worker="w", cpus=1)
    assert jobs.claim(post.store, claim).result()
    outcome = Outcome(job=job.id, seq=job.seq, attempt=1, run_id=run_id, status=status)
    assert jobs.finish(post.store, outcome).result()
    return job.id


def test_the_end_of_a_job_goes_to_bell_mail_and_webhook(
    post: Post, ada: Person, hook: Hook, mailbox: Mailbox
) -> None:
    bell = post.workbench.notices
    wanted = Preferences(mail=When.ALWAYS, webhook=When.ALWAYS, webhook_url=f" {hook.origin}/abc ")
    assert bell.prefer(ada, wanted).webhook_url == f"{hook.origin}/abc"
    post.open()
    job = run(post, ada)
    link = f"https://lab.example.org/app/jobs?jobId={job}"
    mail = mailbox.next()
    assert (mail["To"], mail["Subject"]) == ("ada@lab.example", "Dock: completed")
    assert link in mail.get_content()
    told = hook.next()[2]
    assert (told["job"]["url"], told["text"]) == (link, "“Dock” completed.")
    assert [(notice.kind, notice.job) for notice in bell.list(ada)] == [("job_ended", job)]
    post.outboxes[-1].stop()
    assert post.waiting() == []


def test_mail_needs_an_address_that_was_proven(post: Post) -> None:
    bob = acting(post, post.join("bob"))
    with pytest.raises(Forbidden, match="Prove first") as refusal:
        post.workbench.notices.prefer(bob, Preferences(mail=When.FAILURES))
    assert refusal.value.field == "mail"
    assert post.workbench.notices.preferences(bob) == Preferences()


def test_mail_needs_a_mail_server(make_post: Callable[..., Post]) -> None:
    post = make_post(host="")
    bob = post.join("bob")
    verify(post, bob)
    with pytest.raises(Forbidden, match="sends no mail"):
        post.workbench.notices.prefer(acting(post, bob), Preferences(mail=When.ALWAYS))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "Give the address"),
        ("hooks.example.org", "such as https://"),
        ("https://evil.example.org/x", "these hosts only: http://127.0.0.1"),
        ("http://localhost:1/x", "these hosts only"),
    ],
)
def test_a_webhook_leads_only_where_the_site_says(post: Post, ada: Person, url: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as refusal:
        post.workbench.notices.prefer(ada, Preferences(webhook=When.ALWAYS, webhook_url=url))
    assert refusal.value.field == "webhook_url"
    assert post.workbench.notices.preferences(ada) == Preferences()


def test_a_host_that_is_allowed_no_more_does_not_lock_the_other_choices(
    post: Post, ada: Person, hook: Hook
) -> None:
    chosen = Preferences(webhook=When.ALWAYS, webhook_url=f"{hook.origin}/x")
    bell = post.workbench.notices
    bell.prefer(ada, chosen)
    nowhere = post.settings.notices.model_copy(update={"webhook_hosts": ()})
    post.accounts.settings = post.settings.model_copy(update={"notices": nowhere})
    quiet = Preferences(bell=When.NEVER, webhook=When.ALWAYS, webhook_url=chosen.webhook_url)
    assert bell.prefer(ada, quiet) == quiet
    with pytest.raises(BadInput, match="posts to no webhooks"):
        bell.prefer(ada, Preferences(webhook=When.ALWAYS, webhook_url=f"{hook.origin}/y"))


def test_a_token_neither_redirects_nor_hides_its_owners_notices(post: Post, ada: Person) -> None:
    token, bell = (
        token_of(post, ada, "jobs:read", "jobs:write", "files:read", "files:write"),
        post.workbench.notices,
    )
    for forbidden in (
        lambda: bell.prefer(token, Preferences(bell=When.NEVER)),
        lambda: bell.preferences(token),
        lambda: bell.read(token),
    ):
        with pytest.raises(Forbidden):
            forbidden()


def test_a_token_hears_of_the_jobs_of_its_team_only(post: Post, ada: Person) -> None:
    bell, token = post.workbench.notices, token_of(post, ada, "jobs:read")
    job = run(post, ada)
    eve = post.found("eve")
    elsewhere = run(post, eve)
    bell.tell(NewNotice(person=ada.id, kind="shared", text="Eve shared “Dock” with you.", job=elsewhere))
    bell.tell(NewNotice(person=ada.id, kind="joined", text="Bob joined."))
    assert (len(bell.list(ada)), bell.unread(ada)) == (3, 3)
    assert ([notice.job for notice in bell.list(token)], bell.unread(token)) == ([job], 1)
    with pytest.raises(Forbidden, match="jobs:read"):
        bell.list(token_of(post, ada, "files:read"))


def test_nobody_reads_for_another(post: Post, ada: Person) -> None:
    bell, bob = post.workbench.notices, acting(post, post.join("bob"))
    run(post, ada)
    (notice,) = bell.list(ada)
    bell.read(bob, [notice.id, "nonsense", new_id()])
    bell.read(bob)
    assert (bell.unread(ada), bell.list(bob)) == (1, [])
    bell.read(ada, [notice.id])
    assert bell.unread(ada) == 0


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_list_has_bounds(post: Post, ada: Person, limit: int) -> None:
    with pytest.raises(BadInput) as refusal:
        post.workbench.notices.list(ada, limit)
    assert refusal.value.field == "limit"
