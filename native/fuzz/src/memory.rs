//! How much memory a reader takes.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What `work` gives. Panics when it takes more than `cap` bytes at any moment; other threads count too.
pub fn within<T>(cap: usize, work: impl FnOnce() -> T) -> T {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let result = work();
    let taken = ALLOCATED.peak_usage().saturating_sub(before);
    assert!(taken <= cap, "{taken} bytes taken, {cap} allowed");
    result
}
