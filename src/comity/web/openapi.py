"""OpenAPI 3.1, made from the declared operations.

Invariant: a status that an operation can answer is in its entry.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

import comity
from comity.web.problems import PROBLEM_JSON, ProblemBody
from comity.web.routes import JSON, Media, Operation, Parameter

PATH = "/v1/openapi.json"
EVERYWHERE = (400, 405, 406, 413, 421, 431, 503)  # problems of any operation
_TEMPLATE = "#/components/schemas/{name}"
_WORDS = {
    200: "The answer.",
    201: "Final.",
    202: "Accepted; the answer is at Location.",
    204: "Done.",
    206: "A part.",
    304: "As it was.",
}


def document(operations: Sequence[Operation]) -> bytes:
    """Return the document as JSON."""
    types = list(_types(operations))
    schemas, components = msgspec.json.schema_components(
        [ProblemBody, *types], ref_template=_TEMPLATE
    )
    schema_of = dict(zip([_key(each) for each in (ProblemBody, *types)], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = operation.path.replace(":path}", "}")  # starlette's word for a value with slashes
        paths.setdefault(path, {})[operation.method.lower()] = _entry(operation, schema_of)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Comity", "version": comity.__version__},
            "paths": paths,
            "components": {"schemas": components},
        }
    )


def _types(operations: Iterable[Operation]) -> Iterable[Any]:
    seen: dict[str, None] = {}
    for operation in operations:
        declared = list(operation.bodies)
        for kind in operation.answers.values():
            declared += kind if isinstance(kind, tuple) else (kind,)
        declared += [parameter.type for parameter in operation.parameters]
        for each in declared:
            if each is not None and not isinstance(each, Media) and _key(each) not in seen:
                seen[_key(each)] = None
                yield each


def _key(kind: Any) -> str:
    return repr(kind)


def _entry(operation: Operation, schema_of: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(operation, schema_of),
    }
    if operation.description:
        entry["description"] = operation.description
    if operation.parameters:
        entry["parameters"] = [_parameter(each, schema_of) for each in operation.parameters]
    if operation.other_query:
        entry.setdefault("parameters", []).append(_others(operation.other_query))
    if operation.bodies:
        content = _contents(operation.bodies, schema_of)
        entry["requestBody"] = {"required": True, "content": content}
    return entry


def _responses(operation: Operation, schema_of: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in operation.answers.items():
        response: dict[str, Any] = {"description": _WORDS.get(status, "The answer.")}
        content = _contents(kind if isinstance(kind, tuple) else (kind,), schema_of)
        if content:
            response["content"] = content
        responses[str(status)] = response
    for status in sorted({*operation.problems, *EVERYWHERE} - set(operation.answers)):
        content = {PROBLEM_JSON: {"schema": schema_of[_key(ProblemBody)]}}
        responses[str(status)] = {"description": "A problem.", "content": content}
    return responses


def _contents(kinds: Sequence[Any], schema_of: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of each media type; several records of JSON are alternatives."""
    content: dict[str, Any] = {
        kind.media_type: {"schema": {"description": kind.description}} if kind.description else {}
        for kind in kinds
        if isinstance(kind, Media)
    }
    records = [
        schema_of[_key(kind)] for kind in kinds if kind is not None and not isinstance(kind, Media)
    ]
    if records:
        content[JSON] = {"schema": records[0] if len(records) == 1 else {"anyOf": records}}
    return content


def _others(description: str) -> dict[str, Any]:
    """Return the entry that stands for parameters of any name. Source: OpenAPI 3.1, "Style Examples"."""
    return {
        "name": "others",
        "in": "query",
        "description": description,
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    }


def _parameter(parameter: Parameter, schema_of: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.is_required,
        "schema": schema_of[_key(parameter.type)],
    }
