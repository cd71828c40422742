"""The webhook against a real HTTP server: shapes, retries, refusals, and what must never leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, get_args

import pytest
from aiohttp import web

from stream_app.core.instants import format_instant, parse_instant
from stream_app.core.orders import AlertKind, AlertMissing, JoinAlert
from stream_app.sinks.webhook import (
    SEVERITIES,
    TITLES,
    Shape,
    Webhook,
    WebhookMisconfigured,
    WebhookRefused,
    WebhookUnavailable,
    alertmanager_body,
    endpoint_of,
    slack_body,
)

SINCE = parse_instant("2026-06-03T18:42:31.120Z")
STUCK = JoinAlert(
    alert_id="call_7f3b/stuck/1",
    kind="stuck",
    state="firing",
    raised_at=SINCE + 60_000,
    canonical_call_id="call_7f3b",
    missing=(AlertMissing(kind="evaluation", expected_from="evaluation-completed"),),
    since=SINCE,
    deadline_at=SINCE + 900_000,
    runbook_url="docs/runbooks/stuck-join.md",
    detail="caller +49 30 1234567 said: where is my order",
)
RESOLVED = STUCK.model_copy(update={"state": "resolved", "raised_at": SINCE + 120_000, "missing": ()})


class Receiver:
    """A real HTTP server that answers as it is told and keeps what it was sent."""

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        self.answers = list(answers)
        self.bodies: list[Any] = []
        self.requests: list[web.Request] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        self.bodies.append(json.loads(await request.read()))
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def receiving(*answers: int | tuple[int, dict[str, str]]) -> AsyncIterator[Receiver]:
    receiver = Receiver(*(one if isinstance(one, tuple) else (one, {}) for one in answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


class Sleeps(list[float]):
    """Remembers how long would have been waited."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_a_firing_alert_lasts_and_a_resolved_one_ends() -> None:
    (firing,) = alertmanager_body(STUCK)
    (resolved,) = alertmanager_body(RESOLVED)
    assert firing["labels"] == resolved["labels"], "Alertmanager knows an alert by its labels"
    assert firing["labels"] == {
        "alertname": "StreamAppJoinAlert",
        "service": "stream-app",
        "kind": "stuck",
        "severity": "warning",
        "alertId": "call_7f3b/stuck/1",
        "canonicalCallId": "call_7f3b",
    }
    assert firing["startsAt"] == resolved["startsAt"] == format_instant(SINCE)
    assert resolved["endsAt"] == format_instant(SINCE + 120_000)
    assert parse_instant(firing["endsAt"]) - STUCK.raised_at == 24 * 3_600_000
    assert firing["annotations"]["missing"] == "evaluation (from evaluation-completed)"
    for moment in (firing["startsAt"], firing["endsAt"]):
        assert datetime.fromisoformat(moment).tzinfo is not None


def test_an_end_never_stands_before_its_start() -> None:
    (body,) = alertmanager_body(RESOLVED.model_copy(update={"raised_at": SINCE - 5}))
    assert body["endsAt"] == body["startsAt"]


def test_a_silent_source_has_no_call() -> None:
    silent = STUCK.model_copy(update={"kind": "source_silent", "canonical_call_id": None, "alert_id": "tool-call/1"})
    (body,) = alertmanager_body(silent)
    assert "canonicalCallId" not in body["labels"]
    assert "Call `" not in slack_body(silent)["text"]


@pytest.mark.parametrize("alert", [STUCK, RESOLVED])
def test_the_detail_stays_here(alert: JoinAlert) -> None:
    for body in (alertmanager_body(alert), slack_body(alert)):
        assert "1234567" not in json.dumps(body)
        assert "order" not in json.dumps(body)


def test_slack_text_cannot_become_a_link_a_mention_or_a_format() -> None:
    hostile = "<!channel> <http://evil|x> & `code` *bold*"
    text = slack_body(
        STUCK.model_copy(
            update={
                "canonical_call_id": hostile,
                "missing": (AlertMissing(kind="trace", expected_from="a<b>&c"),),
            }
        ),
        "https://wiki.example/",
    )["text"]
    assert "&lt;!channel&gt; &lt;http://evil|x&gt; &amp; 'code' ∗bold∗" in text
    assert "a&lt;b&gt;&amp;c" in text
    assert "<" not in text
    assert ">" not in text
    assert "https://wiki.example/docs/runbooks/stuck-join.md" in text


def test_slack_says_when_it_is_over() -> None:
    assert "Resolved" in slack_body(RESOLVED)["text"]
    assert "Resolved" not in slack_body(STUCK)["text"]


