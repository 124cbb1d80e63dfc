# SPDX-License-Identifier: MIT
"""cpio archives in the "newc" format: 110 bytes of ASCII header, name, data, each padded to 4.

Archives may follow one another in one file. Nothing here depends on the clock, on the order of a
directory or on inode numbers, so equal inputs give equal bytes.
"""

import os
import shutil
import stat
import tarfile
from pathlib import Path

from .base import SOURCE_DATE_EPOCH, WeftError

TRAILER = "TRAILER!!!"


def pad(count, to=4):
    return -count % to


class Writer:
    """Writes one archive to a binary stream; directories above an entry are made as needed."""

    def __init__(self, stream):
        self.stream = stream
        self.inode = 0
        self.seen = set()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.finish()

    def entry(self, name, mode, data=b"", uid=0, gid=0, rdev=(0, 0), mtime=SOURCE_DATE_EPOCH,
              source=None, size=None):
        """Write one entry with `data`, or `size` bytes read from the stream `source`."""
        self.inode += 1
        raw = name.encode("utf-8", "surrogateescape") + b"\0"
        size = len(data) if source is None else size
        fields = [self.inode, mode, uid, gid, 1, int(mtime), size, 0, 0, *rdev, len(raw), 0]
        header = b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        self.stream.write(header + bytes(pad(len(header))))
        if source is None:
            self.stream.write(data)
        else:
            left = size
            while left:
                piece = source.read(min(left, 1 << 20))
                if not piece:
                    raise WeftError(f"{name}: shorter than its header says")
                self.stream.write(piece)
                left -= len(piece)
        self.stream.write(bytes(pad(size)))

    def parents(self, name):
        parts = name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder not in self.seen:
                self.seen.add(folder)
                self.entry(folder, stat.S_IFDIR | 0o755)

    def add(self, name, data, mode=0o644, **kw):
        name = name.strip("/")
        self.parents(name)
        self.entry(name, stat.S_IFREG | mode, data, **kw)

    def directory(self, name, mode=0o755, **kw):
        name = name.strip("/")
        self.parents(name)
        if name and name not in self.seen:
            self.seen.add(name)
            self.entry(name, stat.S_IFDIR | mode, **kw)

    def symlink(self, name, target, **kw):
        name = name.strip("/")
        self.parents(name)
        self.entry(name, stat.S_IFLNK | 0o777, target.encode("utf-8", "surrogateescape"), **kw)

    def device(self, name, kind, mode, major, minor, **kw):
        name = name.strip("/")
        self.parents(name)
        self.entry(name, kind | mode, rdev=(major, minor), **kw)

    def file(self, name, path, mode=None):
        path = Path(path)
        name = name.strip("/")
        self.parents(name)
        info = path.stat()
        with open(path, "rb") as source:
            self.entry(name, stat.S_IFREG | (mode or stat.S_IMODE(info.st_mode)), source=source,
                       size=info.st_size)

    def tree(self, name, path):
        """Copy a file or a directory of the host to `name`."""
        path = Path(path)
        if path.is_symlink():
            self.symlink(name, os.readlink(path))
        elif path.is_dir():
            self.directory(name)
            for child in sorted(path.iterdir()):
                self.tree(f"{name}/{child.name}", child)
        elif path.is_file():
            self.file(name, path)
        else:
            raise WeftError(f"{path}: not a file or a directory")

    def tar(self, path, skip=lambda name: False):
        """Copy a tar archive's entries. A hard link becomes a second copy of its file."""
        with tarfile.open(path) as archive:
            for item in archive:
                name = item.name.removeprefix("./").strip("/")
                if not name or skip(name):
                    continue
                own = {"uid": item.uid, "gid": item.gid, "mtime": item.mtime}
                if item.isdir():
                    self.directory(name, item.mode, **own)
                elif item.issym():
                    self.symlink(name, item.linkname, **own)
                elif item.isreg() or item.islnk():
                    self.parents(name)
                    source = archive.extractfile(item)
                    size = archive.getmember(item.linkname).size if item.islnk() else item.size
                    self.entry(name, stat.S_IFREG | item.mode, source=source, size=size, **own)
                elif item.ischr() or item.isblk():
                    kind = stat.S_IFCHR if item.ischr() else stat.S_IFBLK
                    self.device(name, kind, item.mode, item.devmajor, item.devminor, **own)
                elif item.isfifo():
                    self.device(name, stat.S_IFIFO, item.mode, 0, 0, **own)

    def finish(self):
        self.inode = -1
        self.entry(TRAILER, 0, mtime=0)
        self.stream.write(bytes(pad(self.stream.tell(), 512)))


def read(data):
    """Yield (name, mode, data) of every entry of every archive in `data`."""
    at = 0
    while at + 110 <= len(data):
        if data[at] == 0:
            at += 1
            continue
        if data[at:at + 6] != b"070701":
            raise WeftError(f"no cpio header at byte {at}")
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name_at = at + 110
        name = data[name_at:name_at + field[11] - 1].decode("utf-8", "surrogateescape")
        body = name_at + field[11]
        body += pad(body)
        at = body + field[6]
        at += pad(at)
        if name != TRAILER:
            yield name, field[1], data[body:body + field[6]]


def join(path, parts, extra=b""):
    """Write archives one after the other; each is a multiple of 512 bytes long."""
    with open(path, "wb") as out:
        for part in parts:
            with open(part, "rb") as source:
                shutil.copyfileobj(source, out, 1 << 22)
        out.write(extra)
