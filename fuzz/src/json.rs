//! Strict JSON: whatever is read has one canonical form, and that form reads back as the same value.

use sealift_model::json;

/// Target `json`.
pub fn json(data: &[u8]) {
    let Ok(value) = json::parse(data) else { return };
    let canonical = json::canonical(&value).expect("what the strict reader takes has a canonical form");
    if canonical.iter().any(|byte| *byte < 0x20) {
        // Control characters stand as they are in the form that signatures cover, and are no JSON then.
        return;
    }
    let again = json::parse(&canonical).expect("the canonical form is JSON");
    assert_eq!(again, value, "the canonical form means something else");
    assert_eq!(json::canonical(&again).expect("read from canonical form"), canonical, "two canonical forms");
}
