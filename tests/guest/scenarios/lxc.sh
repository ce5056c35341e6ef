# a container of LXC, whose meminfo is of lxcfs: the daemon in it ends the leak at its limit
. scenarios/containers.inc

module fuse
systemctl start lxcfs
cat > /run/lxc.conf <<LXC
lxc.include = /usr/share/lxc/config/common.conf
lxc.rootfs.path = dir:$tree
lxc.uts.name = ours
lxc.net.0.type = empty
lxc.apparmor.profile = unconfined
lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed
lxc.mount.entry = $out/lxc out none bind 0 0
lxc.cgroup2.memory.max = 150M
lxc.init.cmd = /first
LXC
ends lxc systemd-run --quiet --unit=ours lxc-start --foreground --name ours --rcfile /run/lxc.conf
figure "its meminfo: $(head -n 1 "$out/lxc/meminfo")"
expect "its meminfo is not of lxcfs" grep -q '^MemTotal: *153600 kB' "$out/lxc/meminfo"
