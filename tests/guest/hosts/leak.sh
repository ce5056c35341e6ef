# a fast leak beside a bigger primary
. hosts/lib.inc

leaks 30
