# SPDX-License-Identifier: MIT
"""Files survive: the power off, a reboot, and the machine being cut off after an fsync. A disk that
keeps changes goes through several boots, and Linux's e2fsck looks at it between them."""

import hashlib
import re
import tempfile
import time
from pathlib import Path

from tool import disk, host, job, suites
from tool.base import BUILD, ROOT, WeftError

TOP = "/root/files"


def boot(path, *argv, shell=None, **more):
    task = job.Job(["/bin/sh", "-c", shell] if shell else ["/host/files.py", *argv], config="base", root="disk",
                   root_disk=str(path), add=[ROOT / "ci/guest/files.py"], mem=1536, timeout=500)
    return job.run(task, **more)


def clean(path, when):
    try:
        disk.check(path)
        return f"e2fsck finds nothing {when}", True, ""
    except WeftError as error:
        return f"e2fsck finds nothing {when}", False, str(error)


def listed(text):
    return re.findall(r"^@@list (\w+)", text, re.M)


def results(outcome, prefix):
    for result in suites.checks(outcome.output.decode(errors="replace"), prefix):
        yield result.name, result.ok, result.why
    if outcome.reason:
        yield f"{prefix}end", False, outcome.reason


def tests():
    host.need("run", "image", "disk")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        path = disk.copy("base", Path(folder, "disk.raw"))
        written = boot(path, "write", TOP)
        text = written.output.decode(errors="replace")
        yield "files are written", written.status == 0, f"{text[-600:]}{written.reason}"
        name, ok, why = clean(path, "after the power is off")
        yield name, ok, f"{why}\n{written.log[-400:]}"

        # The second boot changes them and ends by reboot(2), with a file open that has no name.
        changed = boot(path, shell=f"/host/files.py verify {TOP} && /host/files.py change {TOP} && reboot && sleep 60")
        again = changed.output.decode(errors="replace")
        sums = listed(again)
        for result in suites.checks(again.split("@@changed")[0], "after a boot: "):
            yield result.name, result.ok, result.why
        yield "the list is the one that was written", sums[:1] == listed(text), f"{sums} {listed(text)}"
        yield "reboot ends the machine", len(sums) == 2 and changed.status != 0 and "unmounted" in changed.log, \
            f"status {changed.status} {changed.reason}\n{changed.log[-300:]}"
        yield clean(path, "after a reboot")

        machine = {}

        def watch(data):
            machine["text"] = machine.get("text", "") + data.decode(errors="replace")
            if "@@synced" in machine["text"] and "cut" not in machine:
                machine["cut"] = True
                time.sleep(3)      # and much is under way
                machine["guest"].process.kill()

        cut = boot(path, shell=f"/host/files.py verify {TOP} && exec /host/files.py cut {TOP}", sink=watch,
                   begun=lambda guest: machine.update(guest=guest))
        text = cut.output.decode(errors="replace")
        for result in suites.checks(text.split("@@written")[0], "after a reboot: "):
            yield result.name, result.ok, result.why
        synced = re.findall(r"^@@written (\w+) (\S+)$", text, re.M)
        yield "files are written with fsync", "@@synced" in text and len(synced) > 5, text[-400:] + cut.reason
        lost = [name for digest, name in synced
                if hashlib.md5(disk.contents(path, name)).hexdigest() != digest]
        yield "what was synced is on the disk as it was cut off", not lost, " ".join(lost)
        try:
            disk.repair(path)
            yield "e2fsck can mend what was cut off", True, ""
        except WeftError as error:
            yield "e2fsck can mend what was cut off", False, str(error)
        yield from results(boot(path, "survived", TOP), "after the cut: ")
        yield clean(path, "after all")
