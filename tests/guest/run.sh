#!/bin/sh
# Runs a scenario in the guest. Its output goes to the first console, the journal to the second.
cd /payload
name=$(sed 's/.* scenario=\([a-z/-]*\).*/\1/' /proc/cmdline)
echo "GUEST UP $name"
sh -eu "$name.sh" || echo "GUEST WRONG the scenario was left before its end, with status $?"
journalctl --boot --no-pager --output short-monotonic > /dev/ttyS1
echo "GUEST END $name"
