"""`stream-app ledger` on a real broker: what stands there, byte for byte, and where it has come to."""

from __future__ import annotations

import json
from pathlib import Path

from stream_app.core.canonical import canonical_bytes
from stream_app.dev.state import Endpoints
from stream_app.pipeline.ports import Outgoing
from stream_app.topics import LEDGER
from tests.deployments import deployment
from tests.tools.sealed_copy import TRUST, sealed
from tests.tools.test_verify_ledger import chain


def test_what_is_exported_proves_a_copy_and_the_head_proves_the_end(stack: Endpoints, tmp_path: Path) -> None:
    entries = [canonical_bytes(entry.to_dict()) for entry in chain()]
    for name, body in sealed().items():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / name).write_bytes(body)
    (tmp_path / "trust.json").write_bytes(TRUST)
    with deployment(stack, topics=(LEDGER.name,)) as made:
        none = made.run("ledger", "export")
        assert (none.returncode, none.stdout) == (1, "")
        assert "no entry yet" in none.stderr
        assert made.run("ledger", "head").returncode == 1
        made.send(*(Outgoing(LEDGER.name, b"1", value, partition=1) for value in entries))
        written = made.run("ledger", "export", "--to", str(tmp_path / "ledger.jsonl"))
        assert written.returncode == 0, written.stderr
        assert (tmp_path / "ledger.jsonl").read_bytes() == b"".join(entry + b"\n" for entry in entries)
        assert made.run("ledger", "export", "--to", str(tmp_path / "ledger.jsonl")).returncode == 2
        head = made.run("ledger", "head", "--json")
        assert json.loads(head.stdout) == {"heads": [{"partition": 1, "number": 4, "root": chain()[-1].root}]}
        assert "entry 4" in made.run("ledger", "head").stdout
        (tmp_path / "head.json").write_text(head.stdout)
        words = ["verify", str(tmp_path / "copy"), "--trust", str(tmp_path / "trust.json"), "--part",
                 "--ledger", str(tmp_path / "ledger.jsonl"), "--ledger-head", str(tmp_path / "head.json")]  # fmt: skip
        good = made.run(*words, "--json")
        assert good.returncode == 0, good.stdout
        assert json.loads(good.stdout)["ledger"] == {"entries": 5, "uncovered": []}
        (tmp_path / "ledger.jsonl").write_bytes(b"\n".join(entries[:3] + entries[4:]))
        bad = made.run(*words)
        assert bad.returncode == 1
        assert "entry 3 is not there" in bad.stdout
        (tmp_path / "ledger.jsonl").write_bytes(b"\n".join(entries[:2]))
        short = made.run(*words)
        assert short.returncode == 1
        assert "its end is missing" in short.stdout
        made.send(Outgoing(LEDGER.name, b"1", b"{}", partition=1))
        strange = made.run("ledger", "head")
        assert strange.returncode == 1
        assert "1 records of the ledger are no entries" in strange.stderr


def test_a_ledger_is_for_a_copy_and_a_head_for_a_ledger(stack: Endpoints, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "ledger").write_bytes(b"")
    with deployment(stack, topics=()) as made:
        assert made.run("verify", str(tmp_path / "copy"), "--part").returncode == 2
        assert made.run("verify", "s3://b/k", "--ledger", str(tmp_path / "ledger")).returncode == 2
        assert made.run("ledger", "export").returncode == 3
