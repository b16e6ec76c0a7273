"""A ledger in memory for the tests of applications: real keys, real signatures, the real machine."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from comity.crypto import ed25519
from comity.machine.context import BlockFacts  # noqa: F401
from comity.machine.machine import Machine
from comity.model.account import account_id, possession_message
from comity.model.genesis import Founder, Genesis, GenesisApp, GenesisNode
from comity.model.receipt import Receipt
from comity.model.transaction import Call, signed, unsigned
from comity.sdk.app import App
from comity.store.store import Store
