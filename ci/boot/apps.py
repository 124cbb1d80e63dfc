# SPDX-License-Identifier: MIT
"""Debian's programs on the desktop, one after the other, as a user sees them; then other compositors.

One boot. The pictures are in build/seen. What a flip's pace is, ci/guest/desktop.sh measures: it needs
the screen for itself.
"""

import os
import re

from tool.base import WeftError

from .desktop import (clean, clipboard, first, help_and_menu, launcher, lock, notification, photo,
                      steps_of, terminal)
from .user import SLOW, machine, share, text_like, unlike


def moving(user, window, seconds=90):
    """Whether what a window shows changes by itself. -> its last picture, None"""
    before = user.inside(window, user.picture())
    return user.wait_picture(seconds, lambda p: user.inside(window, p).changed(before) > 0.005)


def ended(user, program, title):
    user.tell(f"killall {program}")
    return user.gone(title)


def files(user):
    """thunar shows a folder; a double click opens one, in which files have names and pictures."""
    user.tell("mkdir -p ~/Folder; touch ~/Folder/one.txt ~/Folder/two.c; cp /usr/bin/weft-lock ~/Folder/three")
    user.keys("meta_l", "e")
    window = user.window("[Tt]hunar")
    yield "Super+E opens thunar", bool(window), f"{user.windows()}"
    if not window:
        return
    shown = user.wait_picture(90, lambda p: text_like(user.inside(window, p), 0, 0, 400, 24) > 100)
    yield "thunar has a menu bar", shown is not None, "no text at its top"
    # Its only folder is the selected one after a key; Enter opens it.
    user.wait(5)
    user.type("Fol")
    user.wait(2)
    user.type("\n")
    user.wait(1)
    user.type("\n")
    opened = user.window("Folder", 60)
    user.wait(8)
    shot = user.see("thunar")
    yield "a folder is opened by its name", bool(opened), f"{user.windows()}"
    part = user.inside(window, shot).crop(180, 70, 440, 330)
    yield "thunar shows files", text_like(part, 0, 0, 440, 330) > 150 and part.colours() > 60, \
        f"{part.colours()} colours"
    yield "thunar goes", ended(user, "thunar", "[Tt]hunar"), f"{user.windows()}"


def frames(user, log):
    """What a program prints of its frames per second."""
    text = user.tell(f"cat /tmp/{log}")
    return [float(rate) for rate in re.findall(r"([\d.]+) FPS", text)]


def shm(user):
    user.launch("weston-simple-shm", "shm")
    window = user.window("simple-shm")
    yield "weston-simple-shm opens", bool(window), f"{user.windows()}"
    if window:
        yield "weston-simple-shm moves", moving(user, window) is not None, "it stands still"
        user.see("simple-shm")
        yield "weston-simple-shm goes", ended(user, "weston-simple-shm", "simple-shm"), ""


def egl(user):
    user.launch("weston-simple-egl", "egl")
    window = user.window("simple-egl")
    yield "weston-simple-egl opens", bool(window), user.tell("cat /tmp/egl")
    if window:
        shot = moving(user, window)
        user.see("simple-egl")
        yield "weston-simple-egl's triangle turns", shot is not None, "it stands still"
        yield "in many colours", user.inside(window, user.picture()).colours() > 500, "few colours"
        yield "weston-simple-egl goes", ended(user, "weston-simple-egl", "simple-egl"), ""


def gears(user):
    """Wayland's, and X11's through Xwayland; both drawn by llvmpipe."""
    for title, line in (("es2gears", "stdbuf -oL es2gears_wayland"),
                        ("glxgears", "DISPLAY=$(weft-msg get display) stdbuf -oL glxgears")):
        user.launch(line, title)
        window = user.window(title)
        yield f"{title} opens", bool(window), user.tell(f"cat /tmp/{title}")
        if not window:
            continue
        shot = moving(user, window)
        yield f"{title} turns", shot is not None, "it stands still"
        # Its first figure has the compiling of shaders in it.
        user.until(90, lambda: max(frames(user, title), default=0) > 1)
        rates = frames(user, title)
        part = user.inside(window, user.see(title))
        told = f"{title}: {max(rates, default=0):.1f} frames/s"
        print(told)
        yield f"{title} has red, green and blue gears", all(
            share(part, c, 70) > 0.01 for c in ((0xcc, 0x19, 0), (0, 0xcc, 0x33), (0x33, 0x33, 0xff))), \
            "a colour is missing"
        yield f"{title} counts its frames", max(rates, default=0) > 1, told
        yield f"{title} goes", ended(user, line.split()[-1], title), f"{user.windows()}"


def qt(user):
    user.launch("qterminal", "qt")
    window = user.window("qterminal|Shell No")
    yield "qterminal opens", bool(window), user.tell("cat /tmp/qt")
    if not window:
        return
    prompt = user.wait_picture(60, lambda p: text_like(user.inside(window, p), 0, 50, 200, 60) > 40)
    yield "qterminal has a prompt", prompt is not None, "no text"
    user.type("uname -a | tee /tmp/by-qt\n")
    typed = user.until(60, lambda: "Linux" in user.tell("cat /tmp/by-qt 2>/dev/null; true"))
    user.see("qterminal")
    yield "qterminal's shell reads what is typed", typed, ""
    yield "qterminal goes", ended(user, "qterminal", "qterminal|Shell No"), f"{user.windows()}"


