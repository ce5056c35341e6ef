# a tmpfs that fills, and is nobody's: it grows no further, and nothing must die
. hosts/lib.inc

starts primary --hold-mib 140
dd if=/dev/zero of=/dev/shm/fill bs=1M count=225 status=none
over 30 none primary
