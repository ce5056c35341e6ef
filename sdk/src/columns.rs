//! The tables of the snapshot, column by column, as `wit/*.wit` has them.
//!
//! On wasm32 a column is asked of the host when it is first read. Each has a function of its own that calls
//! its import by name: no list of functions, no trait object. So the linker drops what a policy never
//! reads, and the imports of a compiled policy are what it uses. Natively `testing` fills the columns.
//!
//! What reads one value is inlined always: a call in a policy puts the account of fuel away and takes it up
//! again, which costs more than the read.

use std::cell::OnceCell;

#[cfg(target_arch = "wasm32")]
use crate::guest::bindings::jettison::policy as imports;

/// No row, no process, no such thing.
pub(crate) const NONE_U32: u32 = u32::MAX;
/// The kernel did not say.
pub(crate) const UNKNOWN_U64: u64 = u64::MAX;
/// The kernel said `max`.
pub(crate) const UNLIMITED_U64: u64 = u64::MAX - 1;
/// The kernel did not say.
pub(crate) const UNKNOWN_S64: i64 = i64::MIN;
/// The kernel did not say.
pub(crate) const UNKNOWN_S16: i16 = i16::MIN;

/// One byte string per row, in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Text {
    /// The string of a row.
    #[inline(always)]
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[row] as usize]
    }

    /// The same with a space for each NUL, eight bytes at once.
    pub(crate) fn with_spaces(&self) -> Self {
        let mut bytes = self.bytes.clone();
        let mut chunks = bytes.chunks_exact_mut(8);
        for chunk in &mut chunks {
            if let Ok(eight) = <[u8; 8]>::try_from(&*chunk) {
                chunk.copy_from_slice(&spaced(u64::from_le_bytes(eight)).to_le_bytes());
            }
        }
        chunks.into_remainder().iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        Self { bytes, ends: self.ends.clone() }
    }
}

/// Eight bytes with a space for each that is 0: of those alone neither the highest bit is set nor does it
/// become so when 0x7f is added to the others. 0x80 is four spaces.
fn spaced(eight: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let zeros = !(eight | ((eight & LOW) + LOW)) & !LOW;
    eight | zeros >> 2
}

#[cfg(target_arch = "wasm32")]
impl From<imports::types::TextColumn> for Text {
    fn from(column: imports::types::TextColumn) -> Self {
        Self { bytes: column.bytes, ends: column.ends }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl<'a> FromIterator<&'a [u8]> for Text {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(texts: I) -> Self {
        let mut text = Self::default();
        for bytes in texts {
            text.bytes.extend_from_slice(bytes);
            text.ends.push(u32::try_from(text.bytes.len()).expect("a test machine has few names"));
        }
        text
    }
}

macro_rules! tables {
    ($($table:ident from $interface:ident { $($function:ident: $type:ty,)* })*) => {$(
        #[derive(Debug, Default)]
        pub(crate) struct $table {
            $(pub(crate) $function: OnceCell<$type>,)*
        }

        impl $table {
            $(
                #[inline(always)]
                pub(crate) fn $function(&self) -> &$type {
                    #[cfg(target_arch = "wasm32")]
                    return self.$function.get_or_init(|| imports::$interface::$function().into());
                    #[cfg(not(target_arch = "wasm32"))]
                    return self.$function.get_or_init(Default::default);
                }
            )*
        }
    )*};
}

tables! {
    Request from request {
        cause: u32,
        cause_memcg: u32,
        deficit_bytes: u64,
    }

    Host from host {
        memory_total_bytes: u64,
        memory_available_bytes: u64,
        swap_total_bytes: u64,
        swap_free_bytes: u64,
        memory_pressure_some_avg10: u32,
        memory_pressure_full_avg10: u32,
        io_pressure_some_avg10: u32,
        io_pressure_full_avg10: u32,
        cpu_pressure_some_avg10: u32,
        memory_free_bytes: u64,
        watermark_min_bytes: u64,
        watermark_low_bytes: u64,
        watermark_high_bytes: u64,
        zswap_bytes: u64,
        zswapped_bytes: u64,
        oom_kills: u64,
        refault_anon_bytes_per_s: u64,
        refault_file_bytes_per_s: u64,
        swap_in_bytes_per_s: u64,
        swap_out_bytes_per_s: u64,
        major_faults_per_s: u64,
        allocation_stalls_per_s: u64,
        memory_stall_some_us_per_s: u64,
        memory_stall_full_us_per_s: u64,
        memory_exhaustion_ms: u64,
        eased_ms_ago: u64,
        taken_bytes: u64,
        taken_by_nobody_bytes: u64,
        now_ms: u64,
    }

    Processes from processes {
        count: u32,
        pids: Vec<u32>,
        parents: Vec<u32>,
        memcgs: Vec<u32>,
        comms: Text,
        flags: Vec<u32>,
        uids: Vec<u32>,
        threads: Vec<u32>,
        ages_ms: Vec<u64>,
        rss_anon_bytes: Vec<u64>,
        rss_file_bytes: Vec<u64>,
        rss_shmem_bytes: Vec<u64>,
        swap_bytes: Vec<u64>,
        page_table_bytes: Vec<u64>,
        growth_bytes_per_s: Vec<i64>,
        oom_score_adjs: Vec<i16>,
        taken_bytes: Vec<i64>,
        growth_1h_bytes_per_s: Vec<i64>,
        births_per_1000s: Vec<u32>,
    }

    Memcgs from memcgs {
        count: u32,
        paths: Text,
        parents: Vec<u32>,
        current_bytes: Vec<u64>,
        min_bytes: Vec<u64>,
        low_bytes: Vec<u64>,
        high_bytes: Vec<u64>,
        max_bytes: Vec<u64>,
        swap_bytes: Vec<u64>,
        anon_bytes: Vec<u64>,
        file_bytes: Vec<u64>,
        shmem_bytes: Vec<u64>,
        pressures_some_avg10: Vec<u32>,
        max_events: Vec<u64>,
        oom_kills: Vec<u64>,
        units: Text,
        flags: Vec<u32>,
        growth_bytes_per_s: Vec<i64>,
        refaults_anon: Vec<u64>,
        refaults_file: Vec<u64>,
        refaults_per_s: Vec<u64>,
        container_ids: Text,
        container_runtimes: Vec<u32>,
        pod_uids: Text,
        pod_qos_classes: Vec<u32>,
        usual_bytes: Vec<u64>,
        pressures_full_avg10: Vec<u32>,
        growth_1h_bytes_per_s: Vec<i64>,
    }

    Details from details {
        cmdlines: Text,
        exes: Text,
        pss_bytes: Vec<u64>,
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn each_zero_becomes_a_space_and_nothing_else_changes() {
        for value in 0..=u16::MAX {
            let [a, b] = value.to_le_bytes();
            let bytes = [a, b, a, 0x80, b, 0, 1, a];
            let expected = bytes.map(|byte| if byte == 0 { b' ' } else { byte });
            assert_eq!(spaced(u64::from_le_bytes(bytes)).to_le_bytes(), expected, "{bytes:?}");
        }
    }
}
