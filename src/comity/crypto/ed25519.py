"""Ed25519 signatures: the one place where Comity signs and verifies.

Which signatures are valid is a consensus rule, and libraries differ on edge cases, so there is one
library (libsodium, through PyNaCl) and never a fallback. Its rule: S below the group order, the
public key canonical, neither the key nor R of small order, and then the *cofactored* equation
8(SB - R - hA) = 0. `tests/vectors/ed25519_edge.json` pins the verdict of every edge case.

Invariant: `verify` is total. Any three byte strings give True or False, never an exception.
"""

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from comity.limits import PUBLIC_KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES


def public_key(seed: bytes) -> bytes:
    """Derive the 32-byte public key of a secret seed.

    Args:
        seed: 32 bytes, secret.

    Source: RFC 8032, section 5.1.5.
    """
    _check_seed(seed)
    return crypto_sign_seed_keypair(seed)[0]


def sign(seed: bytes, message: bytes) -> bytes:
    """Sign a message; the same seed and message always give the same 64 bytes.

    Args:
        seed: 32 bytes, secret.
        message: what to sign, not hashed before.

    Cost: two scalar multiplications (one derives the public key again) and two SHA-512 passes.
    Source: RFC 8032, section 5.1.6.
    """
    _check_seed(seed)
    secret = crypto_sign_seed_keypair(seed)[1]
    return crypto_sign(message, secret)[:SIGNATURE_BYTES]


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature is valid under the strict rule above.

    Args:
        key: public key; any length but 32 bytes is refused.
        message: what was signed.
        signature: any length but 64 bytes is refused.

    Cost: about 40 us for a short message, outside the interpreter lock.
    Source: RFC 8032, section 5.1.7, and this module's docstring.
    """
    # The binding does not check the key's length: a shorter one would be read past its end.
    if len(key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def _check_seed(seed: bytes) -> None:
    """Refuse a seed of a wrong length without showing it."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"an Ed25519 seed has {SEED_BYTES} bytes, this has {len(seed)}")
