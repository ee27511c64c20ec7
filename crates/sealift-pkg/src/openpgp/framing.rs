//! Takes signed files apart: one cleartext message, or the packets of a signature.
//!
//! Strict on purpose. What a lenient reader skips (text around the message, a second message, unescaped dashes, odd
//! headers) is where unsigned bytes have been passed off as signed. It decides on form only, never on a signature.

use std::io::Read as _;

use pgp::armor::{BlockType, Dearmor};
use pgp::packet::{Packet, PacketParser, Signature};

use super::{SIGNED_LIMIT, SignatureRefusal};

const MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";
/// Most signatures on one file; Debian's have three.
const MOST_SIGNATURES: usize = 32;
/// Largest signature block that is read.
const SIGNATURE_LIMIT: usize = 1 << 20;

/// The parts of a cleartext-signed message.
pub(super) struct Cleartext<'a> {
    /// The text, lines ended by line feeds.
    pub text: String,
    /// The text as it was hashed, lines joined by CR and LF.
    pub hashed: String,
    /// The armored signature block.
    pub signature: &'a str,
}

/// Takes a cleartext-signed message apart.
pub(super) fn cleartext(bytes: &[u8]) -> Result<Cleartext<'_>, SignatureRefusal> {
    let malformed = SignatureRefusal::Malformed;
    if bytes.len() > SIGNED_LIMIT {
        return Err(malformed("larger than 64 MiB"));
    }
    let whole = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))?.trim_matches(['\n', '\r', ' ', '\t']);
    check_characters(whole)?;
    let rest = whole.strip_prefix(MESSAGE).ok_or(malformed("does not begin with a signed message"))?;
    let rest = line_end(rest).ok_or(malformed("its first line goes on after the header"))?;
    let body = skip_headers(rest)?;
    // Only at the beginning of a line: a dash-escaped one inside the text is text.
    let at = if body.starts_with(SIGNATURE) { Some(0) } else { body.find("\n-----BEGIN").map(|at| at + 1) };
    let (signed, signature) = at.and_then(|at| body.split_at_checked(at)).ok_or(malformed("it has no signature"))?;
    if !signature.starts_with(SIGNATURE) {
        return Err(malformed("it holds more than one message"));
    }
    if signature.matches("-----BEGIN").count() != 1 || signature.matches("-----END").count() != 1 {
        return Err(malformed("it holds more than one message"));
    }
    if !signature.ends_with(END) {
        return Err(malformed("something follows the signature"));
    }
    // The line end before the signature belongs to the frame.
    let signed = signed.strip_suffix('\n').unwrap_or(signed);
    let lines = signed.split('\n').map(unescape).collect::<Result<Vec<_>, _>>()?;
    Ok(Cleartext { text: lines.join("\n") + "\n", hashed: lines.join("\r\n"), signature })
}

/// Control characters have no place in a Release file; readers disagree on which of them end a line.
fn check_characters(text: &str) -> Result<(), SignatureRefusal> {
    let bytes = text.as_bytes();
    let stray = bytes.iter().enumerate().any(|(at, b)| match b {
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        b'\n' | b'\t' => false,
        b => b.is_ascii_control(),
    });
    if stray { Err(SignatureRefusal::Malformed("it holds control characters")) } else { Ok(()) }
}

fn line_end(text: &str) -> Option<&str> {
    text.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n')
}

/// Returns what follows the headers and the empty line after them. Only `Hash:` may stand there, and it decides nothing.
fn skip_headers(mut rest: &str) -> Result<&str, SignatureRefusal> {
    loop {
        let (line, after) = rest.split_once('\n').ok_or(SignatureRefusal::Malformed("it has no text"))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Ok(after);
        }
        let names =
            line.strip_prefix("Hash: ").ok_or(SignatureRefusal::Malformed("it has a header other than Hash"))?;
        if !names.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b',' | b' ')) {
            return Err(SignatureRefusal::Malformed("its Hash header is not a list of digests"));
        }
        rest = after;
    }
}

/// Undoes dash escaping and drops white space at the line's end, which no signature covers.
fn unescape(line: &str) -> Result<&str, SignatureRefusal> {
    let line = match line.strip_prefix("- ") {
        Some(line) => line,
        None if line.starts_with('-') => {
            return Err(SignatureRefusal::Malformed("a line begins with an unescaped dash"));
        }
        None => line,
    };
    Ok(line.trim_end_matches([' ', '\t', '\r']))
}

/// Reads the signatures of a signature file or block, armored or binary.
pub(super) fn signatures(bytes: &[u8]) -> Result<Vec<Signature>, SignatureRefusal> {
    let malformed = SignatureRefusal::Malformed;
    if bytes.len() > SIGNATURE_LIMIT {
        return Err(malformed("its signature is larger than 1 MiB"));
    }
    let binary = if bytes.trim_ascii_start().starts_with(b"-") { dearmor(bytes)? } else { bytes.to_vec() };
    let mut signatures = Vec::new();
    for packet in PacketParser::new(binary.as_slice()) {
        match packet {
            Ok(Packet::Signature(signature)) if signatures.len() < MOST_SIGNATURES => signatures.push(signature),
            Ok(Packet::Signature(_)) => return Err(malformed("it has too many signatures")),
            _ => return Err(malformed("its signature block holds something else")),
        }
    }
    if signatures.is_empty() { Err(malformed("it has no signature")) } else { Ok(signatures) }
}

fn dearmor(bytes: &[u8]) -> Result<Vec<u8>, SignatureRefusal> {
    let malformed = SignatureRefusal::Malformed;
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("its signature is not armored text"))?.trim();
    let framed = text.starts_with(SIGNATURE) && text.ends_with(END);
    if !framed || text.matches("-----BEGIN").count() != 1 {
        return Err(malformed("its signature is not one armored block"));
    }
    let mut dearmor = Dearmor::new(text.as_bytes());
    let mut binary = Vec::new();
    dearmor.read_to_end(&mut binary).map_err(|_| malformed("its armor is damaged"))?;
    if dearmor.typ != Some(BlockType::Signature) {
        return Err(malformed("its signature is not one armored block"));
    }
    Ok(binary)
}
