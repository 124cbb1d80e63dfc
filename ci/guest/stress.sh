#!/bin/bash
# SPDX-License-Identifier: MIT
# stress-ng's stressors of what the POSIX runtime and its servers do, each verifying what it did.
#
# usage: stress.sh SECONDS STRESSOR...
seconds=$1 good=0 bad=0
shift
mkdir -p /tmp/stress && cd /tmp/stress || exit 1
for name; do
	out=$(timeout -k 10 $((seconds * 4 + 60)) stress-ng --"$name" 2 --timeout "$seconds" --verify --metrics-brief \
		--oomable 2>&1 </dev/null)
	status=$?
	if [ $status = 0 ]; then
		echo "ok $name: $(awk -v n="$name" '$4 == n { print $5 " operations" }' <<<"$out")"
		good=$((good + 1))
	else
		echo "not ok $name: status $status: $(grep -v "metrc\|defaulting" <<<"$out" | tail -n 5 | tr '\n' '|' | cut -c1-400)"
		bad=$((bad + 1))
	fi
done
echo "@@tests $good $bad"
[ $bad = 0 ]
