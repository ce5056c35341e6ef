# a fast leak beside a bigger primary
. hosts/lib.inc

starts primary --hold-mib 220
starts hog --hold-mib 16 --leak-mib-per-s 30
over 60 hog primary
