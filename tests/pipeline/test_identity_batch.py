"""What the identity stage holds of a batch: an alias as its row says, and a record's effects as they were gathered."""

from __future__ import annotations

from stream_app.core.alias_rows import EXPIRE, write_row
from stream_app.core.identity import Alias
from stream_app.pipeline.identity_batch import Done, Held
from stream_app.pipeline.ports import Outgoing


def test_an_alias_without_a_row_is_new_and_one_with_a_row_is_what_it_says() -> None:
    new = Held(b"livekitRoom:r", None)
    assert (new.state, new.due, new.stored, new.changed_by) == (Alias("livekitRoom:r"), None, None, -1)
    state = Alias("livekitRoom:r", canonical_call_id="call-1")
    known = Held(b"livekitRoom:r", write_row(state, (EXPIRE, 5)))
    assert (known.state, known.due, known.stored) == (state, (EXPIRE, 5), (EXPIRE, 5))


def test_effects_are_what_was_gathered() -> None:
    done = Done([Outgoing("evidence", b"call-1", b"{}")])
    done.rows.append((b"a:b", b"row"))
    done.local.append((b"expire/x", None))
    done.receipts, done.expects = ("r",), ("e",)
    effects = done.effects()
    assert [send.topic for send in effects.sends] == ["evidence"]
    assert (effects.rows, effects.local) == (((b"a:b", b"row"),), ((b"expire/x", None),))
    assert (effects.receipts, effects.expects, effects.then, effects.in_turn) == (("r",), ("e",), (), ())
