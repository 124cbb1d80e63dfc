# SPDX-License-Identifier: MIT
"""The test suites behind ./weft test. A suite yields results; the runner prints and counts them."""

import io
import json
import re
import subprocess
import time
import unittest
from dataclasses import dataclass

from . import build, host
from .base import BUILD, ROOT, WeftError, say

LINES_LIMIT = 15000
CALLS_LIMIT = 50


@dataclass
class Result:
    name: str
    ok: bool
    why: str = ""


def unit():
    """Host tests: this tool's own, and every folder's cmocka tests under ASan and UBSan."""
    stream = io.StringIO()
    tests = unittest.defaultTestLoader.discover(str(ROOT / "ci" / "tests"),
                                                top_level_dir=str(ROOT / "ci"))
    outcome = unittest.TextTestRunner(stream=stream, verbosity=0).run(tests)
    bad = outcome.failures + outcome.errors
    for case, trace in bad:
        yield Result(f"tool {case.id()}", False, trace.strip().splitlines()[-1])
    good = outcome.testsRun - len(bad) - len(outcome.skipped)
    for _ in range(good):
        yield Result("tool", True)
    yield from meson_tests()


def meson_tests():
    build.sanitised()
    listed = subprocess.run(["meson", "introspect", "--tests", build.UNIT], capture_output=True)
    names = json.loads(listed.stdout or b"[]")
    if not names:
        return
    log = build.UNIT / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    subprocess.run(["meson", "test", "-C", build.UNIT, "--no-rebuild", "-q"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL)
    ran = {}
    if log.exists():
        for line in log.read_text().splitlines():
            entry = json.loads(line)
            ran[entry["name"].split(" / ")[-1]] = entry
    for test in names:
        entry = ran.get(test["name"])
        if entry is None:
            yield Result(test["name"], False, "did not run")
            continue
        text = entry.get("stdout", "") + entry.get("stderr", "")
        cases = re.findall(r"^\[ +(OK|FAILED) +\] (\w+)$", text, re.M)
        good = entry["result"] == "OK"
        for verdict, case in cases:
            if verdict == "OK":
                yield Result(f"{test['name']} {case}", True)
        failed = {case for verdict, case in cases if verdict == "FAILED"}
        for case in sorted(failed):
            yield Result(f"{test['name']} {case}", False, "assertion failed")
        if not cases or (not good and not failed):
            tail = " | ".join(text.strip().splitlines()[-6:])
            yield Result(test["name"], good, "" if good else f"{entry['result']}: {tail}")


def sources(folder):
    for suffix in ("*.c", "*.h", "*.S"):
        yield from sorted((ROOT / folder).rglob(suffix))


def code_lines(text):
    """Lines that hold more than a comment or white space."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    text = re.sub(r"//.*", "", text)
    return sum(1 for line in text.splitlines() if line.strip())


def budgets():
    """The kernel's size and the number of its calls, both with a limit."""
    files = [p for p in sources("kernel") if "tests" not in p.relative_to(ROOT).parts]
    if not files:
        return
    total = sum(len(p.read_text(errors="replace").splitlines()) for p in files)
    code = sum(code_lines(p.read_text(errors="replace")) for p in files)
    print(f"kernel: {total} lines in {len(files)} files ({code} without comments and blanks), "
          f"limit {LINES_LIMIT}")
    yield Result("kernel lines", total < LINES_LIMIT, f"{total} lines")
    calls = native_calls()
    if calls is not None:
        print(f"kernel: {calls} native calls, limit {CALLS_LIMIT}")
        yield Result("native calls", 0 < calls < CALLS_LIMIT, f"{calls} calls")


def native_calls():
    """The number of rows of the native call table, which the kernel's dispatch is made from."""
    table = ROOT / "kernel/include/weft/call.h"
    if not table.exists():
        return None
    body = table.read_text().split("#define WEFT_CALLS(X)", 1)[-1].split("enum weft_call", 1)[0]
    return len(set(re.findall(r"^\s*X\((\w+),", body, re.M)))


SUITES = {"unit": [unit, budgets]}


def main(names):
    for name in names:
        if name not in SUITES:
            raise WeftError(f"no suite {name}; there are: {' '.join(SUITES)}")
    passed = failed = 0
    wrong = []
    for name in names or list(SUITES):
        started = time.monotonic()
        good = bad = 0
        for part in SUITES[name]:
            try:
                for result in part():
                    if result.ok:
                        good += 1
                    else:
                        bad += 1
                        wrong.append((name, result))
                        print(f"FAILED {name}: {result.name}: {result.why}", flush=True)
            except WeftError as error:
                bad += 1
                wrong.append((name, Result(part.__name__, False, str(error))))
                print(f"FAILED {name}: {error}", flush=True)
        print(f"{name}: {good} passed, {bad} failed ({time.monotonic() - started:.1f} s)",
              flush=True)
        passed, failed = passed + good, failed + bad
    if failed and passed + failed > 20:
        print("Failures:")
        for name, result in wrong:
            print(f"  {name}: {result.name}: {result.why.splitlines()[0] if result.why else ''}")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1
