"""What signing in rests on, below the API: passwords, the throttle, and who is told of a revocation."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from compute import settings
from compute.notices.outbox import Outbox
from compute.people.accounts import Accounts, SignedIn
from compute.people.passwords import Passwords
from compute.people.throttle import MAX_KEYS, Throttle
from data.errors import BadInput, TooMany
from data.records import Role
from data.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    site = settings.load({"WELLPLATE_HOME": str(tmp_path)})
    store = Store(site.database)
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    accounts = Accounts(store, site, Outbox(store, site), passwords=cheap)
    accounts.first_start()
    yield accounts
    store.close()


def sign_in(accounts: Accounts, email: str = "ada@lab.example") -> SignedIn:
    return accounts.sign_in(email, PASSWORD, client="test")


def join(accounts: Accounts) -> None:
    admin = accounts.admin()
    assert admin is not None
    accounts.add_member(admin.team, "ada@lab.example", "Ada", Role.MEMBER, PASSWORD)


def test_an_unknown_address_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    known = passwords.hash(PASSWORD, field="password")

    def took(hashed: str | None) -> float:
        began = time.process_time()  # of all threads; a busy machine does not matter
        assert not passwords.fits(hashed, "wrong")
        return time.process_time() - began

    wrong, nobody = ([took(hashed) for _ in range(3)] for hashed in (known, None))
    assert 0.5 < statistics.median(nobody) / statistics.median(wrong) < 2


def test_no_password_fits_where_none_is_set() -> None:
    passwords = Passwords()
    assert not passwords.fits(None, "")
    assert not passwords.fits("no hash at all", PASSWORD)
    assert not passwords.fits(passwords.hash(PASSWORD, field="p"), "x" * 10_000_000)


@pytest.mark.parametrize("password", ["", "123456789", "x" * 1001])
def test_passwords_have_a_length(password: str) -> None:
    with pytest.raises(BadInput) as refusal:
        Passwords().hash(password, field="new")
    assert refusal.value.field == "new"


@pytest.mark.parametrize("email", ["", "ada", "@lab", "ada@", "a@b@c", "a b@c", "x" * 251 + "@b.c"])
def test_an_address_looks_like_one(accounts: Accounts, email: str) -> None:
    with pytest.raises(BadInput) as refusal:
        sign_in(accounts, email)
    assert refusal.value.field == "email"


def test_listeners_hear_of_revocations_until_they_stop(accounts: Accounts) -> None:
    join(accounts)
    heard: list[frozenset[str]] = []
    stop = accounts.on_revoked(heard.append)
    first, second, third = (sign_in(accounts) for _ in range(3))
    accounts.sign_out(first.cookie)
    accounts.sign_out(first.cookie)  # nothing is left to revoke
    accounts.sign_out_everywhere(second.person, but=second.person.credential)
    assert heard == [frozenset({first.person.credential}), frozenset({third.person.credential})]
    stop()
    accounts.sign_out(second.cookie)
    assert len(heard) == 2


def test_a_switched_off_person_is_nobody(accounts: Accounts) -> None:
    join(accounts)
    session = sign_in(accounts)
    accounts._accounts[session.person.id] = replace(accounts._accounts[session.person.id], active=False)
    assert accounts.person(session.cookie) is None
    assert accounts.still(session.person) is None
    with pytest.raises(BadInput):
        sign_in(accounts)


# Throttle ------------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_slides() -> None:
    clock = Clock()
    throttle = Throttle(2, clock)
    throttle.count("a")
    clock.now = 40
    throttle.count("a")
    with pytest.raises(TooMany):
        throttle.count("a")
    throttle.count("b")
    clock.now = 60
    throttle.count("a")
    with pytest.raises(TooMany):
        throttle.count("a", "c")
    throttle.count("c")
    throttle.count("c")  # the refused try under both keys was counted under neither


def test_a_good_try_is_taken_back() -> None:
    throttle = Throttle(1, Clock())
    for _ in range(3):
        throttle.count("a")
        throttle.excuse("a")


def test_keys_of_strangers_do_not_pile_up() -> None:
    clock = Clock()
    throttle = Throttle(1, clock)
    for number in range(MAX_KEYS + 1):
        throttle.count(f"stranger {number}")
    clock.now = 61
    throttle.count("a")
    assert len(throttle._tries) == 1


def test_parallel_tries_cannot_slip_past() -> None:
    throttle = Throttle(5)
    passed: list[int] = []
    barrier = threading.Barrier(20)

    def attempt(number: int) -> None:
        barrier.wait()
        try:
            throttle.count("a")
            passed.append(number)
        except TooMany:
            return

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 5
