//! nohang 0.2, the configuration for desktops: the process with the largest `oom_score` after adjustments by
//! name and executable.
//!
//! Sources: `pid_to_badness()` and `find_victim()` in
//! <https://github.com/hakavlad/nohang/blob/v0.2.0/src/nohang>, the adjustments in
//! <https://github.com/hakavlad/nohang/blob/v0.2.0/conf/nohang/nohang-desktop.conf.in>; the configuration for
//! servers, nohang.conf.in, has none of them. An adjustment of -200 for an executable is taken by its file's
//! name here.

use super::{on_host, one, oom_score};
use crate::Taken;
use crate::{Machine, Process};

/// Content processes of Firefox, by `comm`: +200, unless `oom_score_adj` is negative.
const PREFERRED: [&str; 3] = ["Web Content", "Privileged Cont", "file:// Content"];
/// Display servers and managers, compositors, sessions, D-Bus, systemd, package managers: -200 by `comm`.
const AVOIDED: [&str; 70] = [
    "dnf",
    "yum",
    "packagekitd",
    "Xorg",
    "X",
    "Xwayland",
    "weston",
    "sway",
    "gnome-shell",
    "metacity",
    "mutter",
    "gnome-session-b",
    "gnome-session-c",
    "phoc",
    "phosh",
    "plasma-desktop",
    "plasmashell",
    "plasma_session",
    "kwin",
    "kwin_x11",
    "kwin_wayland",
    "startplasma-way",
    "ksmserver",
    "cinnamon",
    "muffin",
    "cinnamon-sessio",
    "cinnamon-launch",
    "xfwm4",
    "xfce4-session",
    "xfce4-panel",
    "xfdesktop",
    "marco",
    "mate-session",
    "caja",
    "mate-panel",
    "lxqt-panel",
    "pcmanfm-qt",
    "lxqt-session",
    "budgie-wm",
    "budgie-panel",
    "compiz",
    "openbox",
    "fluxbox",
    "awesome",
    "icewm",
    "enlightenment",
    "gala",
    "wingpanel",
    "i3",
    "gdm",
    "gdm3",
    "sddm",
    "sddm-helper",
    "slim",
    "lightdm",
    "gdm-session-wor",
    "gdm-wayland-ses",
    "systemd-logind",
    "systemd",
    "dbus-daemon",
    "dbus-run-sessio",
    "dbus-broker-lau",
    "dbus-broker",
    "calamares",
    "dpkg",
    "pacman",
    "yay",
    "pamac",
    "pamac-daemon",
    "pamac-manager",
];

pub(super) fn taken(machine: &Machine) -> Taken {
    let badness = |process: &Process| badness(machine, process);
    // Sorted with the largest first; of equals the first stays first.
    let eligible =
        machine.processes.iter().rev().filter(|process| process.pid != 1 && badness(process) >= 1.0);
    on_host(machine, || one(eligible.max_by(|a, b| badness(a).total_cmp(&badness(b))), "largest badness"))
}

fn badness(machine: &Machine, process: &Process) -> f64 {
    let score = oom_score(machine, process);
    if score <= 0.0 {
        return 0.0;
    }
    let preferred = if PREFERRED.contains(&process.comm.as_str()) && process.adj >= 0 { 200.0 } else { 0.0 };
    let is_avoided = AVOIDED.contains(&process.comm.as_str());
    (score + preferred - if is_avoided { 200.0 } else { 0.0 }).max(0.0)
}
