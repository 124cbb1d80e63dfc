# SPDX-License-Identifier: MIT
"""Root file systems: trixie's packages as a tar archive, and Weft's layer above it.

The packages' archive depends on the package list only, so it is made once per list. The layer
(files, users, services, Weft's own programs) is small and is laid over a copy for each image.
"""

import json
import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path

from . import build, compositor, config as configs, debian, newc
from .base import CACHE, ROOT, SOURCE_DATE_EPOCH, WeftError, cached, digest, step

# Documentation and translations are left out of every image.
EXCLUDE = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/lintian/*",
           "/usr/share/locale/*", "/usr/bin/*-lto-dump*"]


# Run as root beside the new tree. Debian's own cache of the fonts is for the folders' times as they
# were unpacked, not as they are in the archive: each first program of a user would read all fonts.
FONTS = (f'find "$1"/usr/share/fonts "$1"/usr/local/share/fonts -type d '
         f'-exec touch -d @{SOURCE_DATE_EPOCH} {{}} + && chroot "$1" fc-cache -s -f')


@dataclass
class Entry:
    path: str
    kind: str       # file, directory or link
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    data: bytes = b""


def packages_tar(config, extra=()):
    """Trixie's packages of a configuration as a tar archive (cached)."""
    packages = sorted({*config.packages, *extra})
    hooks = [f"--customize-hook={FONTS}"] if "fontconfig" in packages else []
    key = digest("rootfs-1", debian.SUITE, *packages, "--", *EXCLUDE, *hooks)

    def make(target):
        final = target.with_name(target.name + ".tar")
        options = [f"--dpkgopt=path-exclude={p}" for p in EXCLUDE]
        options += ["--dpkgopt=force-unsafe-io", "--format=tar", *hooks]
        with step(f"root file system of {len(packages)} packages from {debian.SUITE}"):
            try:
                debian.mmdebstrap(final, packages, variant="essential", extra=options,
                                  log=CACHE / "logs" / f"rootfs-{key}.log")
                os.replace(final, target)
            finally:
                final.unlink(missing_ok=True)

    return key, cached("rootfs", key, ".tar", make)


class Accounts:
    """/etc/passwd, group and shadow of the packages' archive, with a configuration's users."""

    def __init__(self, lines, groups, users):
        self.lines = {name: list(rows) for name, rows in lines.items()}
        self.users = {l.split(":")[0]: int(l.split(":")[2]) for l in self.lines["passwd"]}
        self.groups = {l.split(":")[0]: int(l.split(":")[2]) for l in self.lines["group"]}
        self.homes = []
        for name, group in groups.items():
            if name not in self.groups:
                if group["gid"] in self.groups.values():
                    raise WeftError(f"group {name}: the gid {group['gid']} is taken")
                self.groups[name] = group["gid"]
                self.lines["group"].append(f"{name}:x:{group['gid']}:")
                self.lines["gshadow"].append(f"{name}:!::")
        for name, user in users.items():
            self.add(name, user)

    def add(self, name, user):
        uid, shell = user["uid"], user.get("shell", "/bin/sh")
        home = user.get("home", f"/home/{name}")
        if name in self.users or uid in self.users.values():
            raise WeftError(f"user {name}: the name or the uid {uid} is taken")
        self.users[name], self.groups[name] = uid, uid
        self.lines["passwd"].append(f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}")
        self.lines["group"].append(f"{name}:x:{uid}:")
        self.lines["gshadow"].append(f"{name}:!::")
        self.lines["shadow"].append(f"{name}:{user.get('password', '!')}:20000:0:99999:7:::")
        for group in user.get("groups", []):
            if group not in self.groups:
                raise WeftError(f"user {name}: groups: no group {group} in the image")
            for file in ("group", "gshadow"):
                self.lines[file] = [self.join(l, name) if l.split(":")[0] == group else l
                                    for l in self.lines[file]]
        self.homes.append((home, uid))

    @staticmethod
    def join(line, name):
        head, members = line.rsplit(":", 1)
        return f"{head}:{','.join([*filter(None, members.split(',')), name])}"

    def owner(self, text, where):
        user, group = (text or "root:root").split(":")
        try:
            return (int(user) if user.isdigit() else self.users[user],
                    int(group) if group.isdigit() else self.groups[group])
        except KeyError as missing:
            raise WeftError(f"{where}owner: no user or group {missing} in the image") from None

    def entries(self):
        gid = self.groups["shadow"]
        for name, lines in self.lines.items():
            secret = name in ("shadow", "gshadow")
            yield Entry(f"/etc/{name}", "file", 0o640 if secret else 0o644, 0,
                        gid if secret else 0, ("\n".join(lines) + "\n").encode())
        for home, uid in self.homes:
            yield Entry(home, "directory", 0o755, uid, uid)


def account_lines(key, tar_path):
    """The packages' own account files (cached: reading through a large archive takes a while)."""
    def make(target):
        with tarfile.open(tar_path) as tar:
            target.write_text(json.dumps({
                n: tar.extractfile(f"./etc/{n}").read().decode().splitlines()
                for n in ("passwd", "group", "shadow", "gshadow")}))

    return json.loads(cached("accounts", key, ".json", make).read_text())


def layer(config, key, tar_path):
    """The entries that are laid over the packages: users and files."""
    accounts = Accounts(account_lines(key, tar_path), config.groups, config.users)
    entries = list(accounts.entries()) if config.users or config.groups else []
    for path, item in config.files.items():
        where = item["where"]
        uid, gid = accounts.owner(item.get("owner"), where)
        kind = item["kind"]
        if kind == "link":
            entries.append(Entry(path, "link", 0o777, 0, 0, item["target"].encode()))
        elif kind == "directory":
            entries.append(Entry(path, "directory", int(item.get("mode", "0755"), 8), uid, gid))
            if "source" in item:
                entries += tree(path, below_root(item["source"], where, Path.is_dir), uid, gid)
        elif "text" in item:
            data = item["text"].lstrip("\n").encode()
            entries.append(Entry(path, "file", int(item.get("mode", "0644"), 8), uid, gid, data))
        else:
            if "build" in item:
                source = built(item["build"])
                if not source.is_file():
                    raise WeftError(f"{where}build: {source} was not built")
            else:
                source = below_root(item["source"], where, Path.is_file)
            mode = int(item["mode"], 8) if "mode" in item else stat.S_IMODE(
                source.stat().st_mode) & ~0o022
            entries.append(Entry(path, "file", mode, uid, gid, source.read_bytes()))
    return entries


def built(name):
    """The file that a build makes: main's, or the compositor's, which is made when first named."""
    if name.startswith("compositor/"):
        return compositor.make() / name.removeprefix("compositor/")
    return build.MAIN / name


def services_cpio(name):
    """The manifests of a configuration's services, which init starts besides those that the boot
    archive names itself. Jobs run without them."""
    config = configs.load(name)
    found = []
    for service in config.services:
        path = ROOT / "session" / "services" / f"{service}.service"
        if not path.is_file():
            raise WeftError(f"{config.name}: services: no file {path.relative_to(ROOT)}")
        found.append(path)

    def make(target):
        with open(target, "wb") as out, newc.Writer(out) as archive:
            for path in found:
                archive.add(f"etc/init/{path.name}", path.read_bytes())

    return cached("services", digest("services-1", *found, *(p.name for p in found)), ".cpio", make)


def below_root(text, where, kind):
    path = (ROOT / text).resolve()
    if not path.is_relative_to(ROOT) or not kind(path):
        raise WeftError(f"{where}source: no {text} in the checkout")
    return path


def tree(path, folder, uid, gid):
    for child in sorted(folder.iterdir()):
        name = f"{path}/{child.name}"
        if child.is_symlink():
            yield Entry(name, "link", 0o777, uid, gid, os.readlink(child).encode())
        elif child.is_dir():
            yield Entry(name, "directory", 0o755, uid, gid)
            yield from tree(name, child, uid, gid)
        else:
            mode = 0o755 if os.access(child, os.X_OK) else 0o644
            yield Entry(name, "file", mode, uid, gid, child.read_bytes())


def layer_key(entries):
    return digest("layer-1", *(part for e in entries for part in
                               (e.path, e.kind, e.mode, e.uid, e.gid, e.data)))


def as_cpio(name, extra=()):
    """The root file system of a configuration as a newc archive, to be run from memory."""
    config = configs.load(name)
    key, tar_path = packages_tar(config, extra)
    entries = layer(config, key, tar_path)

    def make(target):
        with step(f"root archive of {name}"), open(target, "wb") as out, \
                newc.Writer(out) as archive:
            over = {e.path.strip("/") for e in entries if e.kind != "directory"}
            archive.tar(tar_path, skip=lambda n: n in over or n.startswith("dev/"))
            for e in entries:
                own = {"uid": e.uid, "gid": e.gid}
                if e.kind == "directory":
                    archive.directory(e.path, e.mode, **own)
                elif e.kind == "link":
                    archive.symlink(e.path, e.data.decode(), **own)
                else:
                    archive.add(e.path, e.data, e.mode, **own)

    return cached("rootcpio", digest("cpio-1", key, layer_key(entries)), ".cpio", make)
