"""A tool's JSON schema in, what Python shows of it out: annotations for its signature and a text for `help`."""

from typing import Any, Literal

_DEPTH = 4
_NAMES = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None, "object": dict, "array": list}
# Values that a Literal may list before it becomes unreadable.
_CHOICES = 12


def annotation_of(schema, depth=0):
    """The annotation for a schema: a type, a generic, a Literal or a union. Unknown shapes are `Any`."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return Any
    if "const" in schema:
        return _literal([schema["const"]])
    if "enum" in schema:
        return _literal(schema["enum"])
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return _union([annotation_of(option, depth + 1) for option in schema[name]])
    kind = schema.get("type")
    if isinstance(kind, list):
        return _union([_NAMES.get(one, Any) for one in kind])
    if kind == "array" and isinstance(schema.get("items"), dict):
        return list[annotation_of(schema["items"], depth + 1)]
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return dict[str, annotation_of(schema["additionalProperties"], depth + 1)]
    return _NAMES.get(kind, Any)


def _literal(choices):
    usable = [choice for choice in choices if choice is None or isinstance(choice, (str, int, bool))]
    return Literal[tuple(usable)] if usable and len(usable) == len(choices) <= _CHOICES else Any


def _union(options):
    if not options or Any in options:
        return Any
    union = options[0]
    for option in options[1:]:
        union = union | option if union is not None or option is not None else None
    return union


def _shown(annotation):
    if annotation is None:
        return "None"
    return annotation.__name__ if annotation.__class__ is type else str(annotation).replace("typing.", "")


def documentation_of(description):
    """The text that `help` shows: the tool's own description, its arguments, and what it answers."""
    parts = [description.get("description", "").strip()]
    lines = []
    schema = description["input"]
    for name, property in schema.get("properties", {}).items():
        told = property.get("description", "") if isinstance(property, dict) else ""
        optional = "" if name in schema.get("required", []) else ", optional"
        lines.append(f"    {name} ({_shown(annotation_of(property))}{optional}){': ' + told if told else ''}")
    if lines:
        parts.append("\n".join(["Arguments:", *lines]))
    output = description.get("output")
    if isinstance(output, dict):
        told = output.get("description", "")
        parts.append(f"Returns: {_shown(annotation_of(output))}{': ' + told if told else ''}{_fields_of(output)}")
    parts.append(f"Await {description['name']}.aio(...) instead where others should run meanwhile.")
    return "\n\n".join(part for part in parts if part)


def _fields_of(schema):
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return ""
    fields = ", ".join(f"{name}: {_shown(annotation_of(property))}" for name, property in properties.items())
    return f" of {fields}"
