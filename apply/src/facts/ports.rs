//! The kernel's socket tables (/proc/net/tcp and its siblings): who waits for peers.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{FactsError, Sections, cut};
use crate::state::Port;

const TCP_LISTEN: &str = "0A";
const UDP_OPEN: &str = "07";

/// Reads all four tables, sorted, each socket once.
pub fn parse(sections: &Sections<'_>) -> Result<Vec<Port>, FactsError> {
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let lines = sections.get(table).map(Vec::as_slice).unwrap_or_default();
        // The first line is the heading.
        for line in lines.iter().skip(1).filter(|line| !line.trim().is_empty()) {
            let error = || FactsError::Line { section: table, line: cut(line), expected: "a line of /proc/net" };
            let (port, waits) = socket(line, table).ok_or_else(error)?;
            ports.extend(waits.then_some(port));
        }
    }
    ports.sort();
    ports.dedup();
    Ok(ports)
}

/// Returns the socket's own end and whether it waits for peers.
fn socket(line: &str, table: &str) -> Option<(Port, bool)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    let (address, port) = local.split_once(':')?;
    let (_, remote_port) = remote.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = address_of(address)?;
    let waits = if table.starts_with("tcp") { state == TCP_LISTEN } else { state == UDP_OPEN && remote_port == "0000" };
    Some((Port { address, port, protocol: table.to_owned() }, waits))
}

/// NOTE: the kernel prints the words of an address in its own byte order; all architectures we know hosts of are
/// little-endian (s390x would show its addresses reversed).
fn address_of(hex: &str) -> Option<String> {
    let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok().map(u32::swap_bytes);
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).to_string()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bits = words.into_iter().fold(0_u128, |all, next| (all << 32) | u128::from(next));
            Some(Ipv6Addr::from(bits).to_string())
        }
        _ => None,
    }
}
