# eleven processes on a ladder of oom_score_adj, 0 to 1000: the one at 0 leaks, the others are steady
. hosts/lib.inc

steps=
for step in 1 2 3 4 5 6 7 8 9 10; do
    starts "step$step" --hold-mib 20 --oom-score-adj "${step}00"
    steps="$steps step$step"
done
starts hog --hold-mib 16 --leak-mib-per-s 20
# shellcheck disable=SC2086
over 60 hog $steps
