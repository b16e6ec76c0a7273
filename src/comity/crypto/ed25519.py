"""Ed25519 signatures: the one place where Comity signs and verifies.

Which signatures are valid is a consensus rule, and libraries differ on edge cases, so there is one
library (libsodium, through PyNaCl) and never a fallback. The rule, in full: S is below the group
order L; the key is canonically encoded; neither the key nor R has small order; and SB - hA, with h
reduced modulo L, encodes to R byte for byte (the equation without the cofactor, so R is canonical
too). A key with a small-order *component* is no reason to refuse. `tests/unit/crypto/edwards.py`
states the rule in plain arithmetic; `tests/vectors/ed25519.json` pins each edge case's verdict.

Invariant: `verify` is total (any three byte strings give True or False), and a library with another
rule is refused when this module is imported.
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

    Cost: two scalar multiplications (the first derives the public key again), about 40 us.
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

    Cost: about 55 us for a short message, outside the interpreter lock.
    Source: RFC 8032, section 5.1.7, made stricter by this module's docstring.
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


# One vector for each choice that libraries make differently, as (key, message, signature, verdict).
# Source: cases 2, 3, 4 and 6 of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020).
_CANARIES = (
    # R of small order.
    (
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
        (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
            "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e"
        ),
        False,
    ),
    # Key and R with a small-order component; holds with and without the cofactor.
    (
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        (
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f"
            "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009"
        ),
        True,
    ),
    # The same key; holds only with the cofactor.
    (
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        (
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512"
            "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09"
        ),
        False,
    ),
    # S + L.
    (
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        (
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e"
            "547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514"
        ),
        False,
    ),
)

for _key, _message, _signature, _verdict in _CANARIES:
    _found = verify(bytes.fromhex(_key), bytes.fromhex(_message), bytes.fromhex(_signature))
    if _found is not _verdict:
        raise ImportError(
            "this libsodium verifies Ed25519 by another rule than Comity's consensus, so this node"
            " would leave the ledger: install the PyNaCl wheel that requirements/run.txt names"
        )
