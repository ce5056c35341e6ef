//! Names of programs that a host or a session cannot do without, where nothing else tells them from others.
//!
//! Their units are small, of one process often, and they seldom have an `oom_score_adj` of their own. A
//! process chooses its own name, so a name is a price and not a wall: one of these that itself took what is
//! missing goes like any other.

/// Names, as `comm` has them (15 bytes), and what ends with them. A name that ends with `*` is a prefix.
const ESSENTIALS: &[(&[&str], &str)] = &[
    (&["systemd*", "(sd-pam)", "init", "runit", "s6-svscan"], "the service manager's"),
    (
        &["dbus-daemon", "dbus-broker*", "polkitd", "udevd", "elogind", "accounts-daemon"],
        "every service talks to it",
    ),
    (
        &[
            "NetworkManager",
            "wpa_supplicant",
            "iwd",
            "dhclient",
            "dhcpcd",
            "connmand",
            "netplan*",
            "ModemManager",
        ],
        "the network ends with it",
    ),
    (
        &["sshd*", "dropbear", "login", "agetty", "getty", "mingetty", "sudo", "su"],
        "the way in for an administrator",
    ),
    (
        &[
            "cron",
            "crond",
            "atd",
            "rsyslogd",
            "syslog-ng",
            "klogd",
            "auditd",
            "chronyd",
            "ntpd",
            "irqbalance",
            "mdadm",
            "multipathd",
            "smartd",
            "lvmetad",
            "rpcbind",
            "nscd",
            "sssd*",
        ],
        "a small service of the base system",
    ),
    (
        &[
            "kubelet",
            "containerd*",
            "dockerd",
            "crio",
            "podman",
            "conmon",
            "runc",
            "lxd",
            "lxcfs",
            "libvirtd",
            "virtqemud",
            "k3s-server",
        ],
        "all containers or machines of the host depend on it",
    ),
    (&["docker-init", "tini", "dumb-init", "catatonit", "pause"], "its container ends with it"),
    (
        &[
            "Xorg",
            "X",
            "Xwayland",
            "gnome-shell",
            "kwin_wayland",
            "kwin_x11",
            "plasmashell",
            "sway",
            "Hyprland",
            "weston",
            "cage",
            "mutter*",
            "muffin",
            "cinnamon",
            "xfwm4",
            "labwc",
            "wayfire",
            "river",
            "i3",
            "openbox",
        ],
        "the whole session ends with it",
    ),
    (
        &[
            "gdm*",
            "lightdm",
            "sddm*",
            "gnome-session*",
            "xfce4-session",
            "mate-session",
            "lxsession",
            "plasma_session",
            "ksmserver",
            "cinnamon-sess*",
            "startplasma*",
            "startkde*",
            "xinit",
            "startx",
        ],
        "the whole session ends with it",
    ),
    (
        &[
            "pipewire*",
            "wireplumber",
            "pulseaudio",
            "at-spi*",
            "gnome-keyring*",
            "gvfsd*",
            "dconf-service",
            "xdg-*",
            "ibus-*",
            "fcitx*",
        ],
        "a small part of the session",
    ),
    (&["tmux*", "screen", "SCREEN", "zellij", "mosh-server"], "the sessions in it end with it"),
];

/// The names by their first two bytes, so that a process is compared with a few of them, most with none.
pub(crate) struct Essentials(Vec<Vec<(&'static str, &'static str)>>);

/// Slots for pairs of bytes; pairs may share one.
const SLOTS: usize = 1 << 9;

/// The slot of a name. All names in the table have two bytes before any `*`.
fn slot(name: &[u8]) -> Option<usize> {
    let &[first, second, ..] = name else { return None };
    Some((usize::from(first) ^ (usize::from(second) << 4)) % SLOTS)
}

impl Essentials {
    pub(crate) fn new() -> Self {
        let mut slots = vec![Vec::new(); SLOTS];
        for &(names, what) in ESSENTIALS {
            for &name in names {
                if let Some(slot) = slot(name.as_bytes()).and_then(|slot| slots.get_mut(slot)) {
                    slot.push((name, what));
                }
            }
        }
        Self(slots)
    }

    /// What depends on a process of this name, if it is essential.
    pub(crate) fn of(&self, comm: &[u8]) -> Option<&'static str> {
        let is_named = |name: &str| match name.strip_suffix('*') {
            Some(prefix) => comm.starts_with(prefix.as_bytes()),
            None => comm == name.as_bytes(),
        };
        let names = self.0.get(slot(comm)?)?;
        names.iter().find(|(name, _)| is_named(name)).map(|&(_, what)| what)
    }
}
