"""Content credentials: a signed note in an image that says where it comes from.

The standard of the Coalition for Content Provenance and Authenticity (C2PA) puts a
*manifest* into the file: who made it, with what, and a checksum of the rest, signed
with a key whose certificate is enclosed. Whoever changes a byte breaks the checksum.
Whoever saves the picture anew, with a program that knows nothing of manifests, leaves
it out, and nothing shows that there ever was one.

Everything here works without a network. The certificate is one that we issue ourselves:
a reader finds the signature whole and its signer unknown.

It needs ``c2pa-python``; pillow, which writes the images, comes with Matplotlib.

Reference:
    Coalition for Content Provenance and Authenticity, *C2PA Technical Specification*,
    version 2.1, 2024, c2pa.org/specifications.
"""

from __future__ import annotations

import datetime
import io
import json
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genbook._validate import check_kind, check_tensor, check_text, check_unit_interval

__all__ = ["Credentials", "Signer", "png", "read_credentials", "resave", "sign"]

#: How the standard names what a trained model made.
MADE_BY_A_MODEL = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
)


class Credentials(NamedTuple):
    """What an image says of its origin.

    Attributes:
        found: Whether there is a manifest.
        intact: Whether the signature fits, and every byte of the rest is as it was.
        maker: What made the image, by the manifest.
        by_a_model: Whether the manifest says that a trained model made it.
        remarks: What the reader objects to, in the words of the standard.
    """

    found: bool
    intact: bool
    maker: str
    by_a_model: bool
    remarks: tuple[str, ...]


class Signer:
    """A key and a chain of two certificates, made on the spot and known to nobody.

    Args:
        organisation: Who signs.

    Raises:
        ModuleNotFoundError: If ``c2pa-python`` is not installed.
        TypeError: If ``organisation`` is no text.
        ValueError: If it is empty or longer than 64 letters.

    Example:
        >>> Signer("genbook").organisation
        'genbook'
    """

    def __init__(self, organisation: str) -> None:
        self.organisation = check_text(organisation, "organisation")
        if not 1 <= len(organisation) <= 64 or not organisation.isprintable():
            raise ValueError(
                f"organisation must have 1 to 64 printable letters, got "
                f"{organisation[:80]!r}"
            )
        _c2pa()
        self._chain, self._key = _certificates(organisation)


def png(x: Tensor) -> bytes:
    """Return an image as the bytes of a PNG file.

    Args:
        x: The image with values in [0, 1], ``(1, height, width)`` or
            ``(3, height, width)``.

    Raises:
        TypeError: If ``x`` is no floating-point tensor.
        ValueError: If it has another shape, or values outside [0, 1].

    Example:
        >>> png(torch.zeros(1, 8, 8))[1:4]
        b'PNG'
    """
    from PIL import Image

    x = check_unit_interval(check_tensor(x, "x", ("channels", "height", "width")), "x")
    if x.shape[0] not in (1, 3):
        raise ValueError(f"x must have 1 or 3 channels, got {x.shape[0]}")
    levels = (x * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    image = Image.fromarray(levels[:, :, 0] if x.shape[0] == 1 else levels)
    return _saved(image)


def sign(image: bytes, signer: Signer, *, maker: str, title: str = "sample") -> bytes:
    """Return a PNG file with a manifest that says that a model made it.

    Args:
        image: The bytes of a PNG file.
        signer: Who vouches for it.
        maker: The name of what made the image.
        title: The title of the image.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If ``image`` is no PNG file.

    Example:
        >>> signed = sign(png(torch.zeros(1, 8, 8)), Signer("a"), maker="genbook")
        >>> read_credentials(signed).maker
        'genbook'
    """
    c2pa = _c2pa()
    source = io.BytesIO(_check_png(image))
    check_kind(signer, "signer", Signer)
    made = {"action": "c2pa.created", "digitalSourceType": MADE_BY_A_MODEL}
    manifest = {
        "claim_generator_info": [{"name": check_text(maker, "maker")}],
        "title": check_text(title, "title"),
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [made]}}],
    }
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ES256, signer._chain, signer._key, None
    )
    signed = io.BytesIO()
    builder = c2pa.Builder(json.dumps(manifest))
    builder.sign(c2pa.Signer.from_info(info), "image/png", source, signed)
    return signed.getvalue()


