//! The table of memcgs.

use crate::column::{self, Amounts, Known, NONE_U32, Names, Nullable, table};

/// Bits of the column `flags` of memcgs.
pub mod memcg_flags {
    /// The kernel's OOM killer takes all of it or nothing: `memory.oom.group` of v2
    /// (admin-guide/cgroup-v2.rst).
    pub const OOM_GROUP: u32 = 1;
    /// Its owner asks for others to go first: the attribute `user.oomd_avoid` of v2
    /// (systemd.resource-control(5), `ManagedOOMPreference=`).
    pub const OOMD_AVOID: u32 = 2;
    /// Its owner asks never to be a victim: `user.oomd_omit`.
    pub const OOMD_OMIT: u32 = 4;
}

/// The columns of memcgs. A new one is a line here; what is done with every column follows from this list:
/// the struct [`Memcgs`], what is offered to policies, and the snapshot file.
///
/// `memcg_columns!(then)` is `then! { the list }`. The groups are those of the file, in its order: `first`
/// columns are in every file, and `later` ones in those of later versions, which have a value for each row
/// all the same. `sensed` ones are in a file if they were sensed, which is where a new column goes.
/// `attribution` stands by itself, in words.
#[macro_export]
macro_rules! memcg_columns {
    ($then:ident) => {
        $then! {
            /// One row per memcg: a cgroup as a memory domain, of v1 or v2.
            #[expect(missing_docs, reason = "uniform: each column is documented once, in wit/memcgs.wit")]
            Memcgs {
                first {
                    /// Below the hierarchy's root, which is `/`.
                    paths: Names,
                    parents: Nullable<u32>,
                    current_bytes: Amounts,
                    min_bytes: Amounts,
                    low_bytes: Amounts,
                    high_bytes: Amounts,
                    max_bytes: Amounts,
                    swap_bytes: Amounts,
                    anon_bytes: Amounts,
                    file_bytes: Amounts,
                    shmem_bytes: Amounts,
                    /// What the kernel could give back without swapping: inactive and active file,
                    /// reclaimable slab.
                    reclaimable_bytes: Amounts,
                    pressures_some_avg10: Nullable<u32>,
                    max_events: Amounts,
                    oom_kills: Amounts,
                    units: Names,
                }
                later {
                    /// Bits of [`memcg_flags`].
                    flags: Known<u32>,
                    growth_bytes_per_s: Nullable<i64>,
                    refaults_anon: Amounts,
                    refaults_file: Amounts,
                    refaults_per_s: Amounts,
                }
                sensed {
                    usual_bytes: Amounts,
                    growth_1h_bytes_per_s: Nullable<i64>,
                    pressures_full_avg10: Nullable<u32>,
                }
                attribution {
                    container_ids: Names,
                    container_runtimes: Nullable<u32>,
                    pod_uids: Names,
                    pod_qos_classes: Nullable<u32>,
                }
            }
        }
    };
}
memcg_columns!(table);

impl Memcgs {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The row of a path.
    #[must_use]
    pub fn row_of(&self, path: &[u8]) -> Option<usize> {
        (0..self.len()).find(|&row| self.paths.get(row) == path)
    }

    /// Whether the row, or one above it of the same systemd unit, has the bit: what is asked for a unit holds
    /// for the cgroups that it makes for itself, and not for other units below.
    #[must_use]
    pub fn unit_has(&self, mut row: usize, bit: u32) -> bool {
        loop {
            if self.has(row, bit) {
                return true;
            }
            let unit = self.units.get(row);
            let above = self.parents.get(row).copied().and_then(column::row);
            // By path a parent comes first, so the walk ends whatever the column says.
            match above.filter(|&above| above < row && !unit.is_empty() && self.units.get(above) == unit) {
                Some(above) => row = above,
                None => return false,
            }
        }
    }

    /// Whether the row has all the bits of `mask`, which are those of [`memcg_flags`]. Where they were not
    /// sensed it has none.
    #[must_use]
    pub fn has(&self, row: usize, mask: u32) -> bool {
        self.flags.get(row).is_some_and(|&flags| flags != NONE_U32 && flags & mask == mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Column;

    #[test]
    fn a_bit_of_a_unit_holds_for_its_own_cgroups_only() {
        let table = |parents: [u32; 5]| Memcgs {
            paths: [b"/".as_slice(), b"/u.service", b"/u.service/a", b"/u.service/a/v.scope", b"/x"]
                .into_iter()
                .collect(),
            units: [b"".as_slice(), b"u.service", b"u.service", b"v.scope", b""].into_iter().collect(),
            parents: Column::new(parents.to_vec()),
            flags: Column::new(alloc::vec![2, 6, 0, NONE_U32, 0]),
            ..Memcgs::default()
        };
        let memcgs = table([NONE_U32, 0, 1, 2, 0]);
        let having = |memcgs: &Memcgs, bit| [0, 1, 2, 3, 4, 5].map(|row| memcgs.unit_has(row, bit));
        let (avoid, omit) = (memcg_flags::OOMD_AVOID, memcg_flags::OOMD_OMIT);
        assert_eq!(having(&memcgs, avoid), [true, true, true, false, false, false]);
        assert_eq!(having(&memcgs, omit), [false, true, true, false, false, false]);
        assert_eq!(
            having(&table([4, 2, 2, 9, 4]), omit),
            [false, true, false, false, false, false],
            "a cycle"
        );
    }
}
