# SPDX-License-Identifier: MIT
"""The test suites behind ./weft test. A suite yields results; the runner prints and counts them."""

import functools
import importlib
import io
import json
import re
import subprocess
import time
import tomllib
import traceback
import unittest
from dataclasses import dataclass

from . import build, compositor, host, job, tidy
from .base import BUILD, ROOT, WeftError

LINES_LIMIT = 15000     # of the architecture
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
    print(f"kernel: {code} lines of C and assembly in {len(files)} files, budget {LINES_LIMIT}"
          f" ({total} with comments and blanks)")
    yield Result("kernel lines", code < LINES_LIMIT, f"{code} lines")
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


CHECK = re.compile(r"^(not ok|ok) ([^\n]*)$", re.M)
TOTAL = re.compile(r"^@@tests (\d+) (\d+)\s*$", re.M)
BOOT_KEYS = {"name", "command", "smp", "config", "root", "kernel", "timeout", "mem", "packages", "add",
             "env", "append", "devices", "disks"}


def checks(text, prefix=""):
    """Results from a test program's output; a missing or wrong total is a failure of its own."""
    good = bad = 0
    for verdict, rest in CHECK.findall(text):
        name, _, why = rest.strip().partition(": ") if verdict == "not ok" else (rest.strip(), "", "")
        good += verdict == "ok"
        bad += verdict != "ok"
        yield Result(prefix + name, verdict == "ok", why)
    total = TOTAL.findall(text)
    if not total:
        yield Result(f"{prefix}end", False, "no @@tests line: ended early")
    elif (int(total[-1][0]), int(total[-1][1])) != (good, bad):
        yield Result(f"{prefix}end", False, f"@@tests says {total[-1][0]} {total[-1][1]}, "
                                            f"the lines say {good} {bad}")


def boot_tests(spec, where):
    """One [[boot]] table: a test program run in a guest, once per number of CPUs."""
    for key in spec:
        if key not in BOOT_KEYS:
            raise WeftError(f"{where}: {key}: unknown key")
    counts = spec.get("smp", [2])
    for smp in counts if isinstance(counts, list) else [counts]:
        task = job.Job(list(spec["command"]), kernel=spec.get("kernel", "weft"), smp=smp,
                       config=spec.get("config", "none"), root=spec.get("root", "memory"),
                       timeout=spec.get("timeout", 300), mem=spec.get("mem", 0),
                       packages=spec.get("packages", []), env=spec.get("env", {}),
                       add=[ROOT / a for a in spec.get("add", [])],
                       append=spec.get("append", ""), disks=spec.get("disks", []),
                       desktop=spec.get("devices") == "desktop")
        outcome = job.run(task)
        prefix = f"{spec['name']} smp={smp}: "
        text = outcome.output.decode(errors="replace")
        yield from checks(text, prefix)
        if outcome.status != 0:
            tail = "\n".join(text.splitlines()[-12:])
            yield Result(f"{prefix}exit", False,
                         f"status {outcome.status} {outcome.reason}\n{tail}")


def host_tests(spec, where):
    """One [[host]] table: a command on this machine that prints ok and not ok lines."""
    done = subprocess.run(spec["command"], cwd=ROOT, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=spec.get("timeout", 600),
                          errors="replace")
    yield from checks(done.stdout, f"{spec['name']}: ")
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        yield Result(f"{spec['name']}: exit", False, f"status {done.returncode}\n{tail}")


def python_tests(spec, where):
    """One [[python]] table: a module of ci/ whose tests() yields (name, ok, why). What else the table
    has are tests()'s arguments."""
    module = importlib.import_module(spec["module"])
    for name, ok, why in module.tests(**{k: v for k, v in spec.items() if k != "module"}):
        yield Result(name, ok, why)


def from_file(path):
    """The parts of a suite that ci/suites/NAME.toml describes."""
    try:
        spec = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise WeftError(f"{path}: {error}") from None
    if spec.pop("by_name_only", False):
        BY_NAME_ONLY.add(path.stem)
    kinds = {"boot": boot_tests, "host": host_tests, "python": python_tests}
    parts = []
    for key, tables in spec.items():
        if key not in kinds:
            raise WeftError(f"{path}: {key}: wants [[boot]], [[host]] or [[python]]")
        for index, table in enumerate(tables):
            parts.append(functools.partial(kinds[key], table, f"{path}: {key}[{index}]"))
    return parts


