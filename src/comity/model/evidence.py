"""Solo evidence: the node's signature over the app hash of a block (consensus rule R6).

An untagged COSE_Sign1 with protected header {1: -8, 4: key id}, payload CBOR [height, app hash] and the genesis hash as
external data.

Invariant: ``decode`` accepts one byte string for one height, app hash, key id and signature.
"""

import msgspec

from comity.crypto import cbor
from comity.errors import Malformed
from comity.limits import INT64_MAX
from comity.model.transaction import KEY_ID_BYTES

EVIDENCE_BYTES_MAX = 256
_PROTECTED_HEAD = b"\xa2\x01\x27\x04\x54"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed which app hash at which height.

    Args:
        kid: key id of the node, 20 bytes.
        signature: 64 bytes; empty while unsigned.
    """

    height: int
    app_hash: bytes
    kid: bytes
    signature: bytes = b""

    def encode(self) -> bytes:
        """Return the COSE_Sign1 bytes. Source: RFC 9052, section 4.2."""
        return cbor.encode([self._protected(), {}, self._payload(), self.signature])

    def to_be_signed(self, genesis_hash: bytes) -> bytes:
        """Return the Sig_structure. Source: RFC 9052, section 4.4."""
        return cbor.encode_array(["Signature1", self._protected(), genesis_hash, self._payload()])

    @classmethod
    def decode(cls, data: bytes) -> "Evidence":
        """Return the evidence that ``data`` encodes. Raises: Malformed."""
        value = cbor.decode(data, size_max=EVIDENCE_BYTES_MAX)
        if type(value) is not list or len(value) != 4 or value[1] != {}:
            raise Malformed("evidence: a COSE_Sign1 is needed")
        protected, _, payload, signature = value
        if any(type(part) is not bytes for part in (protected, payload, signature)):
            raise Malformed("evidence: a COSE_Sign1 is needed")
        kid = protected[len(_PROTECTED_HEAD) :]
        if not protected.startswith(_PROTECTED_HEAD) or len(kid) != KEY_ID_BYTES:
            raise Malformed("evidence: the protected header must be {1: -8, 4: key id}")
        claim = cbor.decode(payload, size_max=EVIDENCE_BYTES_MAX)
        if type(claim) is not list or len(claim) != 2:
            raise Malformed("evidence: the payload must be [height, app hash]")
        height, app_hash = claim
        if type(height) is not int or not 0 <= height <= INT64_MAX:
            raise Malformed("evidence: a height is needed")
        if type(app_hash) is not bytes or len(app_hash) != 32 or len(signature) != 64:
            raise Malformed("evidence: a 32-byte app hash and a 64-byte signature are needed")
        return cls(height=height, app_hash=app_hash, kid=kid, signature=signature)

    def _protected(self) -> bytes:
        return _PROTECTED_HEAD + self.kid

    def _payload(self) -> bytes:
        return cbor.encode_array([self.height, self.app_hash])