def devices(user):
    """The programs that ask the kernel's side of the desktop."""
    text = user.tell("libinput list-devices")
    yield "libinput lists a keyboard and a pointer", all(
        re.search(rf"^Capabilities:.*{what}", text, re.M) for what in ("keyboard", "pointer")), text
    user.launch("for e in /dev/input/event*; do timeout 15 evtest $e & done; wait", "evtest")
    user.wait(6)
    user.keys("f7")
    user.qmp.pointer(400, 400)
    seen = user.until(30, lambda: all(what in user.tell("cat /tmp/evtest") for what in (
        "(KEY_F7), value 1", "(KEY_F7), value 0", "(ABS_X), value")))
    yield "evtest sees a key and the pointer", seen, user.tell("tail -n 5 /tmp/evtest")
    text = user.tell("modetest -M virtio_gpu -c -p")
    yield "modetest lists the mode that is shown", re.search(r"1280x800 \d+\.\d+", text) and \
        re.search(r"connected\s", text), text
    text = user.tell("drm_info")
    yield "drm_info knows the driver and its planes", "Driver: virtio_gpu" in text and \
        "Cursor" in text and "Primary" in text, text
    text = user.tell("wayland-info")
    for name in ("xdg_wm_base", "zwlr_layer_shell_v1", "ext_session_lock_manager_v1", "wl_seat"):
        yield f"wayland-info sees {name}", f"'{name}'" in text, text[-300:]


def change_session(user, variables, leave):
    """Log out, and in again with other variables. -> whether there is a new session"""
    number = user.sessions()
    user.tell(f"mkdir -p ~/.config/weft; printf '{variables}\\n' >~/.config/weft/session.env")
    user.guest.write(f"{leave}\n".encode())
    user.wait(SLOW, lambda: user.sessions() > number)
    return user.sessions() > number


def used_terminal(user, name):
    """Types into the terminal that has the focus."""
    user.type(f"echo $WAYLAND_DISPLAY | tee /tmp/{name}\n")
    typed = user.until(60, lambda: "wayland-" in user.tell(f"cat /tmp/{name} 2>/dev/null; true"))
    user.wait(2)
    user.see(name)
    return typed


def gles2(user):
    """The compositor draws with GLES2: the same desktop."""
    pixman = user.picture()
    begun = change_session(user, "WLR_RENDERER=gles2", "weft-msg quit")
    yield "the next session draws with GLES2", begun and \
        re.search(rb"GL renderer: llvmpipe", user.console), user.end()
    # Until its own first frame the screen has the last one of the session before.
    drawn = begun and user.wait(SLOW, lambda: user.console.count(b"first frame on") >= 2)
    yield "it draws a frame", drawn and user.console.count(b"first frame on") >= 2, user.end()
    user.wait(10)
    same = user.wait_picture(SLOW, lambda p: unlike(p.crop(0, 100, 1280, 700),
                                                    pixman.crop(0, 100, 1280, 700)) < 0.01)
    yield "it looks as before", same is not None, "another wallpaper"
    clock = user.wait_picture(SLOW, lambda p: text_like(p, 1100, 5, 140, 24) > 60)
    yield "with the panel", clock is not None, "no text at the panel's right"
    user.keys("meta_l", "ret")
    foot = user.window("foot")
    yield "and a terminal", bool(foot) and used_terminal(user, "gles2"), f"{user.windows()}"


def sway(user):
    begun = change_session(user, "WEFT_COMPOSITOR=sway", "weft-msg quit")
    asked = "export SWAYSOCK=$(ls $XDG_RUNTIME_DIR/sway-ipc.*.sock); swaymsg -t get_version; true"
    yield "sway is the compositor", begun and user.until(90, lambda: "sway version" in user.tell(asked)), user.end()
    bar = user.wait_picture(SLOW, lambda p: text_like(p, 900, 2, 370, 18) > 60)
    yield "sway's bar has a text", bar is not None, "none at its right"
    user.keys("meta_l", "ret")
    foot = user.until(SLOW, lambda: '"app_id": "foot"' in user.tell("swaymsg -rt get_tree"))
    yield "Super+Enter opens foot in sway", foot, ""
    user.wait(3)
    yield "foot in sway is typed into", foot and used_terminal(user, "sway"), ""


def labwc(user):
    begun = change_session(user, "WEFT_COMPOSITOR=labwc", "swaymsg exit")
    yield "labwc is the compositor", begun and "labwc" in user.tell("ps axo comm"), user.end()
    before = user.picture()
    user.launch("foot", "foot")
    opened = user.wait_picture(SLOW, lambda p: p.changed(before) > 0.2)
    yield "foot opens in labwc", opened is not None, user.tell("cat /tmp/foot")
    user.wait(5)
    yield "foot in labwc is typed into", opened is not None and used_terminal(user, "labwc"), ""
    shot = user.picture()
    user.click(1200, 760, "right")
    menu = user.wait_picture(30, lambda p: 0.005 < p.changed(shot) < 0.5)
    user.see("labwc-menu")
    yield "labwc's own menu opens", menu is not None, "nothing changes"


def home(user):
    """Back to the desktop, which is as it was."""
    begun = change_session(user, "", "killall labwc")
    clock = begun and user.wait_picture(SLOW, lambda p: text_like(p, 1100, 5, 140, 24) > 60)
    yield "after all that the desktop is back", bool(clock), user.end()


STEPS = [first, terminal, help_and_menu, launcher, files, notification, clipboard, photo, shm, egl, gears,
         qt, devices, lock, clean, gles2, sway, labwc, home, clean]


def tests():
    wanted = os.environ.get("WEFT_APPS", "").split()
    known = {step.__name__: step for step in STEPS}
    for name in wanted:
        if name not in known:
            raise WeftError(f"WEFT_APPS: no step {name}; there are: {' '.join(known)}")
    steps = [s for s in STEPS if not wanted or s is first or s.__name__ in wanted]
    with machine() as user:
        yield from steps_of(user, steps)
