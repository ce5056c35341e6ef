//! Chance that can be had again.

/// How many inputs a test of arbitrary ones tries: so many, unless `JETTISON_INPUTS` says otherwise, as
/// `cargo xtask soak` does.
///
/// # Panics
/// If it is no number.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a longer run is asked for in the environment")]
pub fn inputs(usual: usize) -> usize {
    std::env::var("JETTISON_INPUTS").map_or(usual, |text| text.parse().expect("a whole number"))
}

/// Tries changed texts, the same ones each time. Returns how many of them were taken.
///
/// # Panics
/// If none was, or all: then the changes prove nothing.
pub fn changed_texts(usual: usize, texts: &[&str], take: impl Fn(&str) -> bool) -> usize {
    let mut random = Random::new(0x6a65_7474);
    let tries = inputs(usual);
    let mut is_taken = |number: usize| {
        let changed = random.changed(texts[number % texts.len()].as_bytes());
        take(&String::from_utf8_lossy(&changed))
    };
    let taken = (0..tries).filter(|&number| is_taken(number)).count();
    assert!(taken > 0 && taken < tries, "{taken} of {tries} changed texts are taken");
    taken
}

/// Numbers that look random (splitmix64), the same for each seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A test that fails prints the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    /// A number below the bound; 0 if that is 0.
    #[expect(clippy::cast_possible_truncation, reason = "what is below a usize is one")]
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound.max(1) as u64) as usize
    }

    /// These bytes with some of them changed, and at times with the end cut off or something added.
    #[must_use]
    pub fn changed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let index = self.below(bytes.len());
            // Small numbers and all ones are what counts and addresses are made of.
            let values = [0, 1, 2, 3, 0x10, 0x7f, 0x80, 0xff, self.byte()];
            let value = values[self.below(values.len())];
            if let Some(byte) = bytes.get_mut(index) {
                *byte = value;
            }
        }
        match self.below(8) {
            0 => bytes.truncate(self.below(bytes.len())),
            1 => bytes.extend(self.number().to_le_bytes()),
            _ => {}
        }
        bytes
    }
}
