//! What a child can still do once it is confined. A thread alone is, so that the test itself goes on.

use std::fs::File;
use std::io::ErrorKind::PermissionDenied;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use jettison_policy::{Confined, Reach, confine};

/// In a thread of its own: whether a file can be read, a file be made, a socket be had, a program be started.
fn can(reach: Reach) -> (Confined, [bool; 4]) {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let confined = confine(reach).unwrap();
        let or_denied = |result: std::io::Result<()>| match result {
            Ok(()) => true,
            Err(error) if error.kind() == PermissionDenied => false,
            Err(error) => panic!("{error}"),
        };
        let can = [
            or_denied(File::open("/etc/passwd").map(drop)),
            or_denied(File::create(made).map(drop)),
            or_denied(TcpStream::connect(address).map(drop)),
            or_denied(Command::new("/bin/true").status().map(drop)),
        ];
        (confined, can)
    });
    thread.join().unwrap()
}

/// Without one of the kernel's means there is less to see.
const WHOLE: Confined = Confined { rights: true, files: true, calls: true };

#[test]
fn what_compiles_reaches_nothing_and_what_fetches_the_network_and_what_it_has_to_read() {
    for (reach, expected) in
        [(Reach::Nothing, [false, false, false, false]), (Reach::Registry, [true, false, true, false])]
    {
        let (confined, can) = can(reach);
        if confined == WHOLE {
            assert_eq!(can, expected, "{reach:?}");
        } else {
            println!("NOT RUN: this kernel enforces {confined:?}");
        }
    }
}
