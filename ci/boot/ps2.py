# SPDX-License-Identifier: MIT
"""A machine with a PS/2 keyboard and mouse only: what the monitor types and moves, a program in the
guest sees as Linux would show it."""

import threading
import time

from tool import job
from tool.base import ROOT

KEYBOARD, MOUSE = "AT", "ImExPS/2"
KEY, REL = 1, 2


def event(kind, **data):
    return {"type": kind, "data": data}


def key(name, down):
    return event("key", down=down, key={"type": "qcode", "data": name})


# What is sent, and the events (kind, code, value) that must come of it, in their order.
STEPS = [
    (KEYBOARD, [key("a", True)], [(KEY, 30, 1)]),
    (KEYBOARD, [key("a", False)], [(KEY, 30, 0)]),
    (KEYBOARD, [key("shift", True), key("z", True)], [(KEY, 42, 1), (KEY, 44, 1)]),
    (KEYBOARD, [key("z", False), key("shift", False)], [(KEY, 44, 0), (KEY, 42, 0)]),
    (KEYBOARD, [key("left", True), key("left", False)], [(KEY, 105, 1), (KEY, 105, 0)]),
    (KEYBOARD, [key("home", True), key("home", False)], [(KEY, 102, 1), (KEY, 102, 0)]),
    (KEYBOARD, [key("ctrl_r", True), key("ctrl_r", False)], [(KEY, 97, 1), (KEY, 97, 0)]),
    (KEYBOARD, [key("meta_l", True), key("meta_l", False)], [(KEY, 125, 1), (KEY, 125, 0)]),
    (KEYBOARD, [key("kp_enter", True), key("kp_enter", False)], [(KEY, 96, 1), (KEY, 96, 0)]),
    (KEYBOARD, [key("less", True), key("less", False)], [(KEY, 86, 1), (KEY, 86, 0)]),
    (KEYBOARD, [key("pause", True), key("pause", False)], [(KEY, 119, 1), (KEY, 119, 0)]),
    (KEYBOARD, [key("print", True), key("print", False)], [(KEY, 99, 1), (KEY, 99, 0)]),
    (MOUSE, [event("rel", axis="x", value=10), event("rel", axis="y", value=-7)],
     [(REL, 0, 10), (REL, 1, -7)]),
    (MOUSE, [event("btn", down=True, button="left")], [(KEY, 272, 1)]),
    (MOUSE, [event("btn", down=False, button="left")], [(KEY, 272, 0)]),
    (MOUSE, [event("btn", down=True, button="right")], [(KEY, 273, 1)]),
    (MOUSE, [event("btn", down=False, button="right")], [(KEY, 273, 0)]),
    (MOUSE, [event("btn", down=True, button="side")], [(KEY, 275, 1)]),
    (MOUSE, [event("btn", down=False, button="side")], [(KEY, 275, 0)]),
    (MOUSE, [event("btn", down=True, button="wheel-up")], [(REL, 8, 1)]),
    (MOUSE, [event("btn", down=True, button="wheel-down")], [(REL, 8, -1)]),
    (KEYBOARD, [key("f12", True), key("f12", False)], [(KEY, 88, 1), (KEY, 88, 0)]),
]


def send(guest):
    qmp = guest.qmp()
    for _, events, _ in STEPS:
        qmp.call("input-send-event", events=events)
        time.sleep(0.25)
    qmp.close()


def tests():
    task = job.Job(["python3", "/host/events.py", "60"], config="base", timeout=200,
                   add=[ROOT / "ci/guest/events.py"])
    state = {"text": ""}

    def sink(data):
        before, state["text"] = state["text"], state["text"] + data.decode(errors="replace")
        if "ready" in state["text"] and "ready" not in before:
            threading.Thread(target=send, args=(state["guest"],), daemon=True).start()

    outcome = job.run(task, sink, lambda guest: state.update(guest=guest))
    lines = outcome.output.decode(errors="replace").splitlines()
    names = [line.split(None, 1)[1] for line in lines if line.startswith("device ")]
    yield "a keyboard is found", any(n.startswith("AT ") for n in names), f"devices: {names}"
    yield "a mouse with wheel and five buttons", any(n.startswith(MOUSE) for n in names), \
        f"devices: {names}"
    seen = {KEYBOARD: [], MOUSE: []}
    for line in lines:
        words = line.split()
        if words[:1] == ["event"] and words[1] in seen:
            seen[words[1]].append(tuple(int(w) for w in words[2:5]))
    for who in seen:
        want = [e for name, _, events in STEPS if name == who for e in events]
        got = [e for e in seen[who] if e[2] != 2 or e[0] != KEY]    # no repeats
        yield f"events of {who}", got == want, f"came: {got}\nwanted: {want}"
    yield "the program ends by itself", outcome.status == 0, outcome.reason
