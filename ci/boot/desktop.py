# SPDX-License-Identifier: MIT
"""The desktop in a booted guest, looked at through screenshots and used by keyboard and mouse.

One boot; each step builds on the session as the one before has left it. A step yields (name, ok, why).
The steps of this file are CI's; boot/apps.py has the long list of programs.
"""

import hashlib
import re
import traceback

from tool.base import WeftError

from .user import PANEL, WIDTH, machine, share, text_like


def steps_of(user, steps):
    """The results of steps. One that breaks has failed; the others go on from a desktop without windows."""
    for step in steps:
        try:
            yield from step(user)
        except WeftError as error:
            yield step.__name__, False, str(error)
        except (OSError, ValueError, KeyError, IndexError):
            yield step.__name__, False, traceback.format_exc()
        if user.guest.process.poll() is not None or not user.sessions():
            yield "there is a session to go on with", False, user.end()
            return


def first(user):
    shown = user.session(1)
    yield "the first picture of the desktop", shown is not None, "" if shown else user.end()
    if not shown:
        return
    clock = user.wait_picture(60, lambda p: text_like(p, 1100, 5, 140, 24) > 60)
    yield "the panel shows a clock", clock is not None, "no text at the panel's right"
    user.see("desktop")
    # A host that is short of time holds keys long enough for them to be repeated.
    own = "~/.config/weft/compositor.conf"
    user.tell(f"mkdir -p ~/.config/weft && sed 's/^keyboard repeat.*/keyboard repeat 0 400/' /etc/weft/compositor.conf >{own}; weft-msg reload")


def terminal(user):
    """foot: typed text, its output, moved with the mouse, closed."""
    empty = user.picture()
    user.keys("meta_l", "ret")
    foot = user.window("foot")
    yield "Super+Enter opens a terminal", bool(foot), f"{user.windows()}"
    if not foot:
        return
    prompt = user.wait_picture(60, lambda p: text_like(user.inside(foot, p), 0, 0, 200, 40) > 40)
    yield "foot has a prompt", prompt is not None, "no text in its first lines"
    before = user.picture()
    user.type("seq 1 20 | tee /tmp/typed\n")
    box = foot["content"]
    part = box["x"], box["y"] + 30, 60, 300
    after = user.wait_picture(30, lambda p: text_like(p, *part) > text_like(before, *part) + 100)
    user.see("foot")
    yield "typed text runs and its output is shown", after is not None, "no new text in the terminal"
    typed = user.tell("cat /tmp/typed").split()
    yield "the shell has read what was typed", typed == [str(n) for n in range(1, 21)], f"{typed}"
    y = foot["frame"]["y"] + 14
    user.qmp.pointer(500, y)
    user.wait(0.5)
    user.qmp.button(True)
    for step in range(1, 11):
        user.qmp.pointer(500, y + 10 * step)
        user.wait(0.1)
    user.qmp.button(False)
    moved = user.wait_picture(20, lambda p: p.pixel(400, y + 30) == empty.pixel(400, y + 30))
    yield "a window is moved with the mouse", moved is not None, f"title bar at {y} stays"
    user.type("exit\n")
    yield "the window closes when its program ends", user.gone("foot"), "it is still there"
    closed = user.wait_picture(20, lambda p: p.pixel(640, 500) == empty.pixel(640, 500))
    yield "and leaves nothing on the screen", closed is not None, "the picture is another one"


def help_and_menu(user):
    empty = user.picture()
    user.keys("meta_l", "f1")
    shown = user.wait_picture(30, lambda p: text_like(p, 260, 100, 300, 500) > 2000)
    user.see("help")
    yield "Super+F1 shows the keys", shown is not None, "no text"
    user.keys("esc")
    user.click(35, 17)
    menu = user.wait_picture(30, lambda p: text_like(p, 10, PANEL + 4, 200, 260) > 300)
    user.see("menu")
    yield "the panel's button opens the menu", menu is not None, "no text below it"
    user.keys("esc")
    part = 10, PANEL + 4, 200, 260
    gone = user.wait_picture(20, lambda p: p.crop(*part).data == empty.crop(*part).data)
    yield "Escape closes it", gone is not None, "it is still there"


