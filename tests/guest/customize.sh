#!/bin/sh
# Makes a guest of a fresh tree of Debian: customize.sh TREE, called by `cargo xtask guest`.
set -eu
tree=$1
units=$tree/etc/systemd/system

# There is no keyboard, and a scenario starts databases, containers and other contenders itself.
for unit in getty.target serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service; do
    ln -sf /dev/null "$units/$unit"
done
for unit in postgresql redis-server mariadb earlyoom nohang systemd-oomd containerd docker podman lxc lxcfs; do
    rm -f "$units"/*.wants/"$unit"[.-]*
done
echo guest > "$tree/etc/hostname"

# The second disk is an archive: the package, the scenarios and their programs.
cat > "$units/scenario.service" <<'UNIT'
[Unit]
Description=Runs the scenario that the kernel's command line names
After=multi-user.target

[Service]
ExecStart=/bin/sh -c 'mkdir /payload && tar -xf /dev/nvme1n1 -C /payload && exec sh /payload/run.sh'
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
# The scenario is no part of the machine that it tries.
OOMScoreAdjust=-1000
UNIT
ln -sf ../scenario.service "$units/multi-user.target.wants/scenario.service"
