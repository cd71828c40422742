"""Ports are free, distinct, paired where they must be, and kept where they can be."""

from __future__ import annotations

import socket

from stream_app.dev import ports
from stream_app.dev.store import PAIRED_PORTS, PORT_NAMES


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not ports.is_free(server.getsockname()[1])


def test_all_ports_are_distinct_and_paired() -> None:
    chosen = ports.choose(PORT_NAMES, paired=PAIRED_PORTS)
    assert set(chosen) == set(PORT_NAMES)
    assert len(set(chosen.values())) == len(PORT_NAMES)
    assert chosen["admin.grpc"] == chosen["admin"] + 10_000
    assert all(ports.is_free(port) for port in chosen.values())


def test_a_port_of_before_is_kept_unless_it_is_taken() -> None:
    before = ports.choose(["broker"])
    assert ports.choose(["broker"], wanted=before) == before
    assert ports.choose(["broker"], wanted=before, avoid=before.values()) != before
    with socket.socket() as server:
        server.bind(("127.0.0.1", before["broker"]))
        server.listen()
        assert ports.choose(["broker"], wanted=before) != before


def test_a_leader_whose_pair_is_taken_gets_another_port() -> None:
    before = ports.choose(["admin", "admin.grpc"], paired=PAIRED_PORTS)
    with socket.socket() as server:
        server.bind(("127.0.0.1", before["admin.grpc"]))
        server.listen()
        after = ports.choose(["admin", "admin.grpc"], wanted=before, paired=PAIRED_PORTS)
    assert after["admin"] != before["admin"]
    assert after["admin.grpc"] == after["admin"] + 10_000
