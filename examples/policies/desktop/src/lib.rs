//! A desktop: a tab is loaded again with a click, and a session that ends takes all unsaved work with it.

use jettison_sdk::matching::{Matcher, cmdline, comm};
use jettison_sdk::{Ballot, Description, NoConfig, Policy, Snapshot};

const MIB: u64 = 1 << 20;

/// The policy.
#[derive(Debug)]
pub struct Desktop;

impl Policy for Desktop {
    type Config = NoConfig;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "desktop", version, summary }
    }

    fn new(NoConfig {}: NoConfig) -> Self {
        Self
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        let session = comm(["gnome-shell", "gnome-session*", "kwin_*", "plasmashell", "Xorg", "Xwayland"]);
        for p in snapshot.processes().filter(session.or(comm(["pipewire*", "wireplumber"]))) {
            ballot.protect(p, 900).because("the session ends with it");
        }
        // Chromium and what is built on it, and Firefox.
        let tab = cmdline("*--type=renderer*").or(comm(["Isolated Web Co", "Web Content"]));
        for p in snapshot.processes().filter(tab) {
            // The largest first: it frees most, and costs one click like any other.
            let size = p.anon_and_swap_bytes() / (64 * MIB);
            let urgency = 500 + u16::try_from(size.min(200)).unwrap_or(200);
            ballot.sacrifice(p, urgency).because("a tab can be loaded again");
        }
        Ok(())
    }
}

jettison_sdk::export!(Desktop);
