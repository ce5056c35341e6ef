# a working set of files that fits no longer, with a quarter of the memory called available
. hosts/lib.inc

dd if=/dev/urandom of=/var/tmp/set bs=1M count=260 status=none
starts steady --hold-mib 40
# A disk of 500 operations in a second, as one that turns has at best.
device=$(findmnt --noheadings --output SOURCE /)
for reader in 1 2 3; do
    starts "reader$reader" --hold-mib 4 --read-file /var/tmp/set
    systemctl set-property --runtime "reader$reader" IOReadIOPSMax="$device 170"
done
sleep 20
starts hog --hold-mib 16 --leak-mib-per-s 15 --leak-max-mib 210
over 150 hog steady reader1 reader2 reader3
