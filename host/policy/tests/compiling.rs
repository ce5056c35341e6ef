//! Modules that are right, and too much for a compiler: it ends at its own limits, and says which.

mod kit;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use jettison_policy::{Compiler, builtin};
use kit::compiler;
use tempfile::TempDir;

/// A module of one function from number to number, with so many more variables.
fn module(variables: u32, code: &[u8]) -> Vec<u8> {
    let mut body = [vec![1], leb(variables), vec![0x7f], code.to_vec(), vec![0x0b]].concat();
    body = [leb(length(&body)), body].concat();
    let sections: [(u8, &[u8]); 3] = [(1, &[1, 0x60, 1, 0x7f, 1, 0x7f]), (3, &[1, 0]), (10, &body)];
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, mut content) in sections.map(|(id, content)| (id, content.to_vec())) {
        if id == 10 {
            content.insert(0, 1);
        }
        module.push(id);
        module.extend(leb(length(&content)));
        module.extend(content);
    }
    module
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("modules of tests are small")
}

/// A number as WebAssembly writes it.
fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let seven_bits = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(seven_bits);
            return bytes;
        }
        bytes.push(seven_bits | 0x80);
    }
}

/// `local.get`, and `local.set`.
const GET: u8 = 0x20;
const SET: u8 = 0x21;
const ADD: u8 = 0x6a;

/// Thousands of variables that all matter in each of tens of thousands of branches.
fn many_live_variables() -> Vec<u8> {
    const VARIABLES: u32 = 5_000;
    let mut code = Vec::new();
    for variable in 1..=VARIABLES {
        code.extend([vec![GET, 0, SET], leb(variable)].concat());
    }
    for branch in 0..60_000_u32 {
        let [one, other] = [2_654_435_761, 40_503].map(|step| leb(branch.wrapping_mul(step) % VARIABLES + 1));
        // If one, then one = one + other.
        code.extend([&[GET], &one[..], &[0x04, 0x40, GET], &one, &[GET], &other, &[ADD, SET], &one].concat());
        code.push(0x0b);
    }
    code.extend([GET, 0]);
    module(VARIABLES, &code)
}

/// A sum of a million terms.
fn long_function() -> Vec<u8> {
    let terms = [GET, 0, ADD].repeat(1_000_000);
    module(1, &[vec![GET, 0], terms].concat())
}

/// A child with a limit that is lower than its own; `option` is for ulimit in sh(1).
fn with_limit(option: &str) -> (TempDir, Compiler) {
    let dir = tempfile::tempdir().expect("a directory");
    let program = dir.path().join("child");
    let child = env!("CARGO_BIN_EXE_compile-module");
    let script = format!("#!/bin/sh\nulimit {option} && exec {child:?} \"$@\"\n");
    fs::write(&program, script).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("its mode");
    (dir, Compiler::new(program))
}

fn message(compiler: &Compiler, module: &[u8]) -> String {
    let fault = compiler.compile(module).expect_err("it is too much");
    assert_eq!(fault.kind(), "compile");
    fault.to_string()
}

const OUT_OF_MEMORY: &str = "does not compile: the compiler, which may take 1024 MiB and 30 s, ended \
    (signal: 6 (SIGABRT)) without a reply: memory allocation of ";

#[test]
fn a_module_that_bloats_the_compiler() {
    let message = message(&compiler(), &many_live_variables());
    assert!(message.starts_with(OUT_OF_MEMORY), "{message}");
    assert!(message.ends_with("bytes failed"), "{message}");
}

#[test]
fn a_module_that_keeps_the_compiler_busy() {
    let (_dir, compiler) = with_limit("-t 1");
    let message = message(&compiler, &long_function());
    assert!(message.ends_with("ended (signal: 9 (SIGKILL)) without a reply: it said nothing"), "{message}");
    let (_dir, compiler) = with_limit("-S -t 1");
    let message = self::message(&compiler, &long_function());
    assert_eq!(
        message,
        "does not compile: the compiler used up its 30 s of processor time: it needs more `limits.compile_s`"
    );
}

#[test]
fn the_kernel_may_choose_the_compiler() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_compile-module"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let file = format!("/proc/{}/oom_score_adj", child.id());
    let adj = || fs::read_to_string(&file).expect("it waits for a module").trim().to_owned();
    jettison_tests::wait_for("its oom_score_adj", || (adj() == "1000").then_some(()));
    drop(child.stdin.take());
    child.wait().expect("it ends");
}

#[test]
fn lower_limits_of_the_surroundings_hold() {
    let module = builtin("balanced").expect("it is built in");
    let (_dir, compiler) = with_limit("-v 25000");
    let message = message(&compiler, module);
    assert!(message.starts_with(OUT_OF_MEMORY), "{message}");
    let (_dir, compiler) = with_limit("-v 8000000");
    assert!(compiler.compile(module).is_ok(), "higher ones are no matter");
}
