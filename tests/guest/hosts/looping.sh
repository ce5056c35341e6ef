# a leak beside a bigger primary, and a policy that never answers
. hosts/lib.inc

dropin=/etc/jettison/policies.d/looping.toml
if [ "$contender" = jettison ]; then
    install -D -m 644 jettison_misbehaving.wasm /usr/local/lib/jettison/looping.wasm
    cat > "$dropin" <<'TOML'
[[policy]]
name = "looping"
source = "/usr/local/lib/jettison/looping.wasm"
grants = ["cmdlines", "exes", "pss-bytes"]
config = { do = "loop" }
TOML
    trap 'rm "$dropin"; systemctl restart jettison' EXIT
    # A reload would try it first, and refuse it.
    restart_jettison
fi
leaks 20
if [ "$contender" = jettison ]; then
    says 'policy=looping fault="out-of-fuel"' || wrong "the policy did not loop: $(log | grep looping | tail -n 1)"
fi
