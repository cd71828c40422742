"""Links: what may be fetched, what must not be, and that nothing but the content ever comes back."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stream_app.sinks.links import LinkFetcher, Unfetched, is_public

HOST, OTHER = "files.example.org", "other.example.org"
CONTENT = b"audio" * 1000


class ToLoopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[Any]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName(OTHER)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "test.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Files:
    """A server of files that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        self.headers.append(dict(request.headers))
        name = request.match_info["name"]
        if name.startswith("to-"):
            targets = {
                "to-same": "/file", "to-other": f"https://{OTHER}:{self.port}/file", "to-itself": "/to-itself",
                "to-plain": f"http://{HOST}:{self.port}/file", "to-metadata": "https://169.254.169.254/latest",
            }  # fmt: skip
            raise web.HTTPFound(targets[name])
        if name == "slow":
            await asyncio.sleep(30)
        if name == "gone":
            raise web.HTTPNotFound
        if name == "packed":
            return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})
        if name == "endless":
            stream = web.StreamResponse()
            await stream.prepare(request)
            while True:
                await stream.write(CONTENT)
        return web.Response(body=CONTENT)


@pytest.fixture
async def files(certificate: Path) -> AsyncIterator[Files]:
    served = Files()
    app = web.Application()
    app.router.add_get("/{name}", served.answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    served.port = runner.addresses[0][1]
    yield served
    await runner.cleanup()


@pytest.fixture
async def fetcher(files: Files, certificate: Path) -> AsyncIterator[LinkFetcher]:
    async with _fetcher(files, certificate) as made:
        yield made


def _fetcher(files: Files, certificate: Path, **changes: Any) -> LinkFetcher:
    arguments: dict[str, Any] = {
        "max_bytes": len(CONTENT), "within_s": 5, "allowed": lambda _: True, "resolver": ToLoopback(),
        "trust": ssl.create_default_context(cafile=str(certificate)), "port": files.port,
    }  # fmt: skip
    return LinkFetcher((HOST, OTHER), **(arguments | changes))


async def test_a_link_is_fetched_as_it_is_written(fetcher: LinkFetcher, files: Files) -> None:
    link = f"https://{HOST}:{files.port}/file?X-Sig=a%2Fb+c%3D&x=%7e"
    assert await fetcher.fetch(link) == CONTENT
    assert files.asked == ["/file?X-Sig=a%2Fb+c%3D&x=%7e"]
    assert "Cookie" not in files.headers[0]
    assert files.headers[0]["Accept-Encoding"] == "identity"


async def test_a_redirect_to_the_same_host_is_followed(fetcher: LinkFetcher, files: Files) -> None:
    assert await fetcher.fetch(f"https://{HOST}:{files.port}/to-same") == CONTENT


@pytest.mark.parametrize(
    ("name", "reason", "asked"),
    [
        ("to-other", "host_not_allowed", 1),
        ("to-plain", "host_not_allowed", 1),
        ("to-metadata", "host_not_allowed", 1),
        ("to-itself", "not_fetched", 4),
        ("gone", "not_fetched", 1),
        ("packed", "not_fetched", 1),
        ("endless", "too_large", 1),
    ],
)
async def test_what_is_not_to_be_had_is_said(
    fetcher: LinkFetcher, files: Files, name: str, reason: str, asked: int
) -> None:
    with pytest.raises(Unfetched, match=reason) as caught:
        await fetcher.fetch(f"https://{HOST}:{files.port}/{name}?sig=own-hidden")
    assert (caught.value.reason, len(files.asked)) == (reason, asked)
    assert "hidden" not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_size_time_addresses_and_certificates(files: Files, certificate: Path) -> None:
    changes: list[tuple[dict[str, Any], str, str]] = [
        ({"max_bytes": len(CONTENT) - 1}, "file", "too_large"),
        ({"within_s": 0.2}, "slow", "too_slow"),
        ({"allowed": is_public}, "file", "not_fetched"),
        ({"trust": None}, "file", "not_fetched"),
    ]
    for change, name, reason in changes:
        async with _fetcher(files, certificate, **change) as fetcher:
            with pytest.raises(Unfetched, match=reason):
                await fetcher.fetch(f"https://{HOST}:{files.port}/{name}")
    assert files.asked == ["/file", "/slow"]


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org/x", "https://a.b.example.org/x?y", "HTTPS://EXAMPLE.org:443/", "https://u:p@example.org/x",
        "https://example.org./x",
    ],
)  # fmt: skip
def test_hosts_of_the_list_and_below_it(link: str) -> None:
    assert LinkFetcher((" Example.org. ",), max_bytes=1, within_s=1).allows(link)


@pytest.mark.parametrize(
    "link",
    [
        "http://example.org/x", "ftp://example.org/x", "s3://example.org/x", "https://notexample.org/x",
        "https://example.org.evil.com/x", "https://example.org:8443/x", "https://evil.com/?https://example.org/",
        "https://evil.com#@example.org/", "https://example.org@evil.com/", "https://evil.com\\@example.org/",
        "https://example.org\\.evil.com/", "https://exa\tmple.org/", "https://example.org /x", "https:///x", "https://",
        "example.org/x", "", "https://[::1]/x", "https://127.0.0.1/x", "https://2130706433/x", "https://localhost/x",
        "https://example.org:port/x", "https://[example.org/", "https://.example.org/x", "https://example。org/x",
    ],
)  # fmt: skip
def test_everything_else_is_not_fetched(link: str) -> None:
    assert not LinkFetcher(("example.org", "127.0.0.1", "localhost", "1", ""), max_bytes=1, within_s=1).allows(link)


def test_no_host_is_allowed_by_default() -> None:
    assert not LinkFetcher((), max_bytes=1, within_s=1).allows("https://example.org/x")


async def test_a_host_that_is_not_allowed_is_not_even_asked_for() -> None:
    with pytest.raises(Unfetched, match="host_not_allowed"):
        await LinkFetcher((), max_bytes=1, within_s=1).fetch("https://example.org/x")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.1.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "ff0e::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
        "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "240.0.0.1", "not an address", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)
    assert address in ("not an address", "") or ipaddress.ip_address(address.partition("%")[0])
