"""Ed25519's verify rule in plain arithmetic, slow and short, to check libsodium against.

Run as a module, it writes `tests/vectors/ed25519.json` anew: the vectors of others come from there
unchanged, the edge cases are made here, and every verdict is this module's, not libsodium's.

Source of curve and formulas: RFC 8032, section 5.1.
"""

import json
from hashlib import sha512
from itertools import count, product
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "vectors" / "ed25519.json"
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z
IDENTITY: Point = (0, 1, 1, 0)


def add(left: Point, right: Point) -> Point:
    """Add two points. Source: RFC 8032, section 5.1.4."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = left, right
    a, b = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    c, d = 2 * D * t1 * t2, 2 * z1 * z2
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    """Add a point to itself."""
    total = IDENTITY
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def encode(point: Point) -> bytes:
    """Return the one canonical encoding of a point."""
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(data: bytes) -> Point | None:
    """Return the point, also of a non-canonical encoding; None where there is none."""
    number = int.from_bytes(data, "little")
    y, sign = number % 2**255 % P, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    x = (P - x) % P if x & 1 != sign else x
    return x, y, 1, x * y % P


def is_small(point: Point) -> bool:
    """Tell whether eight times the point is the identity."""
    return encode(multiply(8, point)) == encode(IDENTITY)


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    """Return h, not reduced."""
    return int.from_bytes(sha512(r + key + message).digest(), "little")


def is_valid(key: bytes, message: bytes, signature: bytes) -> bool:
    """Decide as `comity.crypto.ed25519` says that Comity decides."""
    a, s = decode(key), int.from_bytes(signature[32:], "little")
    if a is None or encode(a) != key or is_small(a) or s >= L:
        return False
    h = challenge(signature[:32], key, message) % L  # it matters where a key has a small part
    r = add(multiply(s, BASE), multiply(8 * L - h, a))
    return not is_small(r) and encode(r) == signature[:32]


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or IDENTITY
# A generator of the eight points of small order, as L times any point with such a component.
TORSION = next(
    t
    for y in count(2)
    if (point := decode(y.to_bytes(32, "little")))
    if encode(multiply(4, t := multiply(L, point))) != encode(IDENTITY)
)
SECRET, NONCE = 2**200 + 12345, 2**190 + 54321


def small_encodings() -> list[bytes]:
    """Return every encoding of the eight points of small order, also the non-canonical ones."""
    canonical = [encode(multiply(i, TORSION)) for i in range(8)]
    numbers = [int.from_bytes(data, "little") % 2**255 for data in canonical]
    numbers += range(P, 2**255)  # the 19 values of y that a second encoding can have
    both_signs = {(y | sign << 255).to_bytes(32, "little") for y in numbers for sign in (0, 1)}
    return sorted(data for data in both_signs if (p := decode(data)) and encode(p) in canonical)


def make_edge_cases() -> list[dict[str, Any] | None]:
    """Return vectors for pairs of kinds of key and R, made so that the cofactored equation holds.

    "prime" is of prime order; "+T8" adds a component of order 8. Each pair stands there twice where
    both verdicts can be reached: the message decides whether the equation holds exactly.
    """
    parts = {"": IDENTITY, "+T8": TORSION, "+T4": multiply(2, TORSION), "+T2": multiply(4, TORSION)}
    keys = {f"prime{n}": encode(add(multiply(SECRET, BASE), t)) for n, t in parts.items()}
    rs = {f"prime{n}": encode(add(multiply(NONCE, BASE), t)) for n, t in parts.items()}
    small = {f"small {data.hex()}": data for data in small_encodings()}
    cases = [
        vector
        for (key_name, key), (r_name, r) in product(keys.items(), rs.items())
        for wanted in (True, False)
        if (vector := _search(key_name, key, SECRET, r_name, r, NONCE, wanted))
    ]
    for name, data in small.items():
        cases.append(_search(name, data, 0, "prime", rs["prime"], NONCE, False))
        cases.append(_search("prime", keys["prime"], SECRET, name, data, 0, False))
    return cases + make_scalar_cases(keys["prime"], rs["prime"])


def _search(
    key_name: str, key: bytes, secret: int, r_name: str, r: bytes, nonce: int, wanted: bool
) -> dict[str, Any] | None:
    """Look for a message with the wanted verdict; None where 32 have the other."""
    for number in range(32):
        message = f"{key_name} / {r_name} / {number}".encode()
        s = (nonce + challenge(r, key, message) * secret) % L
        vector = _vector(f"key {key_name}, R {r_name}", key, message, r + s.to_bytes(32, "little"))
        if vector["valid"] is wanted:
            return vector
    return None


def make_scalar_cases(key: bytes, r: bytes) -> list[dict[str, Any] | None]:
    """Return a good signature, then the same with S + kL."""
    message = b"scalar"
    s = (NONCE + challenge(r, key, message) * SECRET) % L
    return [
        _vector(f"S + {k}L", key, message, r + (s + k * L).to_bytes(32, "little"))
        for k in range(15)
    ]


def _vector(name: str, key: bytes, message: bytes, signature: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "key": key.hex(),
        "message": message.hex(),
        "signature": signature.hex(),
        "valid": is_valid(key, message, signature),
    }


if __name__ == "__main__":
    kept = json.loads(VECTORS.read_text())
    kept["made"] = make_edge_cases()
    VECTORS.write_text(json.dumps(kept, indent=1) + "\n")
