# SPDX-License-Identifier: MIT
"""./weft bench: the same measurement on Weft and on Debian's kernel, in the same QEMU, in turns.

ci/bench/NAME.toml says what each kernel runs. The program prints `@@row NAME UNIT VALUE
lower|higher` lines. Every run is a fresh boot; runs alternate between the kernels, so that a
change of the host's load meets both; the median counts. A ratio below 1 is better for Weft,
whatever the unit.
"""

import importlib
import json
import math
import re
import statistics
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import host, job
from .base import ROOT, WeftError, cached, digest, run, say

FOLDER = ROOT / "ci" / "bench"
ROW = re.compile(r"^@@row (\S+) (\S+) (-?[0-9.eE+-]+) (lower|higher)\s*$", re.M)
KEYS = {"description", "python", "renderers", "boot", "smp", "timeout", "runs", "weft", "linux"}
SIDE_KEYS = {"command", "config", "root", "program", "add", "env", "mem", "append"}


@dataclass
class Row:
    unit: str
    better: str
    values: dict = field(default_factory=lambda: {"weft": [], "linux": []})


def names():
    return sorted(p.stem for p in FOLDER.glob("*.toml"))


def load(name):
    path = FOLDER / f"{name}.toml"
    if not path.exists():
        raise WeftError(f"no benchmark {name}; there are: {' '.join(names())}")
    try:
        spec = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise WeftError(f"{path}: {error}") from None
    for key in spec:
        if key not in KEYS:
            raise WeftError(f"{path}: {key}: unknown key")
    for side in ("weft", "linux"):
        for key in spec.get(side, {}):
            if key not in SIDE_KEYS:
                raise WeftError(f"{path}: {side}.{key}: unknown key")
    return spec


def program(source):
    """A static Linux program compiled from one C file (cached)."""
    host.need("build")
    path = ROOT / source

    def make(target):
        run(["gcc", "-std=gnu17", "-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror",
             "-o", target, path, "-lm"])

    out = cached("bench", digest("bench-1", path), f"/{path.stem}", make)
    return out


def make_job(side, spec):
    part = spec[side]
    add = list(part.get("add", []))
    if "program" in part:
        add.append(program(part["program"]))
    return job.Job(list(part["command"]), kernel=side, config=part.get("config", "none"),
                   root=part.get("root", "memory"), smp=spec.get("smp", 2),
                   mem=part.get("mem", 0), timeout=spec.get("timeout", 300), add=add,
                   env=part.get("env", {}), append=part.get("append", ""))


def rows(text):
    """(name, unit, value, better) of every row line."""
    return [(n, u, float(v), b) for n, u, v, b in ROW.findall(text)]


def ratio(weft, linux, better):
    if weft is None or linux is None or weft <= 0 or linux <= 0:
        return None
    return weft / linux if better == "lower" else linux / weft


def run_job(name, task, spec):
    """The rows of one boot."""
    outcome = job.run(task)
    text = outcome.output.decode(errors="replace")
    if outcome.status != 0:
        raise WeftError(f"bench {name} on {task.kernel}: status {outcome.status} "
                        f"{outcome.reason}\n{text[-2000:]}")
    boot = [("boot-to-first-process", "s", outcome.init_at, "lower")] if spec.get("boot") else []
    return boot + rows(text)


def measure(name, sides, count):
    """Run a benchmark `count` times on each side, in turns; return {row name: Row}."""
    spec = load(name)
    sides = [s for s in sides if s in spec]
    if "python" in spec:
        module = importlib.import_module(spec["python"])
        once = lambda side: module.measure(side, spec)
    else:
        jobs = {side: make_job(side, spec) for side in sides}
        once = lambda side: run_job(name, jobs[side], spec)
    table = {}
    for turn in range(count):
        # Who goes first alternates too.
        for side in sides if turn % 2 == 0 else sides[::-1]:
            started = time.monotonic()
            found = once(side)
            if not found:
                raise WeftError(f"bench {name} on {side}: printed no row")
            for row, unit, value, better in found:
                entry = table.setdefault(row, Row(unit, better))
                if (entry.unit, entry.better) != (unit, better):
                    raise WeftError(f"bench {name}: row {row} means different things on the "
                                    "two kernels")
                entry.values[side].append(value)
            say(f"bench {name}: {side} {turn + 1}/{count}, "
                f"{time.monotonic() - started:.1f} s")
    return table


def median(values):
    return statistics.median(values) if values else None


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def report(table, against):
    """The table as text, and as rows for JSON."""
    out, lines = [], []
    for name, row in table.items():
        weft, linux = median(row.values["weft"]), median(row.values["linux"])
        share = ratio(weft, linux, row.better)
        out.append({"name": name, "unit": row.unit, "weft": weft, "linux": linux, "ratio": share,
                    "better": row.better, "runs": row.values})
        lines.append((name, row.unit, number(weft), number(linux),
                      "-" if share is None else f"{share:.3f}"))
    head = ("row", "unit", "weft", "linux", "ratio")
    widths = [max(len(r[i]) for r in [head, *lines]) for i in range(5)]
    text = "\n".join("  ".join(c.ljust(w) if i < 2 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(r, widths)))
                     for r in [head, *lines])
    shares = [r["ratio"] for r in out if r["ratio"]]
    if against and shares:
        mean = math.exp(sum(math.log(s) for s in shares) / len(shares))
        text += f"\ngeometric mean of {len(shares)} ratios: {mean:.3f}"
    return text, out


def main(args):
    chosen = args.names or names()
    sides = ["weft", "linux"] if args.against else [args.only or "weft"]
    everything = []
    for name in chosen:
        table = measure(name, sides, args.runs or load(name).get("runs", 5))
        text, out = report(table, args.against)
        print(f"{name}\n{text}", flush=True)
        everything += [{**row, "bench": name} for row in out]
    if args.json:
        Path(args.json).write_text(json.dumps({"rows": everything}, indent=1) + "\n")
    return 0
