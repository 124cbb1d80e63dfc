#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Files of every kind on a file system that must keep them, and whether it did.

    files.py write DIR      makes them and a list of what they are, DIR.json
    files.py change DIR     renames, links, unlinks, truncates; the list anew
    files.py verify DIR     compares with the list
    files.py cut DIR        writes files with fsync, says so, and goes on until the machine is cut off
    files.py survived DIR   what `cut` said was written is there
"""

import ctypes
import hashlib
import json
import mmap
import os
import random
import stat
import sys

MIB = 1 << 20
good = bad = 0


def check(name, ok, why=""):
    global good, bad
    good, bad = good + bool(ok), bad + (not ok)
    print(f"ok {name}" if ok else f"not ok {name}: {str(why)[:400]}", flush=True)


def block(seed, size):
    """Bytes that look random, the same for each seed."""
    return random.Random(seed).randbytes(size)


def put(path, data, mode=0o644):
    with open(path, "wb") as out:
        out.write(data)
    os.chmod(path, mode)


def fill(top):
    os.makedirs(f"{top}/many")
    os.makedirs(f"{top}/tree")
    with open(f"{top}/large", "wb") as out:
        for part in range(48):
            out.write(block(f"large{part}", MIB))
    for size in (0, 1, 59, 60, 61, 4095, 4096, 4097, 65535, 65537, 1 << 20):
        put(f"{top}/size-{size}", block(size, size))
    for number in range(3000):
        put(f"{top}/many/file-{number:05}-{'n' * (number % 60)}", f"{number}\n".encode())
    deep = f"{top}/tree"
    for level in range(40):
        deep += f"/level{level}"
        os.mkdir(deep)
        put(f"{deep}/here", block(deep, 500))
    put(f"{top}/{'é' * 127}", b"a long name\n")
    with open(f"{top}/sparse", "wb") as out:
        for at in (0, 5 * MIB + 123, 3 << 30):
            out.seek(at)
            out.write(block(at, 5000))
    os.symlink("size-59", f"{top}/link-short")
    os.symlink("x" * 59 + "/" + "y" * 900, f"{top}/link-long")
    os.link(f"{top}/size-4097", f"{top}/hard-1")
    os.link(f"{top}/size-4097", f"{top}/tree/hard-2")
    os.mkfifo(f"{top}/fifo", 0o620)
    os.mknod(f"{top}/null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    for name, size in (("user.short", 3), ("user.none", 0), ("user.long", 2500)):
        os.setxattr(f"{top}/size-61", name, block(name, size))
    os.setxattr(f"{top}/tree", "user.of-a-directory", b"yes")
    os.setxattr(f"{top}/many", "trusted.secret", b"root only")
    with open(f"{top}/mapped", "w+b") as f:
        f.truncate(3 * MIB + 77)
        with mmap.mmap(f.fileno(), 0) as m:
            m[MIB - 10:MIB + 10] = b"0123456789abcdefghij"
            m[-5:] = b"tail!"
            m.flush()
    with open(f"{top}/allocated", "wb") as f:
        os.posix_fallocate(f.fileno(), 0, 2 * MIB)
        os.pwrite(f.fileno(), block("allocated", 10000), MIB)
    for number in range(200):
        with open(f"{top}/appended", "ab") as f:
            f.write(block(number, 777))
    os.chown(f"{top}/size-1", 1000, 1000)
    os.chmod(f"{top}/size-60", 0o4751)
    os.chmod(f"{top}/tree/level0", 0o1777)
    os.utime(f"{top}/size-4095", ns=(1_000_000_000_123_456_789, 1_500_000_000_987_654_321))
    os.utime(f"{top}/size-4096", ns=(0, 4_000_000_000_000_000_001))
    handle = os.open(f"{top}/tree", os.O_TMPFILE | os.O_RDWR, 0o640)
    os.write(handle, b"had no name at first\n")
    # AT_FDCWD, AT_SYMLINK_FOLLOW
    if ctypes.CDLL(None, use_errno=True).linkat(-100, f"/proc/self/fd/{handle}".encode(), -100,
                                                f"{top}/was-nameless".encode(), 0x400):
        raise OSError(ctypes.get_errno(), "linkat")
    os.close(handle)


def change(top):
    os.rename(f"{top}/size-65537", f"{top}/tree/renamed")
    os.rename(f"{top}/size-65535", f"{top}/size-0")
    os.rename(f"{top}/tree/level0", f"{top}/many/moved-directory")
    os.rename(f"{top}/hard-1", f"{top}/many/hard-moved")
    os.unlink(f"{top}/size-4097")
    for number in range(0, 3000, 3):
        os.unlink(f"{top}/many/file-{number:05}-{'n' * (number % 60)}")
    for number in range(500):
        put(f"{top}/many/later-{number}", b"later\n")
    os.truncate(f"{top}/large", 40 * MIB + 1234)
    os.truncate(f"{top}/size-61", 70000)
    with open(f"{top}/sparse", "r+b") as f:
        # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
        if ctypes.CDLL(None, use_errno=True).fallocate(f.fileno(), 3, ctypes.c_long(0),
                                                       ctypes.c_long(MIB)):
            raise OSError(ctypes.get_errno(), "fallocate")
    os.removexattr(f"{top}/size-61", "user.none")
    os.setxattr(f"{top}/size-61", "user.short", b"now a little longer")
    with open(f"{top}/large", "r+b") as f:
        for part in range(0, 40, 7):
            f.seek(part * MIB + 4000)
            f.write(block(f"over{part}", 9000))
    # Has no name at the machine's end: its blocks must become free.
    nameless = open(f"{top}/gone", "wb")
    nameless.write(block("gone", 3 * MIB))
    nameless.flush()
    os.unlink(f"{top}/gone")
    return nameless


def describe(path):
    info = os.lstat(path)
    what = {"mode": info.st_mode, "uid": info.st_uid, "gid": info.st_gid, "nlink": info.st_nlink,
            "mtime": info.st_mtime_ns, "rdev": info.st_rdev}
    if stat.S_ISLNK(info.st_mode):
        what["target"] = os.readlink(path)
        return what
    if stat.S_ISREG(info.st_mode):
        digest = hashlib.md5()
        with open(path, "rb") as f:
            if path.endswith("/sparse"):
                for at in (0, 4096, MIB, 5 * MIB, 6 * MIB, 1 << 30, (3 << 30) - 5000, (3 << 30) + 4000):
                    digest.update(os.pread(f.fileno(), 9000, at))
            else:
                for part in iter(lambda: f.read(MIB), b""):
                    digest.update(part)
        what.update(size=info.st_size, sum=digest.hexdigest(),
                    sparse=info.st_blocks * 512 < info.st_size // 2)
    what["xattrs"] = {n: hashlib.md5(os.getxattr(path, n)).hexdigest() for n in sorted(os.listxattr(path))} \
        if stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode) else {}
    return what


def listing(top):
    found = {}
    for folder, dirs, files in os.walk(top):
        for name in [*dirs, *files]:
            path = os.path.join(folder, name)
            found[path] = describe(path)
    inodes = {}
    for path in found:
        info = os.lstat(path)
        if stat.S_ISREG(info.st_mode):
            inodes.setdefault(info.st_ino, []).append(path)
    return {"files": found, "linked": sorted(sorted(p) for p in inodes.values() if len(p) > 1)}


def save(top):
    data = json.dumps(listing(top), sort_keys=True)
    with open(f"{top}.json", "w") as out:
        out.write(data)
    print(f"@@list {hashlib.md5(data.encode()).hexdigest()}", flush=True)


def verify(top):
    text = open(f"{top}.json").read()
    print(f"@@list {hashlib.md5(text.encode()).hexdigest()}", flush=True)
    old, new = json.loads(text), listing(top)
    lost = sorted(set(old["files"]) - set(new["files"]))
    more = sorted(set(new["files"]) - set(old["files"]))
    check("no file is lost", not lost, f"{len(lost)}: {lost[:3]}")
    check("no file has come", not more, f"{len(more)}: {more[:3]}")
    differ = [(path, key, value, new["files"][path].get(key)) for path, what in old["files"].items()
              if path in new["files"] for key, value in what.items() if new["files"][path].get(key) != value]
    for key in ("sum", "size", "target", "xattrs", "mode", "uid", "gid", "nlink", "mtime", "rdev", "sparse"):
        wrong = [d for d in differ if d[1] == key]
        check(f"{key} of {len(old['files'])} files", not wrong, f"{len(wrong)}: {wrong[:2]}")
    check("hard links", old["linked"] == new["linked"], new["linked"])
    check("a deleted file's blocks", not os.path.exists(f"{top}/gone"))


def cut(top):
    os.makedirs(f"{top}/cut", exist_ok=True)
    # A new file, one grown, one overwritten, one renamed into place: each as programs do it that care.
    written = {}
    for number, size in enumerate((100, 5000, 300_000, 8 * MIB)):
        data = block(f"cut{number}", size)
        path = f"{top}/cut/new-{number}"
        with open(path + ".part", "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path + ".part", path)
        written[path] = data
    with open(f"{top}/size-4096", "r+b") as f:
        data = block("overwritten", 4096)
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
        written[f"{top}/size-4096"] = data
    with open(f"{top}/appended", "ab") as f:
        f.write(block("more", 123_456))
        f.flush()
        os.fsync(f.fileno())
    written[f"{top}/appended"] = open(f"{top}/appended", "rb").read()
    folder = os.open(f"{top}/cut", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    with open(f"{top}/cut/list.json", "w") as out:
        json.dump({p: hashlib.md5(d).hexdigest() for p, d in written.items()}, out)
        out.flush()
        os.fsync(out.fileno())
    os.fsync(folder)
    for path, data in written.items():
        print(f"@@written {hashlib.md5(data).hexdigest()} {path}", flush=True)
    print("@@synced", flush=True)
    number = 0
    while True:     # and much that nobody asked to be safe
        number += 1
        put(f"{top}/cut/unsafe-{number % 400}", block(number, number * 997 % 200_000))
        if number % 7 == 0:
            os.rename(f"{top}/cut/unsafe-{number % 400}", f"{top}/cut/unsafe-{(number + 5) % 400}")


def survived(top):
    wanted = json.load(open(f"{top}/cut/list.json"))
    for path, digest in wanted.items():
        data = open(path, "rb").read()
        check(f"{os.path.basename(path)} is there, as it was synced",
              hashlib.md5(data).hexdigest() == digest, f"{len(data)} bytes")
    put(f"{top}/cut/afterwards", block("afterwards", 100_000))
    check("and the file system can be written to", os.path.getsize(f"{top}/cut/afterwards") == 100_000)


def main():
    what, top = sys.argv[1:]
    if what == "write":
        fill(top)
        save(top)
    elif what == "change":
        keep = change(top)
        save(top)
        print("@@changed", flush=True)
        if os.fork() == 0:      # open when the machine goes down
            os.setsid()
            os.close(1), os.close(2)
            keep.write(b"still open")
            import time
            time.sleep(1000)
    elif what == "verify":
        verify(top)
    elif what == "cut":
        cut(top)
    elif what == "survived":
        survived(top)
    print(f"@@tests {good} {bad}")
    return bad != 0


sys.exit(main())
