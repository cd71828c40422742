"""The only place for choosing ports on loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Mapping

from stream_app.dev.parts import LOOPBACK

# Below the kernel's range for outgoing connections, so that no client socket can take a port between choice and use.
_RANGE = range(20_000, 30_000)


def is_free(port: int) -> bool:
    """True if nothing listens on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose(
    names: Iterable[str],
    *,
    wanted: Mapping[str, int] | None = None,
    paired: Mapping[str, str] | None = None,
    avoid: Iterable[int] = (),
) -> dict[str, int]:
    """One free port for each name.

    `wanted` ports are kept where they are free (the same endpoints after a restart). `paired` maps a name to the
    one whose port plus 10,000 it must be (SeaweedFS's own rule for gRPC). `avoid` ports are never given.
    """
    pairs = dict(paired or {})
    before = dict(wanted or {})
    chosen: dict[str, int] = {}
    used = set(avoid)
    followers = {leader: name for name, leader in pairs.items()}

    def fits(port: int, name: str) -> bool:
        takes = {port} | ({port + 10_000} if name in followers else set())
        return not takes & used and all(is_free(one) for one in takes)

    for name in names:
        if name in pairs:
            continue
        candidates = [before[name]] if name in before else []
        candidates += random.sample(_RANGE, 200)
        port = next((one for one in candidates if fits(one, name)), None)
        if port is None:
            raise OSError(f"none of 200 ports tried on {LOOPBACK} is free for {name}")
        chosen[name] = port
        used.add(port)
        if name in followers:
            chosen[followers[name]] = port + 10_000
            used.add(port + 10_000)
    return chosen
