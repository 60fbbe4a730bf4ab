# SPDX-License-Identifier: Apache-2.0
"""A validator for the part of JSON Schema (2020-12) that docs/spec uses. A keyword that it does not know is an
error, so that a schema never says more than is checked."""
import re

KNOWN = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "enum", "const", "required", "properties",
         "additionalProperties", "items", "pattern", "minimum", "maximum", "minItems", "maxItems", "anyOf", "if", "then",
         "else", "examples", "default", "patternProperties", "propertyNames", "minLength", "maxLength"}
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}


class Invalid(Exception):
    """Where and why."""


def _fail(at, why):
    raise Invalid(f"{at or '/'}: {why}")


def _object(value, schema, root, at):
    for name in schema.get("required", []):
        if name not in value:
            _fail(at, f"\"{name}\" is missing")
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, member in value.items():
        if "propertyNames" in schema:
            validate(name, schema["propertyNames"], root, f"{at}/{name} (its name)")
        if name in known:
            validate(member, known[name], root, f"{at}/{name}")
            continue
        hits = [s for p, s in patterns.items() if re.search(p, name)]
        for hit in hits:
            validate(member, hit, root, f"{at}/{name}")
        extra = schema.get("additionalProperties", True)
        if hits or extra is True:
            continue
        if extra is False:
            _fail(at, f"\"{name}\" is not known")
        validate(member, extra, root, f"{at}/{name}")


def _matches(value, schema, root, at):
    try:
        validate(value, schema, root, at)
        return True
    except Invalid:
        return False


def _scalar(value, schema, at):
    if "const" in schema and value != schema["const"]:
        _fail(at, f"{value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        _fail(at, f"{value!r} is none of {schema['enum']}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            _fail(at, f"{value!r} does not match {schema['pattern']}")
        if len(value) < schema.get("minLength", 0) or len(value) > schema.get("maxLength", 1 << 60):
            _fail(at, "wrong length")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            _fail(at, f"{value} is out of range")


def validate(value, schema, root=None, at=""):
    """Raise Invalid unless value is as schema says."""
    root = schema if root is None else root
    unknown = set(schema) - KNOWN
    if unknown:
        raise ValueError(f"schema at {at}: unknown keywords {sorted(unknown)}")
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part]
        validate(value, target, root, at)
    types = schema.get("type")
    if types and not any(TYPES[t](value) for t in ([types] if isinstance(types, str) else types)):
        _fail(at, f"{value!r} is not {types}")
    _scalar(value, schema, at)
    if isinstance(value, dict):
        _object(value, schema, root, at)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", 1 << 60):
            _fail(at, "wrong number of items")
        for i, item in enumerate(value):
            validate(item, schema.get("items", {}), root, f"{at}/{i}")
    if "anyOf" in schema and not any(_matches(value, s, root, at) for s in schema["anyOf"]):
        _fail(at, f"{value!r} fits no alternative")
    if "if" in schema:
        branch = "then" if _matches(value, schema["if"], root, at) else "else"
        validate(value, schema.get(branch, {}), root, at)