@pytest.mark.parametrize("kind", get_args(AlertKind))
def test_every_kind_has_its_words(kind: AlertKind) -> None:
    assert SEVERITIES[kind] in {"warning", "critical"}
    assert TITLES[kind]


@pytest.mark.parametrize("shape", get_args(Shape))
async def test_a_2xx_is_delivered(shape: Shape) -> None:
    async with receiving(202) as receiver, Webhook(receiver.url + "/hook", shape, token="t0ken") as webhook:
        assert await webhook.deliver(STUCK) == 1
    (request,) = receiver.requests
    assert request.method == "POST"
    assert request.content_type == "application/json"
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.path == ("/hook/api/v2/alerts" if shape == "alertmanager" else "/hook")
    expected: Any = alertmanager_body(STUCK) if shape == "alertmanager" else slack_body(STUCK)
    assert receiver.bodies == [expected]


async def test_a_busy_receiver_is_asked_again_with_growing_pauses() -> None:
    sleeps = Sleeps()
    answers = (
        500,
        503,
        408,
        502,
        (429, {"Retry-After": "17"}),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    )
    async with receiving(*answers) as receiver, Webhook(receiver.url, "slack", sleep=sleeps) as webhook:
        assert await webhook.deliver(STUCK) == 7
    assert sleeps == [0.5, 1.0, 2.0, 4.0, 17.0, 16.0]
    assert receiver.bodies == [slack_body(STUCK)] * 7


async def test_pauses_have_an_end() -> None:
    sleeps = Sleeps()
    async with (
        receiving(*[500] * 100) as receiver,
        Webhook(receiver.url, "slack", sleep=sleeps, give_up_after_s=200) as webhook,
    ):
        with pytest.raises(WebhookUnavailable, match="HTTP 500"):
            await webhook.deliver(STUCK)
    assert max(sleeps) == 30.0
    assert 170 <= sum(sleeps) <= 200


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_malformed_alert_is_refused_at_once(status: int) -> None:
    sleeps = Sleeps()
    async with receiving(status) as receiver, Webhook(receiver.url, "slack", sleep=sleeps) as webhook:
        with pytest.raises(WebhookRefused, match=f"HTTP {status}"):
            await webhook.deliver(STUCK)
    assert sleeps == []


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 410])
async def test_a_wrong_address_is_no_fault_of_the_alert(status: int) -> None:
    headers = {"Location": "http://127.0.0.1:1/elsewhere"} if status < 400 else {}
    async with receiving((status, headers)) as receiver, Webhook(receiver.url + "/s3cret", "slack") as webhook:
        with pytest.raises(WebhookMisconfigured, match=f"HTTP {status}") as error:
            await webhook.deliver(STUCK)
    assert "s3cret" not in str(error.value)
    assert len(receiver.requests) == 1


async def test_nobody_there() -> None:
    sleeps = Sleeps()
    webhook = Webhook("http://127.0.0.1:1/s3cret", "slack", sleep=sleeps, give_up_after_s=3)
    async with webhook:
        with pytest.raises(WebhookUnavailable, match="in 3 attempts") as error:
            await webhook.deliver(STUCK)
    assert sleeps == [0.5, 1.0]
    assert "s3cret" not in str(error.value)


async def test_a_receiver_that_never_answers_is_given_up(unused_tcp_port: int) -> None:
    async def swallow(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(swallow, "127.0.0.1", unused_tcp_port)
    async with server:
        webhook = Webhook(f"http://127.0.0.1:{unused_tcp_port}", "slack", timeout_s=0.2, give_up_after_s=0)
        async with webhook:
            with pytest.raises(WebhookUnavailable, match="no answer in time"):
                await webhook.deliver(STUCK)


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("http://am:9093", "http://am:9093/api/v2/alerts"),
        ("http://am:9093/", "http://am:9093/api/v2/alerts"),
        ("https://am/prefix/", "https://am/prefix/api/v2/alerts"),
        ("http://am:9093/api/v2/alerts", "http://am:9093/api/v2/alerts"),
    ],
)
def test_alertmanager_may_be_given_by_its_base(url: str, full: str) -> None:
    assert endpoint_of(url, "alertmanager") == full


@pytest.mark.parametrize(
    "url", ["", "am:9093", "ftp://am", "http://", "file:///etc/passwd", "http://am:0", "http://a:b"]
)
def test_what_is_no_address_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        endpoint_of(url, "slack")