def static():
    """Checks that read the sources only."""
    yield from headers()
    yield from pyflakes()
    yield from cppcheck()
    count, found = tidy.findings()
    yield Result(f"clang-tidy of {count} files", count > 0 and not found, "\n".join(found[:20]))


def headers():
    """Every source file begins with its licence, and has no stray white space."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        if path.suffix not in (".c", ".h", ".S", ".py", ".sh") or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if not text.strip():
            continue
        why = ""
        if "SPDX-License-Identifier: MIT" not in "\n".join(text.splitlines()[:2]):
            why = "no SPDX line at the top"
        else:
            for number, line in enumerate(text.splitlines(), 1):
                if line != line.rstrip():
                    why = f"line {number} ends in white space"
                    break
        yield Result(f"source {name}", not why, why)


def pyflakes():
    """Names that a Python file uses and nobody defines, and those that it takes in vain."""
    host.need("static")
    done = subprocess.run(["pyflakes3", "ci"], cwd=ROOT, capture_output=True, text=True)
    yield Result("pyflakes of ci", done.returncode == 0, done.stdout + done.stderr)


def cppcheck():
    folders = [f for f in ("kernel", "libc", "servers", "drivers", "drm", "compositor", "session",
                           "ci") if any((ROOT / f).rglob("*.c"))]
    host.need("static")
    store = BUILD / "cppcheck"
    store.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        done = subprocess.run(
            ["cppcheck", "--quiet", "--enable=warning,portability", "--std=c11", "--inline-suppr",
             "--error-exitcode=9", f"--cppcheck-build-dir={store}", "-j2", "--language=c",
             "--suppress=missingInclude", "--suppress=unknownMacro",
             "--suppress=nullPointerArithmeticRedundantCheck", "--suppress=comparePointers",
             # gcc's own warning, an error here, sees further than this one.
             "--suppress=legacyUninitvar", "--suppress=uninitvar",
             "--suppress=uninitStructMember", "-i", f"{folder}/tests", "--suppress=internalAstError",
             "--suppress=preprocessorErrorDirective", "--suppress=syntaxError", "--template={file}:{line}: {id}: {message}",
             "-I", "kernel/include", "-D__x86_64__=1", "-D__GNUC__=12", folder],
            cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        found = (done.stderr or done.stdout).strip().splitlines()
        yield Result(f"cppcheck {folder}", done.returncode == 0, "\n".join(found[:20]))


def compositor_tests():
    if (ROOT / "compositor/tests/packages.txt").exists():
        yield from compositor.tests(Result)


BUILT_IN = {"unit": [unit], "static": [static, budgets], "compositor": [compositor_tests]}
BY_NAME_ONLY = set()    # long suites that CI does not run
ORDER = ["unit", "static", "compositor", "kernel", "posix", "drivers", "drm", "desktop"]


def suites():
    """Every suite's parts by name: those in this file, and those of ci/suites."""
    found = {name: list(parts) for name, parts in BUILT_IN.items()}
    for path in sorted((ROOT / "ci" / "suites").glob("*.toml")):
        found.setdefault(path.stem, []).extend(from_file(path))
    return dict(sorted(found.items(), key=lambda item: (
        ORDER.index(item[0]) if item[0] in ORDER else len(ORDER), item[0])))


def main(names):
    known = suites()
    for name in names:
        if name not in known:
            raise WeftError(f"no suite {name}; there are: {' '.join(known)}")
    passed = failed = 0
    wrong = []
    for name in names or [n for n in known if n not in BY_NAME_ONLY]:
        started = time.monotonic()
        good = bad = 0
        for part in known[name]:
            try:
                for result in part():
                    if result.ok:
                        good += 1
                    else:
                        bad += 1
                        wrong.append((name, result))
                        print(f"FAILED {name}: {result.name}: {result.why}", flush=True)
            except Exception as error:  # a part that breaks fails; the others still run
                bad += 1
                why = str(error) if isinstance(error, WeftError) else traceback.format_exc()
                wrong.append((name, Result("run", False, why)))
                print(f"FAILED {name}: {why}", flush=True)
        print(f"{name}: {good} passed, {bad} failed ({time.monotonic() - started:.1f} s)",
              flush=True)
        passed, failed = passed + good, failed + bad
    if failed and passed + failed > 20:
        print("Failures:")
        for name, result in wrong:
            print(f"  {name}: {result.name}: {result.why.splitlines()[0] if result.why else ''}")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1
