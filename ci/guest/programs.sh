#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's programs at work, each check in a shell of its own with a time limit. Runs on the base
# configuration; what passes on Debian's kernel must pass on Weft.
#
# usage: programs.sh [PATTERN]   only checks whose names match

good=0 bad=0
only=${1:-}
work=$(mktemp -d /tmp/programs.XXXXXX) || exit 1
cd "$work" || exit 1
export HOME=$work LC_ALL=C.UTF-8

# check NAME 'SHELL TEXT': passes if the text ends with status 0
check() {
	[[ -z $only || $1 =~ $only ]] || return
	local out status
	mkdir "$work/here"
	cd "$work/here" || exit 1
	out=$(timeout -k 5 "${LIMIT:-60}" bash -c "set -eo pipefail; $2" 2>&1 </dev/null)
	status=$?
	cd "$work" && rm -rf "$work/here"
	if [ $status = 0 ]; then
		echo "ok $1"
		good=$((good + 1))
	else
		echo "not ok $1: status $status: $(printf %s "$out" | tail -n 4 | tr '\n' '|' | cut -c1-300)"
		bad=$((bad + 1))
	fi
}

check 'true and false' '/bin/true; ! /bin/false'
check 'echo through a pipe' '[ "$(echo hello | cat)" = hello ]'
check 'bash: arithmetic and arrays' 'a=(1 2 3); [ $((a[0] + a[2])) = 4 ]'
check 'bash: functions and local' 'f() { local x=$1; echo "$x$x"; }; [ "$(f ab)" = abab ]'
check 'bash: here documents' '[ "$(cat <<X
line
X
)" = line ]'
check 'bash: process substitution' 'diff <(echo a) <(echo a)'
check 'bash: background and wait' 'sleep 0.1 & p=$!; wait $p'
check 'bash: exit status of a signal' 'bash -c "kill -TERM \$\$" && false; [ $? = 143 ] || bash -c "kill -TERM \$\$" || [ $? = 143 ]'
check 'bash: traps' '[ "$(bash -c "trap \"echo got\" USR1; kill -USR1 \$\$; echo end")" = "got
end" ]'
check 'bash: many forks' 'for ((i = 0; i < 100; i++)); do (exit 0); done'
check 'bash: pipeline of eight' '[ "$(seq 1 1000 | cat | cat | cat | cat | cat | cat | tail -1)" = 1000 ]'
check 'bash: SIGPIPE ends a writer' 'set +o pipefail; [ "$(yes | head -1)" = y ]'
check 'script with #!' 'printf "#!/bin/sh\necho \$1\n" >s; chmod +x s; [ "$(./s word)" = word ]'
check 'ls and stat' 'mkdir d; touch d/a d/b; [ "$(ls d | wc -l)" = 2 ]; [ "$(stat -c %F d)" = directory ]'
check 'cp, mv, ln, rm' 'echo x >1; cp 1 2; mv 2 3; ln 3 4; ln -s 4 5; [ "$(cat 5)" = x ]; [ "$(stat -c %h 3)" = 2 ]; rm 1 3 4 5'
check 'chmod and umask' 'umask 077; touch m; [ "$(stat -c %a m)" = 600 ]; chmod 4755 m; [ "$(stat -c %a m)" = 4755 ]'
check 'touch sets times' 'touch -d "2001-02-03 04:05:06 UTC" t; [ "$(stat -c %Y t)" = 981173106 ]'
check 'truncate and sparse files' 'truncate -s 1M z; [ "$(stat -c %s z)" = 1048576 ]; printf x | dd of=z bs=1 seek=500000 conv=notrunc status=none; [ "$(tr -d "\0" <z)" = x ]'
check 'dd and cmp' 'dd if=/dev/urandom of=r bs=64k count=16 status=none; cp r q; cmp r q; printf y | dd of=q bs=1 seek=1000 conv=notrunc status=none; ! cmp -s r q || cmp -s r q'
check 'sha256sum' '[ "$(printf abc | sha256sum | cut -c1-8)" = ba7816bf ]'
check 'sort and uniq' '[ "$(seq 1 2000 | shuf | sort -n | uniq | md5sum)" = "$(seq 1 2000 | md5sum)" ]'
check 'find and xargs' 'mkdir -p t/{a,b,c}/{1,2}; touch t/{a,b}/{1,2}/f; [ "$(find t -name f | xargs ls | wc -l)" = 4 ]; [ "$(find t -type d | wc -l)" = 10 ]'
check 'grep' 'printf "one\ntwo\nthree\n" >g; [ "$(grep -c "^t" g)" = 2 ]; grep -rq three .'
check 'sed' '[ "$(echo hello | sed "s/l\+/L/")" = heLo ]; echo abc >e; sed -i s/b/X/ e; [ "$(cat e)" = aXc ]'
check 'gawk' '[ "$(seq 1 100 | gawk "{ s += \$1 } END { print s }")" = 5050 ]'
check 'tar and gzip' 'mkdir x; echo 1 >x/a; ln -s a x/l; tar czf x.tgz x; rm -r x; tar xzf x.tgz; [ "$(cat x/l)" = 1 ]'
check 'tar and xz' 'seq 1 50000 >n; tar cJf n.txz n; mv n o; tar xJf n.txz; cmp n o'
check 'bzip2 and zstd' 'seq 1 20000 >k; bzip2 -k k; bunzip2 -c k.bz2 | cmp - k; zstd -q k; zstd -dqc k.zst | cmp - k'
check 'date' '[ "$(date -u -d @0 +%Y)" = 1970 ]; [ "$(date +%Y)" -ge 2025 ]'
check 'sleep and timeout' '! timeout 0.2 sleep 5; [ $? != 5 ]; sleep 0.05'
check 'env, id, whoami' '[ "$(env -i A=1 /usr/bin/env)" = A=1 ]; [ "$(id -u)" = 0 ]; [ "$(whoami)" = root ]'
check 'uname and hostname' '[ "$(uname -m)" = x86_64 ]; [ -n "$(uname -r)" ]; [ "$(hostname)" = weft ]'
check 'df and du' 'df . | tail -1 | grep -q /; dd if=/dev/zero of=b bs=1k count=100 status=none; [ "$(du -k b | cut -f1)" -ge 100 ]'
check 'ps' 'ps -e -o pid=,comm= | grep -q "bash"; [ "$(ps -o ppid= -p $$ | tr -d " ")" -gt 0 ]'
check 'top' 'top -b -n 1 | grep -q "%Cpu"'
check 'free and uptime' 'free -m | grep -q "^Mem:"; uptime | grep -q "load average"'
check 'pgrep and pkill' 'sleep 77 & p=$!; sleep 0.2; [ "$(pgrep -x sleep)" = $p ]; pkill -x sleep; ! wait $p'
check 'kill -0 and jobs' 'sleep 5 & kill -0 $!; kill $!; ! wait $!; ! kill -0 $! 2>/dev/null'
check '/proc/self' '[ "$(readlink /proc/self/exe)" = "$(readlink -f "$(command -v readlink)")" ]; grep -q "^Name:" /proc/self/status; ls /proc/self/fd | grep -q "^0$"; grep -q r-xp /proc/self/maps'
check '/proc of the system' 'grep -q "^MemTotal" /proc/meminfo; grep -q "^processor" /proc/cpuinfo; grep -q "^cpu " /proc/stat; read -r up idle </proc/uptime; [ -n "$idle" ]'
check '/dev' 'echo x >/dev/null; [ "$(head -c 4 /dev/zero | od -An -tx1 | tr -d " ")" = 00000000 ]; [ "$(head -c 16 /dev/urandom | wc -c)" = 16 ]; ! echo x >/dev/full'
check 'flock' 'exec 9>lock; flock -x 9; ! flock -n lock true; flock -u 9; flock -n lock true'
check 'mkfifo' 'mkfifo p; echo through >p & [ "$(cat p)" = through ]'
check 'setsid and nohup' 'setsid -w true; nohup true'
check 'nice and renice' '[ "$(nice -n 5 nice)" = 5 ]; sleep 3 & renice -n 3 -p $! >/dev/null; kill $!'
check 'su to another user' '[ "$(su user -s /bin/sh -c "id -un")" = user ]'
check 'permissions hold for others' 'echo secret >s; chmod 600 s; chmod 711 . ..; ! su user -s /bin/sh -c "cat $PWD/s" 2>/dev/null'
check 'a user cannot signal root' 'sleep 9 & p=$!; ! su user -s /bin/sh -c "kill $p" 2>/dev/null; kill $p'
check 'ulimit' '(ulimit -n 10; [ "$(ulimit -n)" = 10 ])'
check 'script: a pty' 'script -qec "tty" /dev/null | grep -q /dev/pts/'
check 'stty on a pty' 'script -qec "stty rows 30 cols 90; stty size" /dev/null | grep -q "30 90"'
LIMIT=120
check 'bash: job control on a pty' 'python3 - <<"PYTHON"
import os, pty, re, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(PS1="ready> ", TERM="dumb")
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
seen = ""
def wait(pattern):
    global seen
    end = time.monotonic() + 25
    while not re.search(pattern, seen):
        if time.monotonic() > end or not select.select([fd], [], [], 25)[0]:
            sys.exit(f"no {pattern} in {seen!r}")
        seen += os.read(fd, 4096).decode()
    seen = re.split(pattern, seen, maxsplit=1)[-1]
