//! A hostile policy. Its configuration, `{"do": "…"}`, says what it does wrong, or else the module itself
//! ([`TO_DO`]).
//!
//! It is written against the bare contract and not with the SDK, which would not let it do most of this.

mod ballots;
mod columns;
mod resources;

/// What `wit/` says, as Rust.
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "guest",
    });
}

use std::hint::black_box;

use bindings::exports::jettison::policy::policy::{Ballot, Description, Guest, Problem};
use bindings::jettison::policy::{log, request};

struct Misbehaving;

impl Guest for Misbehaving {
    fn describe() -> Description {
        std::panic::set_hook(Box::new(|info| log::emit(1, &info.to_string())));
        match asked().as_str() {
            "trap-in-describe" => panic!("no idea who I am"),
            "loop-in-describe" => resources::spin(),
            _ => Description {
                name: "misbehaving".into(),
                version: "0.1.0".into(),
                summary: "Does what a policy should not".into(),
            },
        }
    }

    fn validate() -> Vec<Problem> {
        let problem = |key: &str, message: &str| Problem { key: key.into(), message: message.into() };
        match asked().as_str() {
            "problems" => vec![problem("do.this", "is not a number"), problem("", "there is no `do.that`")],
            _ => columns::not_empty()
                .into_iter()
                .map(|name| problem(&name, "is not empty although nothing is asked yet"))
                .collect(),
        }
    }

    fn rank() -> Result<Ballot, String> {
        std::panic::set_hook(Box::new(|info| log::emit(1, &info.to_string())));
        let asked = asked();
        match asked.as_str() {
            "rows" => Err(columns::rows()),
            "refuse" => Err("I do not want to".into()),
            "columns" => {
                columns::describe();
                Ok(ballots::empty())
            }
            _ => ballots::wrong(&asked)
                .or_else(|| resources::wasted(&asked))
                .ok_or_else(|| format!("I do not know how to {asked}")),
        }
    }
}

bindings::export!(Misbehaving with_types_in bindings);

/// What to do where the configuration does not say. A test that wants a module that does one thing, whatever
/// its configuration, writes it over the dots.
static TO_DO: [u8; 52] = *b"it does so: ........................................";

/// The value of the only key in the configuration, or else what the module was told.
fn asked() -> String {
    let config = request::config();
    let written = black_box(&TO_DO).iter().skip(12).take_while(|byte| **byte != b'.');
    match config.split('"').nth(3) {
        Some(asked) => asked.to_owned(),
        None => written.map(|byte| char::from(*byte)).collect(),
    }
}
