"""The only place for `stream-app review`: list tasks, take and decide them, and turn a packet into a test."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from pathlib import Path
from typing import Any, NoReturn, get_args

import click

from stream_app.core.events import ReviewRecorded
from stream_app.core.instants import format_instant
from stream_app.core.policy import Outcome
from stream_app.core.reviews import ReviewTask
from stream_app.core.wire import read_json
from stream_app.settings import Settings

_within = click.option("--within", default=20.0, show_default=True, help="Seconds to wait for the stage's answer.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_reviewer = click.option("--reviewer", required=True, envvar="STREAM_APP_REVIEWER", help="Who you are.")
_hash = click.option(
    "--manifest-hash", metavar="sha256:HEX", help="What you have read. Default: where the task stands."
)
_MAX_TRANSCRIPT = 64 << 20


@click.group()
def review() -> None:
    """Review packets: list tasks, take one, decide it, promote it to a test.

    A worker must run the stage `review` (`stream-app worker --stages ...,review`).
    """


@review.command("list")
@click.option("--owner", help="Only tasks of this team.")
@click.option("--overdue", is_flag=True, help="Only tasks that are overdue.")
@click.option("--all", "everything", is_flag=True, help="Also what is decided.")
@_as_json
def list_tasks(owner: str | None, overdue: bool, everything: bool, as_json: bool) -> None:
    """List what is to be reviewed, the most urgent first. Exit codes: 0 listed, 3 Kafka is away."""
    tasks = [
        one
        for one in asyncio.run(_tasks(Settings())).values()
        if (everything or one.status == "queued")
        and (owner is None or one.owner == owner)
        and (not overdue or "review_overdue" in one.firing)
    ]
    order = ("highest", "high", "medium", "low")
    tasks.sort(key=lambda one: (order.index(one.priority), one.due_at, one.canonical_call_id))
    for one in tasks:
        click.echo(json.dumps(one.to_dict()) if as_json else _line(one))


@review.command()
@click.argument("call")
@_reviewer
@_hash
@_within
@_as_json
@click.option("--release", is_flag=True, help="Give it back instead.")
def take(call: str, reviewer: str, manifest_hash: str | None, within: float, as_json: bool, release: bool) -> None:
    """Take the task of a CALL for half an hour; again renews it.

    Exit codes: 0 it is yours, 1 refused (it says why), 2 wrong use, 3 no answer.
    """
    action = "release" if release else "take"
    _show(_said(call, within, manifest_hash, reviewer=reviewer, action=action), as_json)


@review.command()
@click.argument("call")
@click.argument("outcome", type=click.Choice((*get_args(Outcome), "ignore")))
@_reviewer
@_hash
@_within
@_as_json
@click.option("--note", help="Why, in a sentence.")
def decide(
    call: str, outcome: str, reviewer: str, manifest_hash: str | None, within: float, as_json: bool, note: str | None
) -> None:
    """Decide the review of a CALL.

    Exit codes: 0 decided, 1 refused (it says why), 2 wrong use, 3 no answer: look at the list before trying again.
    """
    _show(_said(call, within, manifest_hash, reviewer=reviewer, note=note, **_words(outcome)), as_json)


@review.command()
@click.argument("call")
@click.option("--to", "directory", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where to.")
@_reviewer
@_hash
@_within
@_as_json
def promote(call: str, directory: Path, reviewer: str, manifest_hash: str | None, within: float, as_json: bool) -> None:
    """Decide promote_to_regression for a CALL, and write its redacted fixture with what must hold.

    A call that is promoted already is only written. Exit codes: 0 written, 1 refused, 2 wrong use, 3 no answer.
    """
    from stream_app.core.fixtures import NoFixture

    settings = Settings()
    task = _task(asyncio.run(_tasks(settings)), call)
    if manifest_hash not in (None, task.manifest_hash):
        _refuse(f"the task stands at {task.manifest_hash}")
    try:
        fixture = asyncio.run(_fixture(settings, task))
    except NoFixture as error:
        _refuse(str(error))
    if task.status != "promoted_to_test":
        _said(call, within, task.manifest_hash, reviewer=reviewer, **_words("promote_to_regression"))
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{task.manifest_hash.removeprefix('sha256:')[:16]}.json"
    file.write_text(json.dumps(fixture, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    click.echo(json.dumps({"file": str(file), **fixture}) if as_json else f"written {file}")


def _words(outcome: str) -> dict[str, Any]:
    return {"action": "ignore"} if outcome == "ignore" else {"action": "decide", "outcome": outcome}


async def _tasks(settings: Settings) -> dict[str, ReviewTask]:
    """Every task as it stands, by call."""
    from stream_app.runtime.client import read_topic
    from stream_app.topics import REVIEW_TASKS

    found: dict[str, ReviewTask] = {}
    async for record in read_topic(settings, REVIEW_TASKS.name):
        if record.value is not None:
            task = ReviewTask.from_dict(read_json(record.value))
            found[task.canonical_call_id] = task
    return found


def _task(tasks: dict[str, ReviewTask], call: str) -> ReviewTask:
    if call not in tasks:
        _refuse(f"{call} has no review task: `stream-app review list --all` shows those there are")
    return tasks[call]


def _said(call: str, within: float, manifest_hash: str | None, **fields: Any) -> ReviewTask:
    """Say it to the stage, and what the task is then. Ends the command where it is refused or nobody answers."""
    settings = Settings()
    task = _task(asyncio.run(_tasks(settings)), call)
    event = ReviewRecorded(
        schema_version=1,
        event_id=f"review-{uuid.uuid4()}",
        type="review-recorded",
        source="stream-app review",
        occurred_at=time.time_ns() // 1_000_000,
        canonical_call_id=call,
        manifest_hash=manifest_hash or task.manifest_hash,
        version=task.version,
        expected_revision=task.revision,
        **fields,
    )
    answer = asyncio.run(_answer(settings, event, within))
    if answer is None:
        click.echo(
            f"no answer within {within:g} s: does a worker run the stage `review`? What was said may still count",
            err=True,
        )
        sys.exit(3)
    if isinstance(answer, str):
        _refuse(answer)
    return answer


async def _answer(settings: Settings, event: ReviewRecorded, within: float) -> ReviewTask | str | None:
    """The task as the event left it, or why it was refused; None where nobody has answered in time."""
    from stream_app.pipeline.ports import Outgoing
    from stream_app.runtime.client import Publisher, end_offsets, read_topic
    from stream_app.topics import DEAD_LETTERS, REVIEW_RECORDED, REVIEW_TASKS

    topics = (REVIEW_TASKS.name, DEAD_LETTERS.name)
    start: Any = await end_offsets(settings, *topics)
    call = event.canonical_call_id or ""
    async with Publisher(settings) as publisher:
        (written,) = await publisher.send_all([Outgoing(REVIEW_RECORDED.name, call.encode(), event.to_bytes())])
    until = time.monotonic() + within
    place = {"topic": REVIEW_RECORDED.name, "partition": written.partition, "offset": written.offset}
    async for record in read_topic(settings, *topics, start=start, follow=True, stop=lambda: time.monotonic() > until):
        document = read_json(record.value or b"null")
        if record.topic == REVIEW_TASKS.name:
            if document is not None and document.get("lastEventId") == event.event_id:
                return ReviewTask.from_dict(document)
        elif document["position"] == place:
            return str(document["detail"])
    return None


async def _fixture(settings: Settings, task: ReviewTask) -> dict[str, Any]:
    """The task's packet as a fixture. Raises NoFixture and StoreError."""
    from stream_app import app
    from stream_app.core.fixtures import NoFixture, fixture_of
    from stream_app.core.packet import Packet
    from stream_app.core.transcripts import TranscriptReport, examine
    from stream_app.runtime.client import read_topic
    from stream_app.topics import PACKETS

    found: Packet | None = None
    async for record in read_topic(settings, PACKETS.name):
        if record.key == task.canonical_call_id.encode() and record.value is not None:
            packet = Packet.from_dict(read_json(record.value))
            found = packet if packet.manifest_hash == task.manifest_hash else found
    if found is None:
        raise NoFixture("its packet is not on the topic any more")
    if found.redacted_transcript_uri is None:
        return fixture_of(found, TranscriptReport())
    async with app.object_store(settings) as store:
        body = await store.get(found.redacted_transcript_uri, max_bytes=_MAX_TRANSCRIPT)
    return fixture_of(found, examine(body))


def _refuse(why: str) -> NoReturn:
    click.echo(f"refused: {why}", err=True)
    sys.exit(1)


def _show(task: ReviewTask, as_json: bool) -> None:
    click.echo(json.dumps(task.to_dict()) if as_json else _line(task))


def _line(task: ReviewTask) -> str:
    held = f", taken by {task.assignee} until {format_instant(task.lease_until)}" if task.lease_until else ""
    late = " OVERDUE" if "review_overdue" in task.firing else ""
    return (
        f"{task.priority:<7} {task.status:<16} {task.canonical_call_id} v{task.version} {task.selection_reason} "
        f"for {task.owner or '(nobody)'}, due {format_instant(task.due_at)}{late}{held} {task.manifest_hash}"
    )
