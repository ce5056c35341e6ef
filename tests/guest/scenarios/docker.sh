# containers of Docker, with a cgroup namespace of their own and with the host's: the daemon in each ends the leak at its limit
. scenarios/containers.inc

# Neither a network nor a file system in layers.
mkdir -p /etc/docker
echo '{ "iptables": false, "bridge": "none", "storage-driver": "vfs" }' > /etc/docker/daemon.json
systemctl start docker
tar -C "$tree" -c . | docker import - ours > /dev/null
in_docker() { docker run --detach --network none --memory 150m --volume "$out/$name:/out" "$@" ours /first; }
ends own-namespace in_docker
ends hosts-namespace in_docker --cgroupns host
