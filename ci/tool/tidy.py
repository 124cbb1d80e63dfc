# SPDX-License-Identifier: MIT
"""clang-tidy over everything that the main build compiles, with the checks of .clang-tidy."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from . import build, host
from .base import BUILD, ROOT

# Options of gcc that clang does not know; they change no meaning that tidy could see.
GCC_ONLY = re.compile(r" -(fno-tree-loop-distribute-patterns|fno-gnu-unique|mstringop-strategy=\S+)")
CLANG_ONLY = (" -Wno-unknown-warning-option -Wno-unused-command-line-argument"
              " -Wno-unknown-attributes -Wno-gnu-variable-sized-type-not-at-end"
              " -Wno-c2x-extensions")
# Written against musl alone, whose headers clang does not take.
MUSL_ONLY = {"servers/fs/ext4/fortify.c"}
BATCH = 8


def database():
    """Writes the compile commands as clang takes them; returns their folder and the C files."""
    folder = BUILD / "tidy"
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for entry in json.loads((build.MAIN / "compile_commands.json").read_text()):
        file = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        if file.endswith(".c") and file.startswith(f"{ROOT}/") and not file.startswith(f"{BUILD}/") \
                and os.path.relpath(file, ROOT) not in MUSL_ONLY:
            entries[file] = {**entry, "file": file,
                             "command": GCC_ONLY.sub("", entry["command"]) + CLANG_ONLY}
    (folder / "compile_commands.json").write_text(json.dumps(list(entries.values())))
    return folder, sorted(entries)


def run(folder, files):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", folder, *files], cwd=ROOT, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, errors="replace")
    found = [line for line in done.stdout.splitlines() if re.search(r": (error|warning): ", line)]
    if done.returncode != 0 and not found:
        found = (done.stdout + done.stderr).strip().splitlines()[-3:]
    return found


def findings():
    """(number of files, lines that name a place and what is wrong there)."""
    host.need("static")
    build.ninja(build.MAIN)
    folder, files = database()
    batches = [files[i:i + BATCH] for i in range(0, len(files), BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [line for lines in pool.map(lambda b: run(folder, b), batches) for line in lines]
    return len(files), [line.replace(f"{ROOT}/", "") for line in found]
