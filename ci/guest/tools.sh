#!/bin/bash
# SPDX-License-Identifier: MIT
# weftctl and ns in the root file system, as root and as a user.

good=0 bad=0

# check NAME 'SHELL TEXT': passes if the text ends with status 0
check() {
	local out status
	out=$(timeout -k 5 30 bash -c "set -e; $2" 2>&1 </dev/null)
	status=$?
	if [ $status = 0 ]; then
		echo "ok $1"
		good=$((good + 1))
	else
		echo "not ok $1: status $status: $(printf %s "$out" | tail -n 4 | tr '\n' '|' | cut -c1-300)"
		bad=$((bad + 1))
	fi
}

as_user() {
	su user -s /bin/bash -c "PATH=/usr/sbin:/usr/bin; $1"
}
export -f as_user

check 'weftctl lists services' 'weftctl | grep -q "^fs  *running "; [ "$(weftctl list | wc -l)" -gt 8 ]'
check 'weftctl ps: native ones and this shell' 'weftctl ps >p; head -1 p | grep -q "^pid  *ppid"; grep -Eq "^1 .* init$" p; grep -Eq "^$$ .* bash$" p'
check 'weftctl schemes: by name, with who serves them' 'fs=$(weftctl ps | awk "\$NF == \"fs\" { print \$1 }"); weftctl schemes | awk -v s=$fs "\$NF == \"fs\" && \$2 == s && \$6 > 0 { found = 1 } END { exit !found }"'
check 'weftctl fds' 'exec 9</etc/hostname; weftctl fds $$ | grep -Eq "^9  *handle  *r-"; weftctl fds $$ | grep -q "^private+"; weftctl fds 1 | grep -q endpoint'
check 'weftctl fds: nobody' 'out=$(weftctl fds 99999) && exit 1; [ "$out" = "weftctl: fds: there is no such process" ]'
check 'weftctl memory' 'weftctl memory | awk "\$1 == \"total\" { t = \$2 } \$1 == \"free\" { f = \$2 } END { exit !(t > f && f > 0) }"'
check 'weftctl objects, cpu, log' 'weftctl objects | grep -q "^process "; weftctl cpu | grep -q "^tsc_hz "; weftctl log | grep -q "Weft, command line"'
check 'weftctl calls: what was asked for and not served' 'before=$(weftctl calls | awk "\$2 == \"swapon\" { print \$3 }"); python3 -c "
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.syscall(317, 0, 0, 0) == -1 and ctypes.get_errno() == 38"; weftctl calls | grep -Eq "^317  *seccomp  *[1-9]"; weftctl calls | grep -q "^334  *rseq"'
check 'weftctl restarts a service' 'old=$(weftctl | awk "\$1 == \"inputd\" { print \$3 }"); weftctl restart inputd; for ((i = 0; i < 100; i++)); do new=$(weftctl | awk "\$1 == \"inputd\" && \$2 == \"running\" { print \$3 }"); [ -n "$new" ] && [ "$new" != "$old" ] && exit 0; sleep 0.1; done; exit 1'
check 'weftctl: no such service' 'out=$(weftctl stop nosuch) && exit 1; [ "$out" = "weftctl: stop: there is no such service" ]'
check 'weftctl: usage' 'weftctl nonsense && exit 1; [ $? = 2 ]; weftctl fds && exit 1; [ $? = 2 ]'
check 'weftctl: a user may list' 'as_user "weftctl" | grep -q "^fs  *running"'
for command in ps schemes memory calls log 'fds 1' 'restart drm' 'kill fs' poweroff; do
	check "weftctl: a user may not: $command" "out=\$(as_user 'weftctl $command') && exit 1; [ \"\$out\" = 'weftctl: ${command%% *}: only root may do that' ]"
done

check 'ns -l' 'ns -l | grep -qx fs; ns -l | grep -qx proc'
check '/scheme' '[ "$(ls /scheme | sort)" = "$(ns -l | sort)" ]; [ "$(cat /scheme/fs/etc/hostname)" = weft ]; grep -q "^cpu" /scheme/proc/stat; [ "$(cd /scheme/dev/sys/class && /bin/pwd)" = /sys/class ]'
check '/scheme: what is no tree' '! cat /scheme/init/x; ! cat /scheme/ipc; ! rm /scheme/init/x; ! mkdir /scheme/new; ! ls /scheme/nosuch'
check 'ns: some schemes' '[ "$(ns fs,proc ls /scheme)" = "fs
proc" ]; ns -- fs,proc bash -c "read -r name </proc/self/comm; [ \$name = bash ]; ! ls /dev; ! echo x >/dev/null"'
check 'ns: nothing to be named' 'cp /bin/busybox /tmp/b; ! ns -n busybox true; rm /tmp/b'
check 'ns: what is not there' 'out=$(ns fs,nosuch true 2>&1) && exit 1; [ "$out" = "ns: nosuch: no such scheme in this namespace" ]'
check 'ns: it only shrinks' 'ns fs,proc bash -c "ns fs bash -c \"! ls /proc; ! ns proc true; ns -l\"" | grep -qx fs'
check 'ns: status of the command' 'ns fs bash -c "exit 9" && exit 1; [ $? = 9 ]; ns fs nosuchcommand && exit 1; [ $? = 127 ]'
check 'ns: usage' 'ns && exit 1; [ $? = 2 ]; ns fs && exit 1; [ $? = 2 ]; ns -x true && exit 1; [ $? = 2 ]'
check 'ns: for a user too' '[ "$(as_user "ns fs,proc ls /scheme" | tr "\n" " ")" = "fs proc " ]'

echo "@@tests $good $bad"
exit $((bad != 0))
