//! How libraries tell what they are doing, without owning a terminal.

/// Receives phases and amounts from a running operation; implementations decide what to show.
pub trait Progress: Sync {
    /// Begins a phase, named in the present ("Fetching packages"), of `total` bytes where that is known.
    fn phase(&self, name: &str, total: Option<u64>);
    /// Adds `bytes` done in the current phase. May be called from several threads.
    fn advance(&self, bytes: u64);
    /// Ends the current phase with a sentence that stays on the screen.
    fn done(&self, sentence: &str);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _name: &str, _total: Option<u64>) {}
    fn advance(&self, _bytes: u64) {}
    fn done(&self, _sentence: &str) {}
}
