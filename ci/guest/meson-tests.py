#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the tests that `meson introspect --tests` listed in a file. usage: meson-tests.py LIST"""

import json
import os
import subprocess
import sys

good = bad = 0
for test in json.load(open(sys.argv[1])):
    env = {**os.environ, **test["env"], "XDG_RUNTIME_DIR": "/tmp/xdg"}
    os.makedirs("/tmp/xdg", mode=0o700, exist_ok=True)
    try:
        done = subprocess.run(test["cmd"], env=env, cwd=test.get("workdir") or "/tmp",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=3 * max(test["timeout"], 30))
        status, text = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        status, text = "out of time", (late.stdout or b"").decode(errors="replace")
    # 77: the test says itself that it cannot run here.
    if status in (0, 77):
        good += 1
        print(f"ok {test['name']}" + (" (skipped)" if status else ""), flush=True)
    else:
        bad += 1
        tail = " | ".join(text.strip().splitlines()[-8:])[-600:]
        print(f"not ok {test['name']}: status {status}: {tail}", flush=True)
print(f"@@tests {good} {bad}")
sys.exit(bad != 0)
