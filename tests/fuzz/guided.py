"""One provider under atheris: coverage decides which bent payloads are bent further. Run by `tests.fuzz`."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,unused-ignore]

with atheris.instrument_imports(
    include=["stream_app.providers", "stream_app.core.wire", "stream_app.core.cloud_events"]
):
    from tests.fuzz.target import bent, check, target


def main() -> None:
    """`guided PROVIDER <options of libFuzzer> CORPUS`; never returns: libFuzzer ends the process."""
    provider = target(sys.argv[1])

    def one(data: bytes) -> None:
        check(provider, data)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        # Now and then its bytes too: a name or a number that differs in one character.
        return atheris.Mutate(data, len(data)) if seed % 4 == 0 else bent(data, seed, max_size)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