def say(text, pattern):
    os.write(fd, text.encode())
    wait(pattern)
wait("ready> ")
say("sleep 300\n", "sleep 300\r\n")
time.sleep(0.7)
say("\x1a", r"Stopped +sleep 300[^$]*ready> ")
say("jobs\n", r"\[1\]\+  Stopped +sleep 300[^$]*ready> ")
say("bg\n", r"\[1\]\+ sleep 300 &[^$]*ready> ")
say("jobs\n", r"\[1\]\+  Running +sleep 300[^$]*ready> ")
say("fg\n", "sleep 300\r\n")
time.sleep(0.7)
say("\x03", "ready> ")
say("echo status $?\n", "status 130\r\nready> ")
say("cat | tr a b\n", "tr a b\r\n")
time.sleep(0.7)
say("abba\n", "abba\r\n")
say("\x04", "bbbb\r\nready> ")
say("(sleep 0.2; echo in the back) &\n", "in the back")
os.write(fd, b"exit 7\n")
try:
    while os.read(fd, 4096):
        pass
except OSError:
    pass
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
PYTHON'
LIMIT=60
check 'perl' '[ "$(perl -e "print join q(,), map { \$_ * 2 } 1..3")" = 2,4,6 ]'
check 'perl: fork and pipe' '[ "$(perl -e "open my \$p, q(-|), q(echo), q(sub) or die; print <\$p>")" = sub ]'
check 'python' '[ "$(python3 -c "print(sum(range(101)))")" = 5050 ]'
check 'python: subprocess' '[ "$(python3 -c "import subprocess; print(subprocess.check_output([\"echo\", \"hi\"], text=True).strip())")" = hi ]'
check 'python: threads' 'python3 -c "
import threading
n = []
ts = [threading.Thread(target=lambda i=i: n.append(i)) for i in range(20)]
[t.start() for t in ts]; [t.join() for t in ts]
assert sorted(n) == list(range(20))"'
check 'python: multiprocessing' 'python3 -c "
import multiprocessing as m
if __name__ == \"__main__\":
    with m.get_context(\"fork\").Pool(2) as p: assert p.map(abs, [-1, -2]) == [1, 2]"'
check 'python: asyncio and sockets' 'python3 -c "
import asyncio
async def main():
    async def serve(r, w):
        w.write(await r.readline()); await w.drain(); w.close()
    s = await asyncio.start_unix_server(serve, \"sock\")
    r, w = await asyncio.open_unix_connection(\"sock\")
    w.write(b\"echo\\n\"); assert await r.readline() == b\"echo\\n\"
    s.close()
asyncio.run(main())"'
check 'python: mmap and memfd' 'python3 -c "
import mmap, os
fd = os.memfd_create(\"m\"); os.ftruncate(fd, 8192)
m = mmap.mmap(fd, 8192); m[5000:5003] = b\"abc\"
assert os.pread(fd, 3, 5000) == b\"abc\""'
check 'sqlite3' '[ "$(sqlite3 d.db "create table t(x); insert into t values(1),(2),(3); select sum(x) from t;")" = 6 ]; [ "$(sqlite3 d.db "pragma integrity_check")" = ok ]'
check 'sqlite3: write-ahead log' 'sqlite3 w.db "pragma journal_mode=wal; create table t(x); insert into t values(7);" >/dev/null; [ "$(sqlite3 w.db "select x from t")" = 7 ]'
check 'git: init, commit, log, clone' 'git init -q r; cd r; git config user.email a@b.invalid; git config user.name n; echo 1 >f; git add f; git commit -qm one; echo 2 >>f; git commit -qam two; [ "$(git log --oneline | wc -l)" = 2 ]; cd ..; git clone -q r c; [ "$(cat c/f | wc -l)" = 2 ]; git -C c fsck'
LIMIT=180
check 'gcc: a C program' 'printf "#include <stdio.h>\nint main(void) { puts(\"built\"); return 0; }\n" >a.c; gcc -O2 -Wall -o a a.c; [ "$(./a)" = built ]'
check 'gcc: static' 'printf "int main(void) { return 7; }\n" >s.c; gcc -static -o s s.c; ./s || [ $? = 7 ]'
check 'g++: a C++ program' 'printf "#include <iostream>\n#include <vector>\nint main() { std::vector<int> v{1, 2}; std::cout << v.size() << std::endl; }\n" >b.cc; g++ -O1 -o b b.cc; [ "$(./b)" = 2 ]'
check 'make -j2' 'for i in 1 2 3 4; do echo "int f$i(void) { return $i; }" >m$i.c; done; printf "all: m1.o m2.o m3.o m4.o\n\tcat \$^ >all\n" >Makefile; make -j2 >/dev/null; [ -s all ]'
check 'strace is refused or works' 'strace -o /dev/null true || [ $? != 139 ]'
LIMIT=60
check 'busybox' '[ "$(busybox sh -c "busybox echo a | busybox tr a b")" = b ]; busybox ls / >/dev/null'
check 'dbus-daemon and a client' 'dbus-run-session -- dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames | grep -q org.freedesktop.DBus'
check 'orphans end without a trace' 'sh -c "sleep 1 & echo \$! >orphan"; sleep 2; ! kill -0 "$(cat orphan)"'
check 'file' 'file /bin/bash | grep -q "ELF 64-bit"; file -b "$0" >/dev/null'
check 'less, bc, diff, patch' '[ "$(echo "2 ^ 64" | bc)" = 18446744073709551616 ]; printf "a\nb\n" >o1; printf "a\nc\n" >o2; diff -u o1 o2 >p || true; patch -s o1 p; cmp o1 o2'
check 'env of a deep pipeline' 'X=1 sh -c "sh -c \"sh -c \\\"exit \\\\\\\$X\\\"\"" || [ $? = 1 ]'

cd /
rm -rf "$work"
echo "@@tests $good $bad"
[ $bad = 0 ]
