"""Schemas that come as arguments: documents made into the schemas of tables made at run time.

Invariant: a document that is no schema is a refusal, so an action need not look into one.
"""

from collections.abc import Mapping
from typing import Any

from comity.errors import Malformed
from comity.model import schema_document as documents
from comity.model.column import Column
from comity.model.schema import TableSchema
from comity.sdk.standard import BadSchema


def schema_from_document(document: Mapping[str, Any]) -> TableSchema:
    """Return the schema that an argument of type ``Document`` says. Raises: BadSchema."""
    try:
        return documents.schema_from_document(document)
    except Malformed as error:
        name = document.get("name", "")
        raise BadSchema(table=name if type(name) is str else "", problem=str(error)) from None


def column_from_document(document: Mapping[str, Any], table: str) -> Column:
    """Return the column that an argument of type ``Document`` says. Raises: BadSchema."""
    try:
        return documents.column_from_document(document)
    except Malformed as error:
        raise BadSchema(table=table, problem=str(error)) from None