def read_credentials(image: bytes) -> Credentials:
    """Return what a PNG file says of its origin, and whether that holds.

    An unknown signer is a remark and leaves the credentials intact: whom to trust is
    for the reader to say.

    Args:
        image: The bytes of a PNG file.

    Raises:
        ModuleNotFoundError: If ``c2pa-python`` is not installed.
        TypeError: If ``image`` is no bytes.
        ValueError: If it is no PNG file.

    Example:
        >>> read_credentials(png(torch.zeros(1, 8, 8))).found
        False
    """
    c2pa = _c2pa()
    file = io.BytesIO(_check_png(image))
    try:
        said: dict[str, Any] = json.loads(c2pa.Reader("image/png", file).json())
    except c2pa.C2paError.ManifestNotFound:
        return Credentials(False, False, "", False, ())
    except c2pa.C2paError as error:  # a manifest that cannot be read at all
        return Credentials(True, False, "", False, (str(error),))
    manifest = said.get("manifests", {}).get(said.get("active_manifest"), {})
    remarks = tuple(s["code"] for s in said.get("validation_status", ()))
    makers = manifest.get("claim_generator_info") or [{}]
    return Credentials(
        True,
        all(code == "signingCredential.untrusted" for code in remarks),
        makers[0].get("name", ""),
        MADE_BY_A_MODEL in json.dumps(manifest.get("assertions", ())),
        remarks,
    )


def resave(image: bytes) -> bytes:
    """Return a PNG file as a program writes it that knows nothing of manifests.

    Args:
        image: The bytes of a PNG file.

    Raises:
        TypeError: If ``image`` is no bytes.
        ValueError: If it is no PNG file.

    Example:
        >>> plain = png(torch.zeros(1, 8, 8))
        >>> resave(plain) == plain
        True
    """
    from PIL import Image

    return _saved(Image.open(io.BytesIO(_check_png(image))))


def _saved(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _check_png(image: bytes) -> bytes:
    """Return bytes that begin as a PNG file does."""
    if not isinstance(image, bytes):
        raise TypeError(f"image must be bytes, got {type(image).__name__}")
    if not image.startswith(b"\x89PNG\r\n\x1a\n") or b"IEND" not in image:
        raise ValueError(f"image must be a PNG file, got {image[:8]!r} …")
    return image


def _c2pa() -> Any:
    """Return the library, or say how to get it."""
    try:
        import c2pa
    except ImportError as error:
        raise ModuleNotFoundError(
            "content credentials need c2pa-python, which is not installed; "
            "run: pip install c2pa-python"
        ) from error
    return c2pa


def _certificates(organisation: str) -> tuple[bytes, bytes]:
    """Return a chain of certificates, leaf first, and the key of the leaf, as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate(f"{organisation} root", organisation, root_key)
    leaf = _certificate(organisation, organisation, key, root, root_key)
    pem = serialization.Encoding.PEM
    chain = leaf.public_bytes(pem) + root.public_bytes(pem)
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return chain, private


def _certificate(
    name: str, organisation: str, key: Any, issuer: Any = None, issuer_key: Any = None
) -> Any:
    """Return a certificate of a month: a root, or what a root vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    root, by = issuer is None, issuer_key or key
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
        ]
    )
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment"), False
    ) | dict.fromkeys(("key_agreement", "encipher_only", "decipher_only"), False)
    known_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if root else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=root, crl_sign=root, **usage
            ),
            True,
        )
        .add_extension(known_by, False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
        )
    )
    if not root:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, True)
    return builder.sign(by, hashes.SHA256())
