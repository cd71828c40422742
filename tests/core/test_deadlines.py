"""The wheel says which calls are due, as a plain dictionary would, only faster."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.deadlines import DeadlineWheel

ARM = st.tuples(st.just("arm"), st.sampled_from("abcdefgh"), st.none() | st.integers(0, 20_000))
ASK = st.tuples(st.just("ask"), st.just(""), st.integers(0, 21_000))


@given(st.lists(ARM | ASK, max_size=60))
def test_it_answers_like_a_dictionary(operations: list[tuple[str, str, int | None]]) -> None:
    wheel, model = DeadlineWheel(), dict[str, int]()
    for operation, call, at in operations:
        if operation == "arm":
            wheel.arm(call, at)
            model.pop(call, None)
            if at is not None:
                model[call] = at
        else:
            wanted = sorted((due, name) for name, due in model.items() if due <= (at or 0))
            assert wheel.due(at or 0) == [name for _, name in wanted]
            assert wheel.due(at or 0) == [name for _, name in wanted]  # Asking takes nobody off.
        assert len(wheel) == len(model)
        assert wheel.oldest() == (min(model.values()) // 1000 * 1000 if model else None)
