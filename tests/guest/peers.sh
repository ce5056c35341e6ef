# The scenes that the kernel's command line names, one after another, beside one contender.
. peers/lib.inc

contender=$(sed 's/.* contender=\([a-z]*\).*/\1/' /proc/cmdline)
export contender
make_slice
start_contender
if ! contender_is_up; then
    wrong "$contender does not start: $(systemctl status "$(contender_unit)" | tail -n 3 | tr '\n' '|')"
    exit 0
fi
# A guest that hangs leaves this behind.
[ "$contender" = kernel ] || journalctl --boot --follow --output short-monotonic --unit "$(contender_unit)" > /dev/ttyS1 &
figure "$contender runs after $(now) s"
suite=$(sed 's/.* suite=\([a-z]*\).*/\1/' /proc/cmdline)
for scene in $(sed 's/.* scenes=\([a-z,-]*\).*/\1/' /proc/cmdline | tr , ' '); do
    run_scene "$suite/$scene.sh"
done
