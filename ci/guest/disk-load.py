#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads files again and again, past the cache, and compares their sums; writes some with fsync, too.
usage: disk-load.py FOLDER REPORT. REPORT is replaced after each round: rounds, bytes read, what was wrong."""

import hashlib
import os
import random
import sys
import time

FILES, SIZE = 6, 1 << 20


def forget(path):
    """Makes the file's pages leave memory, so that the next read is the disk's."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.md5(f.read()).hexdigest()


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    return hashlib.md5(data).hexdigest()


def main():
    folder, report = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    sums = {f"{folder}/{n}": put(f"{folder}/{n}", random.Random(n).randbytes(SIZE)) for n in range(FILES)}
    rounds, count, wrong = 0, 0, []
    while True:
        for path, expected in sums.items():
            try:
                forget(path)
                got = digest(path)
                if got != expected:
                    wrong.append(f"{path}:{got}")
            except OSError as error:
                wrong.append(f"{path}:{error}".replace(" ", "_"))
            count += SIZE
            time.sleep(0.05)
        rounds += 1
        path = f"{folder}/{rounds % FILES}"
        try:
            sums[path] = put(path, random.Random(rounds).randbytes(SIZE // 2 + rounds * 13))
        except OSError as error:
            wrong.append(f"writing_{path}:{error}".replace(" ", "_"))
        with open(report + ".new", "w") as out:
            out.write(f"{rounds} {count} {' '.join(wrong[:5]) or '-'}\n")
        os.rename(report + ".new", report)


main()
