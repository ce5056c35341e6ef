# a leak beside a bigger primary, with swap on a disk
. hosts/lib.inc

if [ "$contender" != oomd ]; then
    mkswap /dev/nvme2n1 > /dev/null
    swapon /dev/nvme2n1
fi
starts primary --hold-mib 220
starts hog --hold-mib 16 --leak-mib-per-s 40
over 90 hog primary
if [ "$contender" != oomd ]; then
    empty_slice
    swapoff /dev/nvme2n1
fi
