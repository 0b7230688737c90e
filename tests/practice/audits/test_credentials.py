"""Credentials: signed and read offline, broken by a byte, gone with a re-save."""

from __future__ import annotations

import io
import socket

import pytest
import torch
from PIL import Image

from genbook.practice.audits.credentials import (
    Signer,
    png,
    read_credentials,
    resave,
    sign,
)

IMAGE = torch.rand(1, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign(png(IMAGE), Signer("a publisher"), maker="a model", title="a digit")


def test_png_holds_the_levels() -> None:
    for x in (IMAGE, IMAGE.expand(3, 12, 10)):
        levels = torch.tensor(list(Image.open(io.BytesIO(png(x))).tobytes()))
        wanted = (x * 255).round().permute(1, 2, 0).flatten().long()
        assert torch.equal(levels, wanted)


def test_signed_offline_and_read_offline(monkeypatch) -> None:
    def no_network(*args, **kwargs):
        raise AssertionError("a look at the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    image = sign(png(IMAGE), Signer("somebody"), maker="a model")
    found = read_credentials(image)
    assert (found.found, found.intact, found.by_a_model) == (True, True, True)
    assert found.maker == "a model"
    assert found.remarks == ("signingCredential.untrusted",)


def test_the_picture_is_unchanged(signed: bytes) -> None:
    before, after = (Image.open(io.BytesIO(b)).tobytes() for b in (png(IMAGE), signed))
    assert before == after


@pytest.mark.parametrize("where", [0.002, 0.2, 0.5, 0.9, 0.9999])
def test_a_flipped_byte_is_noticed(signed: bytes, where: float) -> None:
    changed = bytearray(signed)
    place = max(int(where * len(signed)), 40)
    changed[min(place, len(signed) - 14)] ^= 1
    found = read_credentials(bytes(changed))
    assert not found.intact
    assert found.remarks


def test_another_picture_under_the_same_credentials_is_noticed(signed: bytes) -> None:
    """The pixels are changed, the manifest is kept: chunks of one file in another."""

    def chunks(b: bytes) -> list[bytes]:
        out, at = [], 8
        while at < len(b):
            size = 12 + int.from_bytes(b[at : at + 4])
            out.append(b[at : at + size])
            at += size
        return out

    mine = chunks(signed)
    other = next(c for c in chunks(png(1 - IMAGE)) if c[4:8] == b"IDAT")
    forged = signed[:8] + b"".join(other if c[4:8] == b"IDAT" else c for c in mine)
    assert read_credentials(signed).intact
    assert not read_credentials(forged).intact


def test_saving_anew_leaves_nothing(signed: bytes) -> None:
    again = resave(signed)
    assert read_credentials(again) == (False, False, "", False, ())
    assert again == png(IMAGE)


def test_anybody_can_sign_and_is_unknown() -> None:
    image = sign(png(IMAGE), Signer("a forger"), maker="a camera")
    found = read_credentials(image)
    assert found.intact
    assert "signingCredential.untrusted" in found.remarks


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="image must be a PNG file"):
        read_credentials(b"GIF89a")
    with pytest.raises(TypeError, match="image must be bytes, got str"):
        resave("picture.png")
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        png(torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match="1 to 64 printable letters"):
        Signer("")
