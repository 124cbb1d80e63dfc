#!/bin/sh
# SPDX-License-Identifier: MIT
# A virtio disk as a Linux program sees it: nodes, /sys, ioctls, reads and writes, and the driver's death.
# vda is the image's disk with its partitions, vdb an empty one of 32 MiB.
good=0
bad=0
check() {
	name=$1
	shift
	if out=$("$@" 2>&1); then
		echo "ok $name"
		good=$((good + 1))
	else
		echo "not ok $name: $(echo "$out" | tr '\n' ' ' | tail -c 300)"
		bad=$((bad + 1))
	fi
}
is() { [ "$1" = "$2" ] || { echo "$1 is not $2"; return 1; }; }
fails() { ! "$@"; }
driver() { pgrep -f virtio-blk | sed -n "$1p"; }

check node-mode is "$(stat -c '%F %a %U %G %t:%T' /dev/vda3)" "block special file 660 root disk fe:3"
check lsblk is "$(lsblk -nro NAME,TYPE /dev/vda | tr '\n' ' ')" "vda disk vda1 part vda2 part vda3 part "
check second-disk is "$(lsblk -nbro NAME,SIZE,TYPE /dev/vdb)" "vdb 33554432 disk"
check blkid sh -c 'blkid /dev/vda3 | grep LABEL=.weft-root | grep TYPE=.ext4 | grep -q PARTLABEL=.weft-root'
check getsize64 is "$(blockdev --getsize64 /dev/vdb)" 33554432
check getss is "$(blockdev --getss --getpbsz --getro /dev/vdb | tr '\n' ' ')" "512 512 0 "
check flushbufs blockdev --flushbufs /dev/vdb
check sector-count is "$(cat /sys/class/block/vda3/size)" "$(($(blockdev --getsize64 /dev/vda3) / 512))"
check serial is "$(cat /sys/block/vdb/serial)" weft1
check seek-to-end is "$(python3 -c 'import os; print(os.lseek(os.open("/dev/vdb", os.O_RDONLY), 0, 2))')" 33554432
check unaligned-read is "$(dd if=/dev/vda bs=1 skip=513 count=7 2>/dev/null)" "FI PART"
check unaligned-write-refused fails dd if=/dev/zero of=/dev/vdb bs=100 count=1
check read-at-end is "$(dd if=/dev/vdb bs=512 skip=65536 2>/dev/null | wc -c)" 0
check short-read-at-end is "$(dd if=/dev/vdb bs=1M iflag=skip_bytes,fullblock skip=33553920 2>/dev/null | wc -c)" 512
check write-at-end-refused fails dd if=/dev/zero of=/dev/vdb bs=512 seek=65536 count=1
check users-may-not-open fails su -s /bin/sh user -c 'head -c 1 /dev/vda'

dd if=/dev/urandom of=/tmp/data bs=1M count=8 2>/dev/null
for bs in 512 4096 65536 1M 3M 8M; do
	check "write-and-read-$bs" sh -c "dd if=/tmp/data of=/dev/vdb bs=$bs conv=fsync 2>&1 &&
		dd if=/dev/vdb bs=$bs iflag=fullblock,count_bytes count=8388608 2>/dev/null | cmp - /tmp/data"
done
check in-parallel sh -c 'for i in 0 1 2 3 4 5 6 7; do
	(dd if=/tmp/data of=/dev/vdb bs=16k seek=$((i * 64)) skip=$((i * 64)) count=64 2>/dev/null) & done; wait
	cmp -n 8388608 /tmp/data /dev/vdb'
check discard blkdiscard -o 0 -l 1048576 /dev/vdb
check zero-out sh -c 'blkdiscard -z -o 1048576 -l 1048576 /dev/vdb &&
	dd if=/dev/vdb bs=1M skip=1 count=1 2>/dev/null | tr -d "\000" | wc -c | grep -qx 0'

# Killed while it reads, writes and flushes: nobody hears of it, and nothing is lost.
md5sum </tmp/data >/tmp/sum
(
	while [ ! -e /tmp/enough ]; do
		dd if=/dev/vdb bs=1M skip=16 count=8 iflag=fullblock 2>&1 | tail -1 >>/tmp/reads
	done
) &
kills=0
lost=""
while [ $kills -lt 20 ]; do
	before=$(driver 2)
	(dd if=/tmp/data of=/dev/vdb bs=64k conv=fsync 2>&1 | grep -i error) >/tmp/errors &
	sleep 0.05
	kill -9 "$before"
	began=$(date +%s%N)
	wait $!
	dd if=/dev/vdb bs=256k iflag=fullblock,count_bytes count=8388608 2>>/tmp/errors | md5sum | cmp -s - /tmp/sum || lost="$lost sum-$kills"
	after=$(driver 2)
	[ -n "$after" ] && [ "$after" != "$before" ] || lost="$lost same-$kills"
	grep -i error /tmp/errors >/dev/null && lost="$lost error-$kills"
	kills=$((kills + 1))
done
touch /tmp/enough
check twenty-kills is "$lost" ""
check readers-live-on fails grep -qi error /tmp/reads
check the-other-disk-is-untouched is "$(cat /sys/block/vda/size)" "$(($(blockdev --getsize64 /dev/vda) / 512))"
echo "@@tests $good $bad"
[ $bad = 0 ]
