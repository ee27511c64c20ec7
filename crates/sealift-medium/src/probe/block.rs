//! Blocks that name their place, so that one that is found elsewhere tells where it should be.

/// Bytes of a block: what every disk writes whole.
pub(super) const BLOCK: usize = 4096;
const MAGIC: &[u8; 8] = b"SEALIFT\x01";
const WORDS: usize = BLOCK / 8;

/// Which block of which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) run: u64,
    /// Bytes into the free room.
    pub(super) at: u64,
}

impl Label {
    /// Returns the block: its label, then numbers that no device compresses or deduplicates.
    pub(super) fn block(self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut state = self.run ^ self.at.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for (number, word) in block.chunks_exact_mut(8).enumerate().take(WORDS) {
            let bytes = match number {
                0 => *MAGIC,
                1 => self.run.to_le_bytes(),
                2 => self.at.to_le_bytes(),
                _ => {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()
                }
            };
            word.copy_from_slice(&bytes);
        }
        block
    }

    /// Reads the label of a block that is whole.
    fn of(block: &[u8]) -> Option<Self> {
        let word = |number: usize| block.get(number * 8..number * 8 + 8)?.try_into().ok().map(u64::from_le_bytes);
        let label = Self { run: word(1)?, at: word(2)? };
        (block == label.block()).then_some(label)
    }
}

/// What lies where a block should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Another block of this run: the one that belongs this many bytes into the free room.
    Block(u64),
    /// Nothing.
    Zeros,
    /// Nothing that was written now.
    Other,
    /// The file ends before.
    Missing,
}

impl Found {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Block(_) => "an earlier block",
            Self::Zeros => "zeros",
            Self::Other => "other bytes",
            Self::Missing => "nothing",
        }
    }
}

/// Compares a stream of blocks with what should be there.
pub(super) struct Check {
    run: u64,
    at: u64,
    start: u64,
    rest: Vec<u8>,
    verdict: Verdict,
}

/// What a comparison showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The first difference, and where it is.
    pub(super) first: Option<(u64, Found)>,
    /// The shortest way from a block's place to where it was found, of blocks that were found before their place.
    pub(super) nearest: Option<u64>,
}

impl Verdict {
    /// Joins the verdicts on two files, this one being the earlier.
    pub(super) fn and(self, later: Self) -> Self {
        let nearest = [self.nearest, later.nearest].into_iter().flatten().min();
        Self { first: self.first.or(later.first), nearest }
    }

    fn note(&mut self, at: u64, found: Found) {
        let way = match found {
            Found::Block(from) => from.checked_sub(at).filter(|way| *way > 0),
            _ => None,
        };
        *self = self.and(Self { first: Some((at, found)), nearest: way });
    }
}

impl Check {
    pub(super) fn new(run: u64, at: u64) -> Self {
        Self { run, at, start: at, rest: Vec::new(), verdict: Verdict::default() }
    }

    pub(super) fn feed(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        let whole = self.rest.len() / BLOCK * BLOCK;
        let rest = self.rest.split_off(whole);
        for block in std::mem::replace(&mut self.rest, rest).chunks_exact(BLOCK) {
            let expected = Label { run: self.run, at: self.at };
            if block != expected.block() {
                let found = match Label::of(block) {
                    Some(label) if label.run == self.run => Found::Block(label.at),
                    _ if block.iter().all(|byte| *byte == 0) => Found::Zeros,
                    _ => Found::Other,
                };
                self.verdict.note(self.at, found);
            }
            self.at = self.at.saturating_add(BLOCK as u64);
        }
    }

    /// Returns what differs; that the file is shorter than `len` counts.
    pub(super) fn finish(mut self, len: u64) -> Verdict {
        if self.at.saturating_sub(self.start) < len {
            self.verdict.note(self.at, Found::Missing);
        }
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_tells_where_it_belongs_and_a_changed_one_does_not() {
        let label = Label { run: 7, at: 1 << 40 };
        let mut block = label.block();
        assert_eq!(Label::of(&block), Some(label));
        block[4000] ^= 1;
        assert_eq!(Label::of(&block), None);
    }

    #[test]
    fn what_lies_in_a_blocks_place_is_recognised() {
        let block = |run, at| Label { run, at }.block().to_vec();
        let at = |number: u64| number * BLOCK as u64;
        let verdict = |blocks: &[Vec<u8>], len| {
            let mut check = Check::new(7, at(3));
            for piece in blocks.concat().chunks(1000) {
                check.feed(piece);
            }
            check.finish(at(len))
        };
        assert_eq!(verdict(&[block(7, at(3)), block(7, at(4))], 2), Verdict::default());
        for (found, second) in
            [(Found::Zeros, vec![0; BLOCK]), (Found::Other, block(6, at(4))), (Found::Other, vec![1; BLOCK])]
        {
            let bad = verdict(&[block(7, at(3)), second], 2);
            assert_eq!(bad, Verdict { first: Some((at(4), found)), nearest: None });
        }
        assert_eq!(verdict(&[block(7, at(3))], 2).first, Some((at(4), Found::Missing)));
        let wrapped = verdict(&[block(7, at(13)), block(7, at(9)), block(7, at(15))], 3);
        assert_eq!(wrapped, Verdict { first: Some((at(3), Found::Block(at(13)))), nearest: Some(at(5)) });
    }
}
