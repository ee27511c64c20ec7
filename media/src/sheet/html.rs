//! A page to print: everything that is not ours is escaped, nothing is loaded from anywhere.

use std::fmt::Write as _;

use sealift_model::escape::printable;

const STYLE: &str = "\
@page { size: A4; margin: 15mm }
* { box-sizing: border-box }
body { font: 10pt/1.35 sans-serif; color: #000; background: #fff; margin: 0; padding: 4mm }
h1 { font-size: 18pt; margin: 0 0 2mm; overflow-wrap: anywhere }
h2 { font-size: 11pt; margin: 6mm 0 1mm }
.marking { font-weight: bold; font-size: 12pt; text-align: center; border: 0.5mm solid #000; padding: 1mm; margin: 0;
  overflow-wrap: anywhere }
.row { display: flex; gap: 4mm; margin: 3mm 0 }
.facts { flex: 1; min-width: 0 }
.code svg { width: 34mm; height: 34mm; display: block }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: normal; color: #444; padding: 0 3mm 0.5mm 0; vertical-align: top; white-space: nowrap }
td { padding: 0 0 0.5mm; width: 99%; overflow-wrap: anywhere }
.digest { font-family: monospace; font-size: 9pt; margin: 1mm 0; overflow-wrap: anywhere }
.label { width: 100mm; border: 0.3mm solid #000; padding: 2mm }
.label .code svg { width: 26mm; height: 26mm }
.label table { font-size: 8pt }
.label .digest { font-size: 6pt; text-align: center; margin: 0 0 1mm }
.label h1 { font-size: 16pt }
.sheet { max-width: 180mm; margin: 0 auto }
.sheet .content td { font-family: monospace; font-size: 8.5pt }
.sheet > .marking:last-child { margin-top: 6mm }
.signatures { display: flex; gap: 10mm }
.signatures div { flex: 1 }
.line { border-top: 0.3mm solid #000; margin: 13mm 0 0; padding-top: 0.5mm; font-size: 8pt; color: #444 }
@media print { body { padding: 0 } }
";

/// Returns text as HTML shows it, in an element or between double quotes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Returns a whole page around a body that is HTML already.
pub(super) fn page(title: &str, body: &str) -> String {
    // The policy makes a mistake in escaping harmless: no script runs, nothing is fetched.
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style></head>\n<body>\n{body}</body></html>\n",
        escape(title)
    )
}

/// Returns names and values as a table.
pub(super) fn table(rows: &[(&str, String)]) -> String {
    let mut out = String::from("<table>\n");
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(name), escape(value));
    }
    out.push_str("</table>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_text_and_never_markup() {
        let hostile = "<script>alert(1)</script>\" onload='x' & \u{202e}";
        let shown = table(&[(hostile, hostile.to_owned())]);
        for bad in ["<script", "\" onload", "' x", "\u{202e}"] {
            assert!(!shown.contains(bad), "{bad} in {shown}");
        }
        assert!(shown.contains("&lt;script&gt;"), "{shown}");
    }
}
