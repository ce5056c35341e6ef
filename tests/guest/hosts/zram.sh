# a leak beside a bigger primary, with swap on zram
. hosts/lib.inc

for module in zsmalloc lzo-rle zram; do
    module "$module"
done
# As zram-generator(8) has it: half of the memory, before any disk.
echo 256M > /sys/block/zram0/disksize
mkswap /dev/zram0 > /dev/null
swapon --priority 100 /dev/zram0
# What they hold compresses to a third. It takes a while to make, and what still grows would be a leak, too.
starts primary --hold-mib 220 --noise-bytes 1360
within 60 holds primary 220 || wrong "the primary has not taken its memory after 60 s"
starts hog --hold-mib 16 --leak-mib-per-s 20 --noise-bytes 1360
over 120 hog primary
figure "zram: bytes that were swapped out are $(awk '{ print $1 " now; it took " $5 }' /sys/block/zram0/mm_stat) at the most"
empty_slice
if swapoff /dev/zram0; then echo 1 > /sys/block/zram0/reset; fi
