use sealift_model::Silent;

use super::*;

/// A probe whose writes are done, on a directory of the test's own.
fn written(depth: Depth, room: u64) -> (tempfile::TempDir, Probe<'static>, bool) {
    let dir = tempfile::tempdir().unwrap();
    let mut probe =
        Probe { dir: dir.path().to_owned(), free: room, run: 42, progress: &Silent, areas: Vec::new(), at: 0 };
    let spread = match depth {
        Depth::Quick => probe.write_spread(room).unwrap(),
        Depth::Full => probe.write_all(room).unwrap(),
    };
    sync_filesystem(&probe.dir).unwrap();
    (dir, probe, spread)
}

#[test]
fn a_medium_that_keeps_everything_passes() {
    for depth in [Depth::Quick, Depth::Full] {
        let (_dir, probe, _) = written(depth, 32 << 20);
        let (bytes, _) = probe.read_back().unwrap();
        assert_eq!(bytes, probe.areas.iter().map(|area| area.len).sum::<u64>());
    }
}

/// Puts every written block where a medium that really has `real` bytes puts it, later ones over earlier ones.
fn wrap(probe: &Probe<'_>, real: u64) {
    let mut disk = std::collections::BTreeMap::new();
    let blocks = |area: &Area| (0..area.len / BLOCK as u64).map(|n| area.at + n * BLOCK as u64).collect::<Vec<_>>();
    for at in probe.areas.iter().flat_map(blocks) {
        disk.insert(at % real, at);
    }
    for area in &probe.areas {
        let bytes = blocks(area).into_iter().flat_map(|at| Label { run: probe.run, at: disk[&(at % real)] }.block());
        std::fs::write(&area.path, bytes.collect::<Vec<u8>>()).unwrap();
    }
    sync_filesystem(&probe.dir).unwrap();
}

#[test]
fn refuses_a_medium_that_wraps_whatever_its_real_size() {
    for depth in [Depth::Quick, Depth::Full] {
        for real in [3 << 20, (5 << 20) + 12 * 4096, 12_345_678] {
            let real = real / 4096 * 4096;
            let (_dir, probe, spread) = written(depth, 20 << 20);
            if depth == Depth::Quick && !spread {
                return;
            }
            wrap(&probe, real);
            match probe.read_back().unwrap_err() {
                ProbeError::Wraps { kept, .. } => assert_eq!(kept % real, 0, "{depth:?} {real}"),
                other => panic!("{depth:?} {real}: {other}"),
            }
        }
    }
}

#[test]
fn refuses_a_medium_that_drops_what_lies_beyond_its_end() {
    let (_dir, probe, _) = written(Depth::Full, 8 << 20);
    let area = &probe.areas[0];
    let mut bytes = std::fs::read(&area.path).unwrap();
    bytes[3 << 20..].fill(0);
    std::fs::write(&area.path, bytes).unwrap();
    sync_filesystem(&probe.dir).unwrap();
    let error = probe.read_back().unwrap_err();
    assert!(matches!(error, ProbeError::Loses { at: 3_145_728, found: "zeros", .. }), "{error}");
}

#[test]
fn a_place_without_room_is_not_probed() {
    let dir = tempfile::tempdir().unwrap();
    let error = probe(&dir.path().join("missing"), Depth::Quick, 1, &Silent).unwrap_err();
    assert!(matches!(error, ProbeError::Fs(_)), "{error}");
}
