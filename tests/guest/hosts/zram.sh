# a leak beside a bigger primary, with swap on zram
. hosts/lib.inc

for module in zsmalloc lzo-rle zram; do
    grep -q "^$(echo $module | tr - _) " /proc/modules || insmod "/payload/$module.ko"
done
# As zram-generator(8) has it: half of the memory, before any disk.
echo 256M > /sys/block/zram0/disksize
mkswap /dev/zram0 > /dev/null
swapon --priority 100 /dev/zram0
# What they hold compresses to a third.
starts primary --hold-mib 220 --noise-bytes 1360
starts hog --hold-mib 16 --leak-mib-per-s 20 --noise-bytes 1360
over 120 hog primary
figure "zram held at the most, bytes, before and after compression: $(awk '{ print $1, $5 }' /sys/block/zram0/mm_stat)"
# Fails where nothing is left to end.
systemctl kill --kill-whom=all --signal=KILL workload.slice || true
sleep 2
if swapoff /dev/zram0; then echo 1 > /sys/block/zram0/reset; fi