def launcher(user):
    """fuzzel starts the editor, a GTK program, by a part of its name; it is typed into."""
    empty = user.picture()
    user.keys("meta_l")
    box = 320, 225, 640, 380
    shown = user.wait_picture(90, lambda p: text_like(p, *box) > text_like(empty, *box) + 300)
    yield "Super opens fuzzel", shown is not None, "no text in the middle"
    user.wait(2)
    user.type("mousep")
    user.wait(3)
    user.see("fuzzel")
    user.type("\n")
    editor = user.window("mousepad")
    yield "fuzzel starts mousepad", bool(editor), f"{user.windows()}"
    if not editor:
        return
    # The menu bar comes with the first picture.
    user.wait_picture(60, lambda p: text_like(user.inside(editor, p), 0, 0, 300, 24) > 100)
    before = user.picture()
    user.type("The quick brown fox\njumps over the lazy dog\n")
    text = lambda p: text_like(user.inside(editor, p), 0, 24, 300, 60)
    typed = user.wait_picture(60, lambda p: text(p) > text(before) + 200)
    user.see("mousepad")
    yield "mousepad shows typed text", typed is not None, f"{text(user.picture())} changes"
    user.tell("killall mousepad")
    yield "mousepad's window goes with it", user.gone("mousepad"), f"{user.windows()}"


def notification(user):
    box = WIDTH - 360, PANEL + 4, 340, 80
    empty = user.picture()
    user.tell("notify-send -t 60000 'A notification' 'with a second line of text'")
    shown = user.wait_picture(60, lambda p: text_like(p, *box) > text_like(empty, *box) + 150)
    user.see("notification")
    yield "mako shows a notification", shown is not None, "no text at the right"
    user.keys("meta_l", "n")
    gone = user.wait_picture(60, lambda p: p.crop(*box).data == empty.crop(*box).data)
    yield "Super+N dismisses it", gone is not None, "it is still there"


def clipboard(user):
    user.tell("echo 'from the clipboard' | wl-copy >/dev/null 2>&1")
    text = user.tell("wl-paste")
    yield "wl-paste gives what wl-copy got", "from the clipboard" in text, text


def photo(user):
    """grim's picture is the screen's, pixel for pixel."""
    same, told = False, ""
    for _ in range(4):      # the clock may move on in between
        user.qmp.pointer(640, 790)
        user.wait(1)
        told = user.tell("grim -t ppm - | tail -c $((1280 * 800 * 3)) >/tmp/photo; "
                         "md5sum </tmp/photo; od -An -tu1 -N3 /tmp/photo")
        shot = user.see("grim")
        if hashlib.md5(shot.data).hexdigest() in told:
            same = True
            break
    yield "grim photographs what is on the screen", same, f"{told} and {shot.pixel(0, 0)} on the screen"


RED, DARK = (0xe0, 0x6c, 0x75), (0x16, 0x20, 0x2c)


def lock(user):
    """swaylock refuses a wrong password and takes the right one."""
    empty = user.picture()
    user.keys("meta_l", "l")
    locked = user.wait_picture(90, lambda p: share(p, DARK, 12) > 0.8)
    user.see("lock")
    yield "Super+L locks the screen", locked is not None, "the desktop can be seen"
    if not locked:
        return
    red = lambda p: share(p.crop(540, 300, 200, 200), RED) > 0.01
    user.wait(3)
    user.type("nonsense\n")
    refused = user.wait_picture(60, red, every=0.3)
    user.see("lock-wrong")
    yield "swaylock refuses a wrong password", refused is not None, "no red ring"
    user.wait(3)
    state = user.tell("weft-msg get layout")
    yield "the session stays locked", '"locked":true' in state and \
        share(user.picture(), DARK, 12) > 0.8, state
    user.type("weft\n")
    opened = user.wait_picture(60, lambda p: p.pixel(20, 500) == empty.pixel(20, 500))
    yield "swaylock takes the right password", opened is not None and \
        '"locked":false' in user.tell("weft-msg get layout"), "the screen stays locked"


def clean(user):
    yield "nothing in the log speaks of a crash", user.log_is_clean(), \
        "\n".join(user.log().splitlines()[-10:])
    zombies = re.findall(r"^Z\S*\s+1\s.*", user.tell("ps axo stat,ppid,comm"), re.M)
    yield "no program is left unburied", not zombies, f"{zombies}"


STEPS = [first, terminal, help_and_menu, launcher, notification, clipboard, photo, lock, clean]


def tests():
    with machine() as user:
        yield from steps_of(user, STEPS)
