# a slow leak beside a bigger primary
. hosts/lib.inc

starts primary --hold-mib 240
starts hog --hold-mib 16 --leak-mib-per-s 3
over 120 hog primary
