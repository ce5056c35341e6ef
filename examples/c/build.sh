#!/bin/sh
# build.sh BINDINGS OUT: compiles policy.c with the bindings that `wit-bindgen c wit/` made, for clang 14 or later with
# lld and wasi-libc (Debian: clang, lld, wasi-libc, libclang-rt-dev-wasm32).
set -eu
here=$(dirname "$0")
exec clang --target=wasm32-wasi -mexec-model=reactor -nostartfiles -Os -Wall -Wextra -Werror \
    -I "$1" -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-debug \
    -o "$2" "$here/policy.c" "$1/guest.c" "$1/guest_component_type.o"
