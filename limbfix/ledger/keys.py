"""Who signs? An Ed25519 key in a file that only its owner can read.

The private key is PKCS8 PEM, mode 0600, never in the ledger and never shown. Its public half is in every head, and
`limbfix ledger key` prints it for those who verify elsewhere.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbfix.errors import MissingExtra, SigningKeyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_HEX_SIGNATURE = re.compile("[0-9a-f]{128}")
KEY_VARIABLE = "LIMBFIX_LEDGER_KEY"


def default_key_path() -> Path:
    """Returns where the key lies: LIMBFIX_LEDGER_KEY, else the user's configuration folder."""
    if given := os.environ.get(KEY_VARIABLE):
        return Path(given)
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "limbfix" / "ledger_key.pem"


class SigningKey:
    """A private key in memory. Make one with `load_key` or `make_key`."""

    def __init__(self, key: Ed25519PrivateKey, path: Path) -> None:
        self._key, self.path = key, path

    @property
    def public_hex(self) -> str:
        """The public key, 64 hex digits."""
        return self._key.public_key().public_bytes_raw().hex()

    @property
    def public_pem(self) -> str:
        """The public key as PEM."""
        serial = _serialization()
        form = serial.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serial.Encoding.PEM, form).decode("ascii")

    def sign(self, message: bytes) -> str:
        """Returns the signature, hex."""
        return self._key.sign(message).hex()


def make_key(path: Path) -> SigningKey:
    """Makes a key file, mode 0600. An existing file is never replaced.

    Raises:
        SigningKeyError: something is there already, or the place cannot be written.
        MissingExtra: cryptography is not installed.
    """
    ed25519, serial = _ed25519(), _serialization()
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serial.Encoding.PEM, serial.PrivateFormat.PKCS8, serial.NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
    except FileExistsError as error:
        raise SigningKeyError(
            f"key {path}: expected no file there, got one; it was left as it is. Name another place"
        ) from error
    except OSError as error:
        raise SigningKeyError(f"key {path}: expected a writable place, got: {error}") from error
    return SigningKey(key, path)


def load_key(path: Path) -> SigningKey:
    """Reads a key file.

    Raises:
        SigningKeyError: missing, no Ed25519 key, or readable by others than its owner.
        MissingExtra: cryptography is not installed.
    """
    ed25519, serial = _ed25519(), _serialization()
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(
            f"key {path}: expected a readable file, got: {error}. A ledger is only ever continued with the key that began "
            "it; put that file there, or name it with --key"
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SigningKeyError(
            f"key {path}: expected mode 0600, got {stat.S_IMODE(mode):04o}: others may have read it. "
            f"If nobody has: chmod 600 {path}"
        )
    try:
        key = serial.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyError(f"key {path}: expected an Ed25519 key as PKCS8 PEM, got: {error}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SigningKeyError(f"key {path}: expected an Ed25519 key, got {type(key).__name__}")
    return SigningKey(key, path)


def read_public_key(path: Path) -> str:
    """Returns a public key, hex, from PEM or from 64 hex digits.

    Raises:
        SigningKeyError: the file holds neither.
    """
    ed25519, serial = _ed25519(), _serialization()
    try:
        data = path.read_bytes().strip()
        if len(data) == 64:
            return bytes.fromhex(data.decode("ascii")).hex()
        key = serial.load_pem_public_key(data)
    except (OSError, ValueError, TypeError) as error:
        raise SigningKeyError(f"public key {path}: expected PEM or 64 hex digits, got: {error}") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise SigningKeyError(f"public key {path}: expected an Ed25519 key, got {type(key).__name__}")
    return key.public_bytes_raw().hex()


def is_signed(message: bytes, signature: str, public_hex: str) -> bool:
    """Says whether a signature (128 small hex digits: one text per signature) over a message is the public key's."""
    from cryptography.exceptions import InvalidSignature

    if not _HEX_SIGNATURE.fullmatch(str(signature)):
        return False

    try:
        key = _ed25519().Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex))
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise _missing(error) from error
    return ed25519


def _serialization() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise _missing(error) from error
    return serialization


def _missing(error: ImportError) -> MissingExtra:
    return MissingExtra(
        f"cryptography: expected to import, got {error}. Install it with: pip install 'limbfix[ledger]'"
    )
