"""A certificate authority of the home's own, so that scheduler, worker and app speak TLS on loopback."""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_YEARS = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Certificates:
    authority: Path
    certificate: Path
    key: Path

    def exist(self) -> bool:
        return all(path.exists() for path in (self.authority, self.certificate, self.key))


def ensure(folder: Path) -> Certificates:
    """The certificates in `folder`, made on first use, readable by their owner only."""
    made = Certificates(folder / "ca.pem", folder / "node.pem", folder / "node.key")
    if made.exist():
        return made
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate(
        "Wellplate authority", authority_key, authority_key, issuer="Wellplate authority"
    )
    node_key = ec.generate_private_key(ec.SECP256R1())
    node = _certificate("Wellplate node", node_key, authority_key, issuer="Wellplate authority")
    _write(made.authority, authority.public_bytes(serialization.Encoding.PEM))
    _write(made.certificate, node.public_bytes(serialization.Encoding.PEM))
    private = node_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(made.key, private)
    return made


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, *, issuer: str
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    own = key is signer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
    )
    if not own:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
