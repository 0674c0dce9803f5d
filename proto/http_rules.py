"""The HTTP routes of the API's methods: their google.api.http annotations."""

import re

import descriptors

# MethodOptions.(google.api.http), and the fields of google.api.HttpRule.
_HTTP_OPTION = 72295728
_METHODS = {2: "GET", 3: "PUT", 4: "POST", 5: "DELETE", 6: "PATCH"}
_BODY, _ADDITIONAL = 7, 11


def _parse(serialized):
    """(HTTP method, path template, body) of a google.api.HttpRule and its additional bindings."""
    fields = descriptors.parse(serialized)
    methods = [(_METHODS[number], value.decode()) for number, _, value in fields if number in _METHODS]
    bodies = [value.decode() for number, _, value in fields if number == _BODY]
    for method, path in methods:
        yield method, path, bodies[-1] if bodies else ""
    for number, _, value in fields:
        if number == _ADDITIONAL:
            yield from _parse(value)


def of(method):
    """(HTTP method, path template, whether the body is the request) of each route of a descriptors.Method."""
    for number, _, value in method.options:
        if number != _HTTP_OPTION:
            continue
        for verb, path, body in _parse(value):
            if body not in ("", "*") or re.search(r"[=:]|\*", path):
                raise SystemExit(f"{method.name}: routes like {path} with body {body!r} are not handled")
            yield verb, path, body == "*"
