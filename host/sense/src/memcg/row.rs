//! The files of one memcg, of either generation, into one row.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;
use std::path::Path;

use jettison_model::Memcgs;
use jettison_model::column::{NONE_U32, TextFill, UNKNOWN_U64, known_u64, refill};
use jettison_model::snapshot::memcg_flags::{OOM_GROUP, OOMD_AVOID, OOMD_OMIT};
use rustix::fs::fgetxattr;
use rustix::io::Errno;

use crate::io::error::Faults;
use crate::io::file::{Buffer, call, is_gone};
use crate::memcg::trends::{Found, Rates};
use crate::parse::keyed::{MemcgStat, entry, memcg_stat};
use crate::parse::pressure::pressure;
use crate::parse::text::Malformed;
use crate::parse::value::{boolean, is_yes, limit};
use crate::parse::version::Version;

/// One row. Fields are those of [`Memcgs`], with their sentinels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemcgRow {
    current_bytes: u64,
    min_bytes: u64,
    low_bytes: u64,
    high_bytes: u64,
    max_bytes: u64,
    swap_bytes: u64,
    stat: MemcgStat,
    pressure_some_avg10: u32,
    pressure_full_avg10: u32,
    max_events: u64,
    oom_kills: u64,
    flags: u32,
}

const UNKNOWN: MemcgRow = MemcgRow {
    current_bytes: UNKNOWN_U64,
    min_bytes: UNKNOWN_U64,
    low_bytes: UNKNOWN_U64,
    high_bytes: UNKNOWN_U64,
    max_bytes: UNKNOWN_U64,
    swap_bytes: UNKNOWN_U64,
    stat: MemcgStat::NONE,
    pressure_some_avg10: NONE_U32,
    pressure_full_avg10: NONE_U32,
    max_events: UNKNOWN_U64,
    oom_kills: UNKNOWN_U64,
    flags: 0,
};

impl MemcgRow {
    /// What its rates are computed from.
    pub(crate) fn found(&self) -> Found {
        // Without swap accounting only the anonymous memory is known.
        let swap = known_u64(self.swap_bytes).unwrap_or(0);
        Found {
            held_bytes: self.stat.anon.map(|anon| anon.saturating_add(swap)),
            refaults: self.stat.refaults(),
        }
    }
}

/// The open directory of one memcg, and what its files are read into.
#[derive(Debug)]
pub(crate) struct MemcgFiles<'a> {
    pub(crate) mount: &'a Path,
    pub(crate) memcg: &'a [u8],
    pub(crate) directory: BorrowedFd<'a>,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) faults: &'a mut Faults,
    /// Whether the attributes `user.oomd_*` count. Any user may set them on a cgroup of their own; they count
    /// on a cgroup that root owns, or the owner of the daemon's whole domain (systemd.resource-control(5)).
    pub(crate) honours_xattrs: bool,
}

