"""Notices posted as JSON. Hosts are asked at the same time, and each host for one thing after the other."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable

import httpx

from compute.notices.addresses import allowed, host_of
from compute.notices.carrier import Failure, Report
from compute.settings import Settings
from data.deliveries import Delivery

#: From the first byte of a connection to the end of the answer's head; the rest is not read.
PATIENCE_S = 10.0


class Webhooks:
    def __init__(self, settings: Settings, *, patience_s: float = PATIENCE_S) -> None:
        self._hosts = settings.notices.webhook_hosts
        self._site = settings.public_url
        self._patience_s = patience_s
        # It logs every address at INFO, and the address of a webhook is as good as a password.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    def send(self, batch: list[Delivery], report: Report, stopping: Callable[[], bool]) -> None:
        asyncio.run(self._send(batch, report, stopping))

    async def _send(self, batch: list[Delivery], report: Report, stopping: Callable[[], bool]) -> None:
        async with httpx.AsyncClient(follow_redirects=False, timeout=self._patience_s) as client:
            await asyncio.gather(
                *(self._to_one_host(client, each, report, stopping) for each in _by_host(batch))
            )

    async def _to_one_host(
        self, client: httpx.AsyncClient, left: list[Delivery], report: Report, stopping: Callable[[], bool]
    ) -> None:
        """What a host that does not answer has not got yet waits too, instead of waiting for it each time."""
        while left and not stopping():
            try:
                failure = await self._post(client, left[0])
            except (httpx.TransportError, TimeoutError):
                report(left, Failure(problem="The other side did not answer."))
                return
            report([left.pop(0)], failure)

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> Failure | None:
        """None when it was taken. Raises what the connection raises."""
        if not allowed(delivery.target, self._hosts):
            return Failure(problem="This site does not post to that host any more.", final=True)
        headers = {"User-Agent": "Wellplate", "Wellplate-Delivery": delivery.id}
        async with (
            asyncio.timeout(self._patience_s),
            client.stream("POST", delivery.target, json=self._body(delivery), headers=headers) as answer,
        ):
            return _failure(answer.status_code)

    def _body(self, delivery: Delivery) -> dict[str, object]:
        told: dict[str, object] = json.loads(delivery.body)
        for subject, page in (("job", "jobs?jobId="), ("batch", "batch?batchId=")):
            about = told.get(subject)
            if isinstance(about, dict):
                told[subject] = about | {"url": f"{self._site}/app/{page}{about['id']}"}
        return told


def _failure(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Failure(problem=f"The other side redirects ({status}), which is not followed.")
    return Failure(problem=f"The other side answered {status}.")


def _by_host(batch: Iterable[Delivery]) -> list[list[Delivery]]:
    hosts: dict[str, list[Delivery]] = {}
    for delivery in batch:
        hosts.setdefault(host_of(delivery.target), []).append(delivery)
    return list(hosts.values())
