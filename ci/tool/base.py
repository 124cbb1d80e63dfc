# SPDX-License-Identifier: MIT
"""Paths, messages, subprocesses and the content-addressed cache, shared by every command.

All state lives in build/ of the checkout and in one cache folder under XDG_CACHE_HOME. A cache
entry is written beside its final name and renamed, so that an interrupted run leaves no half entry.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft"

# What is kept of each kind of cache entry, in bytes, and for how long an entry that was just
# asked for is not touched in seconds: a guest may be about to open it.
CACHE_LIMIT = 8 << 30
CACHE_GRACE = 600

# Every generated file carries this time, so that equal inputs give equal images.
SOURCE_DATE_EPOCH = 1754697600  # Debian 13's release day


class WeftError(Exception):
    """An error whose message is for the user; `status` is the tool's exit status."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


class Options:
    yes = False
    quiet = False


def say(message):
    if not Options.quiet:
        print(f"weft: {message}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what):
    """Announce long work and say how long it took."""
    started = time.monotonic()
    say(f"{what} ...")
    yield
    say(f"{what}: {time.monotonic() - started:.1f} s")


def run(argv, *, log=None, env=None, cwd=None, input=None, capture=False):
    """Run a program; on failure raise WeftError with the end of its output.

    With `log`, output goes to that file; with `capture`, standard output is returned.
    """
    argv = [str(a) for a in argv]
    full_env = {**os.environ, **{k: str(v) for k, v in (env or {}).items()}}
    sink = None
    if log is not None:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        sink = open(log, "wb")
    try:
        out = subprocess.PIPE if capture or sink is None else sink
        err = subprocess.STDOUT if not capture else subprocess.PIPE
        done = subprocess.run(argv, stdout=out, stderr=err, env=full_env, cwd=cwd, input=input,
                              stdin=subprocess.DEVNULL if input is None else None)
    except FileNotFoundError:
        raise WeftError(f"{argv[0]}: no such program on this machine") from None
    finally:
        if sink is not None:
            sink.close()
    if done.returncode != 0:
        text = done.stderr if capture else done.stdout
        if sink is not None:
            text = Path(log).read_bytes()
        tail = "\n".join((text or b"").decode(errors="replace").splitlines()[-40:])
        raise WeftError(f"{argv[0]} failed with status {done.returncode}\n{tail}")
    return done.stdout if capture else None


def digest(*parts):
    """A short hash over strings, bytes and files (by content)."""
    h = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            data = part.read_bytes()
        elif isinstance(part, bytes):
            data = part
        else:
            data = str(part).encode()
        h.update(len(data).to_bytes(8, "little"))
        h.update(data)
    return h.hexdigest()[:20]


def remove(path):
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(name):
    """One process at a time does the work called `name`."""
    lock_dir = CACHE / "locks"
    lock_dir.mkdir(parents=True, exist_ok=True)
    with open(lock_dir / name, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that makes {name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(kind, key, suffix, make):
    """Return the cache entry kind/key+suffix, calling make(temporary path) if it is absent."""
    final = CACHE / kind / f"{key}{suffix}"
    if final.exists():
        with contextlib.suppress(OSError):
            os.utime(final)
        return final
    with locked(f"{kind}-{key}"):
        if final.exists():
            return final
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.with_name(f".{final.name}.{os.getpid()}")
        remove(temporary)
        try:
            make(temporary)
            os.replace(temporary, final)
        finally:
            remove(temporary)
        prune(final)
    return final


def prune(newest):
    """Removes the entries of newest's kind that were longest not asked for, beyond CACHE_LIMIT."""
    entries = []
    for path in newest.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and not path.name.startswith("."):
                stat = path.stat()
                entries.append((stat.st_mtime, stat.st_blocks * 512, path))
    used = sum(size for _, size, _ in entries)
    for asked, size, path in sorted(entries):
        if used <= CACHE_LIMIT or time.time() - asked < CACHE_GRACE:
            break
        if path != newest:
            remove(path)
            used -= size


def read_list(path):
    """Words of a list file; `#` starts a comment."""
    words = []
    for line in Path(path).read_text().splitlines():
        words += line.split("#", 1)[0].split()
    return words
