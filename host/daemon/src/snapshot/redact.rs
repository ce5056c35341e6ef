//! `--redact`: hashes in place of names and command lines.
//!
//! Numbers stay, and so do parents and memcgs. Each file has a salt of its own, which is not kept: equal
//! names have equal hashes within a file, and no name can be found by trying. Of a path each part is hashed
//! by itself and keeps the suffix that makes it a unit or a slice of systemd.

use jettison_sense::attribution;
use sha2::{Digest, Sha256};

use super::cell::{Text, hex};
use super::table::{Rows, reorder};
use super::wire::{Attribution, File};

/// Enough that ten thousand names do not meet, and a command name stays below the kernel's 15 bytes.
const HASH_BYTES: usize = 6;

/// What makes a part of a path something of systemd's (systemd.unit(5)).
const SUFFIXES: [&str; 6] = [".service", ".scope", ".slice", ".mount", ".swap", ".socket"];

pub(super) type Salt = [u8; 32];

pub(super) fn redact(file: &mut File, salt: &Salt) {
    file.redacted = true;
    let hash = |text: &mut Text| *text = Text(hashed(&text.0, salt).into_bytes());
    file.processes.comms.iter_mut().for_each(hash);
    file.details.cmdlines.iter_mut().flatten().for_each(hash);
    file.details.exes.iter_mut().flatten().for_each(hash);
    for path in &mut file.memcgs.paths {
        *path = Text(hashed_path(&path.0, salt));
    }
    file.memcgs.units =
        file.memcgs.paths.iter().map(|path| Text(attribution(&path.0).unit.to_vec())).collect();
    if let Some(owners) = &mut file.attribution {
        owners.slices =
            file.memcgs.paths.iter().map(|path| Text(attribution(&path.0).slice.to_vec())).collect();
        let ids = owners.container_ids.iter_mut().chain(&mut owners.pod_uids);
        ids.flatten().for_each(|id| *id = hashed(id.as_bytes(), salt));
    }
    file.faults.iter_mut().for_each(|fault| fault.path = hashed(fault.path.as_bytes(), salt));
    put_in_order(file);
}

/// An empty name stays empty: it says that there is none.
fn hashed(text: &[u8], salt: &Salt) -> String {
    if text.is_empty() {
        return String::new();
    }
    let digest = Sha256::new().chain_update(salt).chain_update(text).finalize();
    hex(digest.get(..HASH_BYTES).unwrap_or(&digest))
}

fn hashed_path(path: &[u8], salt: &Salt) -> Vec<u8> {
    let parts = path.split(|&byte| byte == b'/').map(|part| {
        let suffix = SUFFIXES.into_iter().find(|suffix| part.ends_with(suffix.as_bytes())).unwrap_or("");
        let stem = part.strip_suffix(suffix.as_bytes()).unwrap_or(part);
        (hashed(stem, salt) + suffix).into_bytes()
    });
    parts.collect::<Vec<_>>().join(&b'/')
}

/// Memcgs are ordered by path, and hashes have another order than names. All rows move, and the columns that
/// point to them follow.
fn put_in_order(file: &mut File) {
    let paths = &file.memcgs.paths;
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by_key(|&row| paths.get(row));
    let mut moved_to = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        if let (Some(slot), Ok(new)) = (moved_to.get_mut(old), u32::try_from(new)) {
            *slot = new;
        }
    }
    let follow = |row: &mut u32| *row = moved_to.get(*row as usize).copied().unwrap_or(*row);
    file.processes.memcgs.iter_mut().flatten().for_each(follow);
    file.memcgs.parents.iter_mut().flatten().for_each(follow);
    file.memcgs.reorder(&order);
    file.attribution.iter_mut().for_each(|owners| reorder_attribution(owners, &order));
}

fn reorder_attribution(table: &mut Attribution, order: &[usize]) {
    reorder(&mut table.slices, order);
    [&mut table.container_runtimes, &mut table.pod_qos_classes]
        .into_iter()
        .for_each(|column| reorder(column, order));
    [&mut table.container_ids, &mut table.pod_uids].into_iter().for_each(|column| reorder(column, order));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_shape_and_loses_its_names() {
        let salt = [7; 32];
        let hash = |text: &str| hashed(text.as_bytes(), &salt);
        let path = hashed_path(b"/system.slice/nginx.service/worker", &salt);
        let expected = format!("/{}.slice/{}.service/{}", hash("system"), hash("nginx"), hash("worker"));
        assert_eq!(path, expected.as_bytes());
        assert_eq!(hashed_path(b"/", &salt), b"/");
        assert_eq!(hash("nginx").len(), 12);
        assert_eq!(hash(""), "");
        assert_ne!(hash("nginx"), hashed(b"nginx", &[8; 32]), "another file, another hash");
    }
}