impl MemcgFiles<'_> {
    /// Reads all of them.
    pub(crate) fn row(&mut self, version: Version) -> MemcgRow {
        match version {
            Version::V1 => self.v1(),
            Version::V2 => self.v2(),
        }
    }

    /// The root has only some of these files; a cgroup for which the memory controller is off has none.
    fn v2(&mut self) -> MemcgRow {
        let current = self.bytes(c"memory.current");
        if current == UNKNOWN_U64 && self.memcg != b"/" {
            return MemcgRow { flags: self.preference(), ..UNKNOWN };
        }
        let events = self.read(c"memory.events", |text| Ok((entry(text, b"max"), entry(text, b"oom_kill"))));
        let (max_events, oom_kills) = events.unwrap_or_default();
        let pressure = self.read(c"memory.pressure", pressure);
        MemcgRow {
            current_bytes: current,
            min_bytes: self.bytes(c"memory.min"),
            low_bytes: self.bytes(c"memory.low"),
            high_bytes: self.bytes(c"memory.high"),
            max_bytes: self.bytes(c"memory.max"),
            swap_bytes: self.bytes(c"memory.swap.current"),
            stat: self.stat(Version::V2),
            pressure_some_avg10: pressure.map_or(NONE_U32, |pressure| pressure.some_avg10),
            pressure_full_avg10: pressure.map_or(NONE_U32, |pressure| pressure.full_avg10),
            max_events: max_events.unwrap_or(UNKNOWN_U64),
            oom_kills: oom_kills.unwrap_or(UNKNOWN_U64),
            flags: self.flags(),
        }
    }

    /// A bit that cannot be read is not set.
    fn flags(&mut self) -> u32 {
        let is_group =
            self.read(c"memory.oom.group", |text| boolean(text).ok_or(Malformed("neither 0 nor 1")));
        let group = if is_group == Some(true) { OOM_GROUP } else { 0 };
        group | self.preference()
    }

    /// `ManagedOOMPreference=` of the unit, which systemd writes as extended attributes. Read at every scan:
    /// both together cost a quarter of one file.
    fn preference(&mut self) -> u32 {
        if !self.honours_xattrs || self.memcg == b"/" {
            return 0;
        }
        let names = [(OOMD_AVOID, c"user.oomd_avoid"), (OOMD_OMIT, c"user.oomd_omit")];
        names.into_iter().filter(|(_, name)| self.is_set(name)).fold(0, |sum, (bit, _)| sum | bit)
    }

    fn is_set(&mut self, attribute: &CStr) -> bool {
        // The longest word for yes has 4 bytes.
        let mut value = [0; 8];
        match call(|| fgetxattr(self.directory, attribute, &mut value)) {
            Ok(length) => is_yes(value.get(..length).unwrap_or_default()),
            // Absent, of another length, or a kernel before 5.7.
            Err(Errno::NODATA | Errno::RANGE | Errno::OPNOTSUPP) => false,
            Err(errno) => {
                self.fault(attribute, errno);
                false
            }
        }
    }

    /// v1 has no protection, no throttling and no PSI.
    fn v1(&mut self) -> MemcgRow {
        let current = self.bytes(c"memory.usage_in_bytes");
        let with_swap = self.bytes(c"memory.memsw.usage_in_bytes");
        let swap = known_u64(with_swap)
            .zip(known_u64(current))
            .map(|(with_swap, current)| with_swap.saturating_sub(current));
        let oom_kills = self.read(c"memory.oom_control", |text| Ok(entry(text, b"oom_kill")));
        MemcgRow {
            current_bytes: current,
            max_bytes: self.bytes(c"memory.limit_in_bytes"),
            swap_bytes: swap.unwrap_or(UNKNOWN_U64),
            stat: self.stat(Version::V1),
            max_events: self.bytes(c"memory.failcnt"),
            oom_kills: oom_kills.flatten().unwrap_or(UNKNOWN_U64),
            ..UNKNOWN
        }
    }

    fn bytes(&mut self, file: &CStr) -> u64 {
        let value = self.read(file, |text| limit(text).ok_or(Malformed("not a number of bytes")));
        value.unwrap_or(UNKNOWN_U64)
    }

    fn stat(&mut self, version: Version) -> MemcgStat {
        self.read(c"memory.stat", |text| Ok(memcg_stat(text, version))).unwrap_or(MemcgStat::NONE)
    }

    /// An absent file is no fault: v1 and v2, kernel releases and the root cgroup have different files.
    fn read<T>(&mut self, file: &CStr, parse: impl FnOnce(&[u8]) -> Result<T, Malformed>) -> Option<T> {
        let parts = [self.memcg, file.to_bytes()];
        match self.buffer.read_file(self.directory, file).map(parse) {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(what)) => self.faults.add(self.mount, &parts, &what),
            Err(errno) if errno == Errno::OPNOTSUPP => {}
            Err(errno) => self.fault(file, errno),
        }
        None
    }

    /// A file of a memcg that has been removed is no fault.
    fn fault(&mut self, file: &CStr, errno: Errno) {
        if !is_gone(errno) {
            let what = format_args!("cannot be read: {errno}");
            self.faults.add(self.mount, &[self.memcg, file.to_bytes()], &what);
        }
    }
}

