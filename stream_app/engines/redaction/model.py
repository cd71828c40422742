"""The only place that runs the name model: turns in, spans out. It holds a processor for itself: see pool.py."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stream_app.core.redaction.spans import Span
from stream_app.engines.redaction.weights import ModelUnavailable, files

KINDS: dict[str, str] = {
    "GIVEN_NAME": "PERSON", "SURNAME": "PERSON", "EMAIL": "EMAIL", "PHONE": "PHONE", "TAX_ID": "US_SSN",
    "BANK_ACCOUNT": "BANK_ACCOUNT", "ROUTING_NUMBER": "ROUTING", "GOVERNMENT_ID": "MEMBER_ID",
    "PASSPORT": "MEMBER_ID", "DRIVERS_LICENSE": "MEMBER_ID", "BUILDING_NUMBER": "ADDRESS", "STREET_NAME": "ADDRESS",
    "SECONDARY_ADDRESS": "ADDRESS", "CITY": "CITY", "STATE": "CITY", "ZIP_CODE": "ZIP",
}  # fmt: skip
"""The model's labels as our kinds; what is not here (URL) is not used."""

THRESHOLD = 0.5
MAX_TOKENS = 256
BATCH = 8
REMEMBERED = 4096
"""Turns whose answer is kept: what an agent says repeats from call to call."""


class Model:
    """A loaded model. One thread; about 110 MB."""

    def __init__(self, session: Any, tokenizer: Any, labels: Sequence[str]) -> None:
        """Use `Model.load`."""
        self._session = session
        self._tokenizer = tokenizer
        self._labels = tuple(labels)
        self._seen: OrderedDict[str, tuple[Span, ...]] = OrderedDict()

    @classmethod
    def load(cls, cache: Path | None = None) -> Model:
        """Load it; the first time ever, 8-bit weights are made. Raises ModelUnavailable."""
        found = files(cache)
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelUnavailable(f"{error.name} is not installed; `make setup` installs it") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(found.model), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(found.tokenizer))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return cls(session, tokenizer, found.labels)

    def find(self, texts: Sequence[str]) -> list[tuple[Span, ...]]:
        """Spans of each turn. Which turns are worth it the caller decides (core/redaction/worth.py)."""
        out: list[tuple[Span, ...]] = [()] * len(texts)
        todo: list[tuple[int, Any]] = []
        for number, text in enumerate(texts):
            if text in self._seen:
                self._seen.move_to_end(text)
                out[number] = self._seen[text]
            else:
                todo.append((number, self._tokenizer.encode(text)))
        todo.sort(key=lambda one: len(one[1].ids))
        for at in range(0, len(todo), BATCH):
            batch = todo[at : at + BATCH]
            for (number, encoding), spans in zip(batch, self._run([one for _, one in batch]), strict=True):
                out[number] = tuple(spans)
                self._keep(texts[number], out[number])
                for rest in encoding.overflowing:
                    out[number] += tuple(self._run([rest])[0])
        return out

    def _keep(self, text: str, spans: tuple[Span, ...]) -> None:
        self._seen[text] = spans
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _run(self, encodings: Sequence[Any]) -> list[list[Span]]:
        import numpy

        longest = max(len(one.ids) for one in encodings)
        ids = numpy.zeros((len(encodings), longest), numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, one in enumerate(encodings):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        logits = self._session.run(None, feed)[0]
        best = logits.argmax(-1)
        peak = numpy.take_along_axis(logits, best[..., None], -1)[..., 0]
        sure = 1.0 / numpy.exp(logits - peak[..., None]).sum(-1) >= THRESHOLD
        return [self._spans(one, best[row], sure[row]) for row, one in enumerate(encodings)]

    def _spans(self, encoding: Any, best: Any, sure: Any) -> list[Span]:
        """Neighbouring tokens of one kind as one span, whole words always."""
        spans: list[Span] = []
        last_word = None
        for place, (start, end) in enumerate(encoding.offsets):
            word = encoding.word_ids[place]
            if end <= start or word is None:
                continue
            label = self._labels[int(best[place])]
            kind = KINDS.get(label[2:]) if sure[place] else None
            touching = bool(spans) and last_word is not None and (word == last_word or start - spans[-1].end <= 1)
            if kind is None:
                if spans and word == last_word and spans[-1].end == start:
                    spans[-1] = Span(spans[-1].start, end, spans[-1].kind, "ner")  # The rest of a word that began one.
                continue
            if touching and spans[-1].kind == kind:
                spans[-1] = Span(spans[-1].start, end, kind, "ner")
            else:
                spans.append(Span(_word_start(encoding, place), end, kind, "ner"))
            last_word = word
        return spans


def _word_start(encoding: Any, place: int) -> int:
    """Where the word of this token begins."""
    while place and encoding.word_ids[place - 1] == encoding.word_ids[place]:
        place -= 1
    start: int = encoding.offsets[place][0]
    return start
