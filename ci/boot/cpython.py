# SPDX-License-Identifier: MIT
"""CPython's own tests on both kernels: what passes on Debian's kernel must pass on Weft.

The reference result is cached by the root file system and the kernel package, since it does not
change with Weft. A difference that is known and has a stated cause is listed in EXCEPTIONS.
"""

import base64
import json
import os
import re
import xml.etree.ElementTree as xml

from tool import config, job, linux
from tool.base import CACHE, ROOT, cached, digest

TESTS = """test_os test_posix test_subprocess test_select test_selectors test_epoll test_poll test_mmap
test_signal test_threading test_fcntl test_pty test_termios test_io test_fileio test_resource test_time
test_wait4 test_eintr test_asyncio test_multiprocessing_fork test_multiprocessing_spawn test_sqlite3
test_tarfile""".split()
PACKAGES = ["libpython3.13-testsuite"]
SECONDS = 900
EXCEPTIONS = {}     # case: why it differs
BLOCK = re.compile(r"^@@cpython (\S+) status (\d+)\n(.*?)^@@report \1\n([^\n]*)\n@@end \1$",
                   re.M | re.S)


def cases(report):
    """{case: "ok", "failed" or "skipped"} of a JUnit report."""
    found = {}
    for case in xml.fromstring(report).iter("testcase"):
        tags = {child.tag for child in case}
        verdict = ("failed" if tags & {"failure", "error"} else
                   "skipped" if "skipped" in tags or case.get("status") == "notrun" else "ok")
        found[case.get("name")] = verdict
    return found


def run(kernel, tests, told):
    """Run tests on one kernel, calling told(test, [status, cases, tail of its output]) for each.

    They share a boot. A test that takes the machine with it is told as such, and the rest go on in another boot.
    """
    left = list(tests)
    while left:
        task = job.Job(["/host/cpython.sh", str(SECONDS), *left], kernel=kernel, config="base", packages=PACKAGES,
                       add=[ROOT / "ci/guest/cpython.sh"], mem=4096, timeout=SECONDS * len(left) + 300)
        outcome = job.run(task)
        for test, status, tail, data in BLOCK.findall(outcome.output.decode(errors="replace")):
            report = base64.b64decode(data) if data else b""
            told(test, [int(status), cases(report) if report else {}, tail])
            left.remove(test)
        if left:
            told(left.pop(0), [outcome.status, {}, outcome.reason or "no report"])


def reference(tests):
    """{test: [status, cases, tail]} on Debian's kernel; what has no report is not kept."""
    found = {}
    key = {test: digest("cpython-2", linux.tree().name, SECONDS, *PACKAGES, *config.load("base").packages,
                        ROOT / "ci/guest/cpython.sh", test) for test in tests}
    for test in tests:
        path = CACHE / "cpython" / f"{key[test]}.json"
        if path.exists():
            found[test] = json.loads(path.read_text())

    def keep(test, result):
        found[test] = result
        if result[1]:
            cached("cpython", key[test], ".json", lambda target: target.write_text(json.dumps(result)))

    run("linux", [test for test in tests if test not in found], keep)
    return found


def tests():
    chosen = os.environ.get("WEFT_CPYTHON", "").split() or TESTS
    there, here = reference(chosen), {}
    run("weft", chosen, here.__setitem__)
    print(f"{'test':30} {'Linux: ok failed skipped':>26} {'Weft: ok failed skipped':>26}")
    for test in chosen:
        _, old, why = there[test]
        status, new, tail = here[test]
        count = lambda t: " ".join(f"{list(t.values()).count(v):5}" for v in ("ok", "failed", "skipped"))
        print(f"{test:30} {count(old):>26} {count(new):>26}", flush=True)
        lost = [c for c, v in old.items() if v == "ok" and new.get(c) != "ok" and c not in EXCEPTIONS]
        if not old:
            yield test, False, "no result on Debian's kernel: " + why
        elif not new:
            yield test, False, f"status {status}: " + " | ".join(tail.strip().splitlines()[-6:])
        for case in lost if new else []:
            yield f"{test} {case}", False, f"ok on Linux, {new.get(case, 'not run')} here"
        for case in new:
            if case not in lost:
                yield f"{test} {case}", True, ""
