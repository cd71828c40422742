"""The only place where join alerts leave for a webhook: Alertmanager's v2 API, or a Slack message.

Delivery guarantee: at least once. `deliver` returns after a 2xx and its caller commits the record's offset only then:
an alert may arrive twice (Alertmanager takes it as the same alert, Slack shows it again) and is never skipped while the
endpoint is away or misconfigured. The one exception is an alert that the endpoint itself refuses as malformed: it would
be refused for ever, so it is reported and passed over.

What leaves: the alert's ID, kind, state and times, the canonical call ID, and which kinds are missing from which topic.
`detail` does not: it may quote what an event said.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from stream_app.core.instants import format_instant
from stream_app.core.orders import AlertKind, JoinAlert
from stream_app.core.wire import write_json

Shape = Literal["alertmanager", "slack"]
ALERTMANAGER_PATH = "/api/v2/alerts"
HOLD_MS = 24 * 3_600_000
"""How long Alertmanager keeps a firing alert: each is sent once, and by default it would end after five minutes."""

SEVERITIES: dict[AlertKind, str] = {
    "stuck": "warning",
    "timed_out": "warning",
    "orphan": "warning",
    "identity_conflict": "critical",
    "report_ambiguous": "warning",
    "source_silent": "critical",
    "review_overdue": "warning",
    "review_ownerless": "warning",
}
TITLES: dict[AlertKind, str] = {
    "stuck": "A join is stuck",
    "timed_out": "A join timed out",
    "orphan": "Evidence without a call",
    "identity_conflict": "One alias, two calls",
    "report_ambiguous": "A report may mean several calls",
    "source_silent": "A source is silent",
    "review_overdue": "A review is overdue",
    "review_ownerless": "A review has no owner",
}
_REFUSED = frozenset({400, 413, 422})
_LATER = frozenset({408, 425, 429})
_RETRY_AFTER = re.compile(r"\d{1,4}")
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


class WebhookError(Exception):
    """The alert was not delivered. Messages name the host only: a webhook's path is often its secret."""


class WebhookMisconfigured(WebhookError):
    """Asking again cannot help: wrong address, or no permission. Nothing may be passed over."""


class WebhookRefused(WebhookError):
    """The endpoint calls this one alert malformed."""


class WebhookUnavailable(WebhookError):
    """The endpoint was away, or too busy, for longer than the caller wanted to wait."""


def alertmanager_body(alert: JoinAlert, runbook_base: str = "") -> list[dict[str, Any]]:
    """The alert as Alertmanager's v2 API takes it; labels are the same for firing and resolved, or it never ends."""
    ends = alert.raised_at if alert.state == "resolved" else alert.raised_at + HOLD_MS
    labels = {"alertname": "StreamAppJoinAlert", "service": "stream-app", "kind": alert.kind}
    labels |= {"severity": SEVERITIES[alert.kind], "alertId": alert.alert_id}
    if alert.canonical_call_id is not None:
        labels["canonicalCallId"] = alert.canonical_call_id
    annotations = {"summary": TITLES[alert.kind], "runbook_url": runbook_base + alert.runbook_url}
    if alert.missing:
        annotations["missing"] = _missing(alert)
    if alert.deadline_at is not None:
        annotations["deadline"] = format_instant(alert.deadline_at)
    return [
        {
            "labels": labels,
            "annotations": annotations,
            "startsAt": format_instant(alert.since),
            "endsAt": format_instant(max(ends, alert.since)),
        }
    ]


def slack_body(alert: JoinAlert, runbook_base: str = "") -> dict[str, Any]:
    """The alert as a Slack message; every value is escaped, so none can become a link, a mention or a channel."""
    mark = ":white_check_mark: Resolved: " if alert.state == "resolved" else ":rotating_light: "
    lines = [f"{mark}*{TITLES[alert.kind]}*"]
    if alert.canonical_call_id is not None:
        lines.append(f"Call `{_escaped(alert.canonical_call_id)}`")
    lines.append(f"Since {format_instant(alert.since)}")
    if alert.missing:
        lines.append(f"Missing: {_escaped(_missing(alert))}")
    if alert.deadline_at is not None and alert.state == "firing":
        lines.append(f"Deadline {format_instant(alert.deadline_at)}")
    lines.append(f"Runbook: {_escaped(runbook_base + alert.runbook_url)}")
    lines.append(f"Alert `{_escaped(alert.alert_id)}`")
    return {"text": "\n".join(lines), "unfurl_links": False}


def _missing(alert: JoinAlert) -> str:
    return ", ".join(f"{gap.kind} (from {gap.expected_from})" for gap in alert.missing)


def _escaped(text: str) -> str:
    """Slack's three control characters; a backtick or a star could end our own formatting."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("`", "'").replace("*", "∗").replace("~", "∼")


def endpoint_of(url: str, shape: Shape) -> str:
    """The full address: Alertmanager's may be given without its API path. Raises ValueError for what is no HTTP URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a webhook's address begins with http:// or https:// and names a host")
    if parts.port == 0:
        raise ValueError("port 0 is no address")
    if shape == "alertmanager" and not parts.path.rstrip("/").endswith(ALERTMANAGER_PATH):
        return urlunsplit(parts._replace(path=parts.path.rstrip("/") + ALERTMANAGER_PATH))
    return url


class Webhook:
    """Sends alerts, one at a time and in order; an async context manager."""

    def __init__(
        self,
        url: str,
        shape: Shape,
        *,
        token: str | None = None,
        runbook_base: str = "",
        timeout_s: float = 10.0,
        give_up_after_s: float = 300.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = endpoint_of(url, shape)
        self._host = urlsplit(self._url).hostname
        self._shape = shape
        self._runbook_base = f"{runbook_base.rstrip('/')}/" if runbook_base else ""
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._give_up_after_s = give_up_after_s
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def deliver(self, alert: JoinAlert) -> int:
        """Send until a 2xx comes; returns how many attempts it took. Raises one of the three WebhookErrors."""
        shaped = alertmanager_body if self._shape == "alertmanager" else slack_body
        body = write_json(shaped(alert, self._runbook_base))
        waited, wait, attempt = 0.0, FIRST_WAIT_S, 0
        while True:
            attempt += 1
            failure, pause = await self._attempt(body)
            if failure is None:
                return attempt
            pause = max(wait, pause)
            if waited + pause > self._give_up_after_s:
                raise WebhookUnavailable(f"{self._host} did not take the alert in {attempt} attempts: {failure}")
            await self._sleep(pause)
            waited += pause
            wait = min(wait * 2, LONGEST_WAIT_S)

    async def _attempt(self, body: bytes) -> tuple[str | None, float]:
        """One request: (None, 0) for a 2xx, else why to try again and how long the endpoint asked to wait."""
        assert self._session is not None, "use `async with`"
        try:
            # A redirected POST would arrive without its body, or somewhere that nobody chose.
            async with self._session.post(self._url, data=body, headers=self._headers, allow_redirects=False) as answer:
                status, asked = answer.status, answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _reason(error), 0.0
        if 200 <= status < 300:
            return None, 0.0
        if status in _REFUSED:
            raise WebhookRefused(f"{self._host} refuses this alert: HTTP {status}")
        if status >= 500 or status in _LATER:
            return f"HTTP {status}", float(asked) if _RETRY_AFTER.fullmatch(asked) else 0.0
        raise WebhookMisconfigured(f"{self._host} answers HTTP {status}: check the address, the shape and the token")


def _reason(error: Exception) -> str:
    """The kind of failure; a message of the HTTP library would quote the address and its secret."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or "no connection"
    return type(error).__name__
