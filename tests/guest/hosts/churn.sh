# a disk of twice the memory is read twice, as a backup does: nothing must die
. hosts/lib.inc

starts steady --hold-mib 150
for _ in 1 2; do
    dd if=/dev/nvme0n1 of=/dev/null bs=1M count=1000 status=none
done
over 0 none steady
