//! A text as a QR code, drawn as one path of SVG.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

use super::SheetError;

/// White modules around the code, which readers need.
const QUIET: i32 = 4;

/// Returns the code of a text.
pub(super) fn svg(text: &str) -> Result<String, SheetError> {
    // A quarter of it may be scratched away: labels travel.
    let code = QrCode::encode_text(text, QrCodeEcc::Quartile).map_err(|_| SheetError::Qr)?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|x| code.get_module(*x, y)) {
            let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    let side = size + 2 * QUIET;
    Ok(format!(
        "<svg viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"QR code\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\"/></svg>"
    ))
}
