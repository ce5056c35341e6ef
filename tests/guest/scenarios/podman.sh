# a container of Podman: the daemon in it ends the leak at its limit
. scenarios/containers.inc

tar -C "$tree" -c . | podman --storage-driver vfs import --quiet - ours > /dev/null
ends podman podman --storage-driver vfs run --detach --network none --memory 150m --volume "$out/podman:/out" ours /first
