"""Checks of files that other programs read, against what is published of their forms."""

import dataclasses
import subprocess
import sys
import typing


def check_jsonschema(name, *paths):
    """Files against one of the schemas that come with check-jsonschema: "compose-spec", "github-workflows"."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{name}", *paths]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def check_fields(value, type_, place=""):
    """A value against dataclasses: every member is a field and of its type, and what has no default is there."""
    origin, inner = typing.get_origin(type_), typing.get_args(type_)
    if dataclasses.is_dataclass(type_):
        assert isinstance(value, dict), f"{place} is no object"
        hints = typing.get_type_hints(type_)
        for name, one in value.items():
            assert name in hints, f"{place} has no {name}"
            check_fields(one, hints[name], f"{place}.{name}")
        for field in dataclasses.fields(type_):
            optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
            assert optional or field.name in value, f"{place} needs {field.name}"
    elif origin is list:
        assert isinstance(value, list), f"{place} is no list"
        for number, one in enumerate(value):
            check_fields(one, inner[0], f"{place}[{number}]")
    elif origin is dict:
        assert isinstance(value, dict), f"{place} is no map"
        for name, one in value.items():
            check_fields(one, inner[1], f"{place}.{name}")
    else:
        assert isinstance(value, type_), f"{place} is no {type_.__name__}"
