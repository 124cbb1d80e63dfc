# SPDX-License-Identifier: MIT
"""Image configurations: TOML files in image/config that include each other.

A configuration is resolved depth first: what is included comes first, what includes it is added
or, for files and users of the same name, replaces. Every error names the file and the key.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from .base import ROOT, WeftError

FOLDER = ROOT / "image" / "config"

PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+$")
NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}$")
MODE = re.compile(r"[0-7]{3,4}$")
OWNER = re.compile(r"[a-z_0-9][a-z0-9_-]*:[a-z_0-9][a-z0-9_-]*$")


@dataclass
class Config:
    name: str
    description: str = ""
    packages: list = field(default_factory=list)
    services: list = field(default_factory=list)
    files: dict = field(default_factory=dict)
    users: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    sources: list = field(default_factory=list)


def text(value):
    return isinstance(value, str)


def texts(value):
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def matching(pattern):
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


def absolute(value):
    return (isinstance(value, str) and value.startswith("/") and value != "/"
            and not set(value.split("/")) & {".", ".."})


def number(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31


# key: (check, what is wanted, required)
TOP = {
    "description": (text, "a string", False),
    "include": (texts, "a list of configuration names", False),
    "packages": (texts, "a list of Debian package names", False),
    "services": (texts, "a list of service names", False),
}
TABLES = {
    "file": {
        "path": (absolute, "an absolute path", True),
        "text": (text, "a string", False),
        "source": (text, "a path below the checkout", False),
        "build": (text, "a path below the meson build directory", False),
        "mode": (matching(MODE), 'a mode such as "0644"', False),
        "owner": (matching(OWNER), '"USER:GROUP"', False),
    },
    "directory": {
        "path": (absolute, "an absolute path", True),
        "source": (text, "a folder below the checkout", False),
        "mode": (matching(MODE), 'a mode such as "0755"', False),
        "owner": (matching(OWNER), '"USER:GROUP"', False),
    },
    "link": {
        "path": (absolute, "an absolute path", True),
        "target": (text, "a string", True),
    },
    "group": {
        "name": (matching(NAME), "a group name", True),
        "gid": (number, "a number", True),
    },
    "user": {
        "name": (matching(NAME), "a user name", True),
        "uid": (number, "a number", True),
        "groups": (texts, "a list of group names", False),
        "shell": (absolute, "an absolute path", False),
        "home": (absolute, "an absolute path", False),
        "password": (text, "a crypt(5) hash", False),
    },
}


def check(where, values, schema):
    for key, value in values.items():
        if key not in schema:
            raise WeftError(f"{where}{key}: unknown key (known: {', '.join(schema)})")
        good, wanted, _ = schema[key]
        if not good(value):
            raise WeftError(f"{where}{key}: wants {wanted}, has {value!r}")
    for key, (_, _, required) in schema.items():
        if required and key not in values:
            raise WeftError(f"{where}{key}: is missing")


def load(name, folder=FOLDER):
    config = Config(name)
    merge(config, name, Path(folder), [])
    config.packages = sorted(set(config.packages))
    return config


def merge(config, name, folder, chain):
    path = folder / f"{name}.toml"
    if name in chain:
        raise WeftError(f"{folder / chain[-1]}.toml: include: {' -> '.join([*chain, name])} "
                        "is a circle")
    if path in config.sources:
        return
    if not path.is_file():
        known = " ".join(sorted(p.stem for p in folder.glob("*.toml")))
        by = f"{folder / chain[-1]}.toml: include: " if chain else ""
        raise WeftError(f"{by}no configuration {name!r} (there are: {known})")
    try:
        values = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise WeftError(f"{path}: {error}") from None
    rows = {key: values.pop(key) for key in TABLES if key in values}
    check(f"{path}: ", values, {**TOP, **{t: (lambda v: False, "[[...]]", False) for t in TABLES}})
    for other in values.get("include", []):
        merge(config, other, folder, [*chain, name])
    config.sources.append(path)
    config.description = values.get("description", "")
    for package in values.get("packages", []):
        if not PACKAGE.match(package):
            raise WeftError(f"{path}: packages: {package!r} is not a package name")
        config.packages.append(package)
    config.services += [s for s in values.get("services", []) if s not in config.services]
    for table, items in rows.items():
        if not isinstance(items, list):
            raise WeftError(f"{path}: {table}: wants [[{table}]] tables")
        for index, item in enumerate(items):
            where = f"{path}: {table}[{index}]."
            check(where, item, TABLES[table])
            if table in ("user", "group"):
                (config.users if table == "user" else config.groups)[item["name"]] = item
                continue
            if table == "file":
                given = [k for k in ("text", "source", "build") if k in item]
                if len(given) != 1:
                    raise WeftError(f"{where}text: a file has one of text, source and build")
            config.files[item["path"]] = {**item, "kind": table, "where": where}