/// The columns of the table that are read from files, and the paths, emptied.
#[derive(Debug)]
pub(crate) struct MemcgFill<'a> {
    current_bytes: &'a mut Vec<u64>,
    min_bytes: &'a mut Vec<u64>,
    low_bytes: &'a mut Vec<u64>,
    high_bytes: &'a mut Vec<u64>,
    max_bytes: &'a mut Vec<u64>,
    swap_bytes: &'a mut Vec<u64>,
    anon_bytes: &'a mut Vec<u64>,
    file_bytes: &'a mut Vec<u64>,
    shmem_bytes: &'a mut Vec<u64>,
    reclaimable_bytes: &'a mut Vec<u64>,
    refaults_anon: &'a mut Vec<u64>,
    refaults_file: &'a mut Vec<u64>,
    refaults_per_s: &'a mut Vec<u64>,
    growth_bytes_per_s: &'a mut Vec<i64>,
    growth_1h_bytes_per_s: &'a mut Vec<i64>,
    pressures_some_avg10: &'a mut Vec<u32>,
    pressures_full_avg10: &'a mut Vec<u32>,
    max_events: &'a mut Vec<u64>,
    oom_kills: &'a mut Vec<u64>,
    flags: &'a mut Vec<u32>,
    paths: TextFill<'a>,
}

impl<'a> MemcgFill<'a> {
    pub(crate) fn of(table: &'a mut Memcgs) -> Self {
        Self {
            current_bytes: refill(&mut table.current_bytes),
            min_bytes: refill(&mut table.min_bytes),
            low_bytes: refill(&mut table.low_bytes),
            high_bytes: refill(&mut table.high_bytes),
            max_bytes: refill(&mut table.max_bytes),
            swap_bytes: refill(&mut table.swap_bytes),
            anon_bytes: refill(&mut table.anon_bytes),
            file_bytes: refill(&mut table.file_bytes),
            shmem_bytes: refill(&mut table.shmem_bytes),
            reclaimable_bytes: refill(&mut table.reclaimable_bytes),
            refaults_anon: refill(&mut table.refaults_anon),
            refaults_file: refill(&mut table.refaults_file),
            refaults_per_s: refill(&mut table.refaults_per_s),
            growth_bytes_per_s: refill(&mut table.growth_bytes_per_s),
            growth_1h_bytes_per_s: refill(&mut table.growth_1h_bytes_per_s),
            pressures_some_avg10: refill(&mut table.pressures_some_avg10),
            pressures_full_avg10: refill(&mut table.pressures_full_avg10),
            max_events: refill(&mut table.max_events),
            oom_kills: refill(&mut table.oom_kills),
            flags: refill(&mut table.flags),
            paths: table.paths.refill(),
        }
    }

    /// How many rows there are so far.
    pub(crate) fn len(&self) -> usize {
        self.current_bytes.len()
    }

    pub(crate) fn push(&mut self, path: &[u8], row: &MemcgRow, rates: Rates) {
        let or_unknown = |bytes: Option<u64>| bytes.unwrap_or(UNKNOWN_U64);
        self.current_bytes.push(row.current_bytes);
        self.min_bytes.push(row.min_bytes);
        self.low_bytes.push(row.low_bytes);
        self.high_bytes.push(row.high_bytes);
        self.max_bytes.push(row.max_bytes);
        self.swap_bytes.push(row.swap_bytes);
        self.anon_bytes.push(or_unknown(row.stat.anon));
        self.file_bytes.push(or_unknown(row.stat.file));
        self.shmem_bytes.push(or_unknown(row.stat.shmem));
        self.reclaimable_bytes.push(or_unknown(row.stat.reclaimable_bytes()));
        self.refaults_anon.push(or_unknown(row.stat.refault_anon));
        self.refaults_file.push(or_unknown(row.stat.refault_file));
        self.refaults_per_s.push(rates.refaults_per_s);
        self.growth_bytes_per_s.push(rates.growth_bytes_per_s);
        self.growth_1h_bytes_per_s.push(rates.growth_1h_bytes_per_s);
        self.pressures_some_avg10.push(row.pressure_some_avg10);
        self.pressures_full_avg10.push(row.pressure_full_avg10);
        self.max_events.push(row.max_events);
        self.oom_kills.push(row.oom_kills);
        self.flags.push(row.flags);
        self.paths.push(path);
    }
}
