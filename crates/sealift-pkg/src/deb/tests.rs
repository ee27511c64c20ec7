use std::io::Write as _;

use super::*;

fn header(name: &[u8], size: u64, kind: u8) -> [u8; 512] {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name);
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar  \0");
    seal(&mut block);
    block
}

fn seal(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().div_ceil(512) * 512, 0);
    bytes
}

fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    [header(name.as_bytes(), content.len() as u64, kind).to_vec(), padded(content)].concat()
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn member(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).into_bytes();
    out.extend(bytes);
    if bytes.len() % 2 == 1 {
        out.push(b'\n');
    }
    out
}

fn ar(members: &[Vec<u8>]) -> Vec<u8> {
    [b"!<arch>\n".to_vec(), members.concat()].concat()
}

fn deb_of(data: &[u8]) -> Vec<u8> {
    let control = tar(&[entry("./control", b'0', b"Package: a\n")]);
    ar(&[member("debian-binary", b"2.0\n"), member("control.tar.xz", &xz(&control)), member("data.tar.xz", &xz(data))])
}

type Seen = (DebSummary, Vec<(String, Vec<u8>)>);

fn read_with(bytes: &[u8], limits: &DebLimits) -> Result<Seen, DebError> {
    let mut files = Vec::new();
    let summary = read_deb(bytes, limits, &mut |inside, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        files.push((inside.name(), bytes));
        Ok(())
    })?;
    Ok((summary, files))
}

fn read(bytes: &[u8]) -> Result<Seen, DebError> {
    read_with(bytes, &DebLimits::default())
}

fn refused(data: &[u8], why: &str) {
    let error = read(&deb_of(data)).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn hands_over_every_file_with_its_path_and_counts_the_rest() {
    let long = format!("./usr/share/{}/x", "d".repeat(150));
    let data = tar(&[
        entry("./", b'5', b""),
        entry("./usr/bin/a", b'0', b"\x7fELF"),
        entry("./usr/bin/b", b'2', b""),
        entry("././@LongLink", b'L', format!("{long}\0").as_bytes()),
        entry("./usr/share/dd", b'0', &[7; 1000]),
    ]);
    let (summary, files) = read(&deb_of(&data)).unwrap();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let long = format!("data.tar/{}", &long[2..]);
    assert_eq!(names, ["control.tar/control", "data.tar/usr/bin/a", &long]);
    assert_eq!(files[2].1, [7; 1000]);
    assert_eq!(summary, DebSummary { files: 3, bytes: 11 + 4 + 1000, others: 2 });
}

#[test]
fn reads_every_packing_dpkg_writes_today() {
    let data = tar(&[entry("./a", b'0', b"content")]);
    let gz = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&data).unwrap();
        encoder.finish().unwrap()
    };
    let zst = zstd::encode_all(&data[..], 1).unwrap();
    let forms = [("data.tar", data.clone()), ("data.tar.gz", gz), ("data.tar.xz", xz(&data)), ("data.tar.zst", zst)];
    for (name, packed) in forms {
        let bytes = ar(&[member("debian-binary", b"2.0\n"), member("control.tar", &tar(&[])), member(name, &packed)]);
        assert_eq!(read(&bytes).unwrap().1, [("data.tar/a".to_owned(), b"content".to_vec())], "{name}");
    }
    let old =
        ar(&[member("debian-binary", b"2.0\n"), member("control.tar", &tar(&[])), member("data.tar.bz2", b"BZh")]);
    assert!(matches!(read(&old), Err(DebError::Packing(_))));
}

#[test]
fn members_that_dpkg_passes_over_are_looked_at() {
    let parts = [member("debian-binary", b"2.0\n"), member("_gpgorigin", b"sig"), member("control.tar/", &tar(&[]))];
    let bytes = ar(&[parts.concat(), member("data.tar", &tar(&[])), member("extra", b"planted")]);
    let names: Vec<String> = read(&bytes).unwrap().1.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["_gpgorigin", "extra"]);
}

#[test]
fn refuses_packages_whose_members_are_not_in_their_place() {
    let (version, control) = (member("debian-binary", b"2.0\n"), member("control.tar", &tar(&[])));
    let data = member("data.tar", &tar(&[]));
    for members in [
        vec![control.clone(), version.clone(), data.clone()],
        vec![version.clone(), data.clone(), control.clone()],
        vec![version.clone(), control.clone(), data.clone(), data.clone()],
        vec![version.clone(), control.clone(), member("other", b"x"), data.clone()],
        vec![member("debian-binary", b"3.0\n"), control.clone(), data.clone()],
        vec![version, control],
        vec![],
    ] {
        assert!(matches!(read(&ar(&members)), Err(DebError::Form(_))));
    }
    assert!(matches!(read(b"!<arch>"), Err(DebError::Form(_))));
}

#[test]
fn refuses_archives_that_two_readers_read_differently() {
    let file = entry("./a", b'0', b"x");
    refused(&[tar(std::slice::from_ref(&file)), entry("./hidden", b'0', b"x")].concat(), "behind the end");
    refused(&tar(&[entry("./a/", b'0', &[b'x'; 512])]), "directory by its name");
    refused(&tar(&[entry("./a", b'2', &[b'x'; 512])]), "has content but is no file");
    for kind in [b'x', b'g', b'S', b'V', b'Z'] {
        refused(&tar(&[entry("./a", kind, b"")]), "does not unpack");
    }
    refused(&tar(&[entry("", b'0', b"x")]), "no name");
    refused(&file, "no end");
    let mut broken = entry("./a", b'0', b"x");
    broken[0] ^= 1;
    refused(&tar(&[broken]), "damaged");
}

#[test]
fn refuses_sizes_that_no_file_can_have() {
    for field in [[0xff_u8; 12], *b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", *b"00000000009\0", *b"-0000000001\0"] {
        let mut block = header(b"./a", 0, b'0');
        block[124..136].copy_from_slice(&field);
        seal(&mut block);
        refused(&[block.to_vec(), vec![0; 1024]].concat(), "damaged");
    }
    let promised = header(b"./a", 1 << 30, b'0');
    refused(&promised, "cannot be read");
    refused(&tar(&[header(b"././@LongLink", 1 << 20, b'L').to_vec()]), "impossible length");
}

#[test]
fn refuses_more_than_its_limits() {
    let data = tar(&[entry("./a", b'0', &[0; 4096]), entry("./b", b'0', b"x")]);
    let deb = deb_of(&data);
    let limits = DebLimits::default();
    for tight in
        [DebLimits { members: 2, ..limits }, DebLimits { entries: 2, ..limits }, DebLimits { unpacked: 6000, ..limits }]
    {
        assert!(matches!(read_with(&deb, &tight), Err(DebError::TooMuch(_))), "{tight:?}");
    }
}

#[test]
fn refuses_a_small_package_that_fills_a_disk() {
    let size = 2 << 20;
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(&header(b"./zeros", size, b'0')).unwrap();
    io::copy(&mut io::repeat(0).take(size + 1024), &mut encoder).unwrap();
    let data = member("data.tar.xz", &encoder.finish().unwrap());
    let deb = ar(&[member("debian-binary", b"2.0\n"), member("control.tar", &tar(&[])), data]);
    let tight = DebLimits { ratio: 100, free: 1 << 20, ..DebLimits::default() };
    let outcome = read_deb(&deb[..], &tight, &mut |_, content| io::copy(content, &mut io::sink()).map(drop));
    assert!(matches!(outcome, Err(DebError::TooMuch(_))), "{outcome:?}");
}

#[test]
fn every_cut_is_noticed() {
    let deb = deb_of(&tar(&[entry("./a", b'0', b"content")]));
    for len in 0..deb.len() {
        // Only the byte that fills the last member up may be gone.
        if len < deb.len() - 1 {
            assert!(read(&deb[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn changed_packages_are_read_within_the_limits_or_refused() {
    let data =
        tar(&[entry("./a", b'0', b"content"), entry("././@LongLink", b'L', b"./long\0"), entry("./b", b'0', b"x")]);
    let sound = ar(&[member("debian-binary", b"2.0\n"), member("control.tar", &tar(&[])), member("data.tar", &data)]);
    let limits = DebLimits { members: 8, entries: 100, unpacked: 1 << 20, ratio: 10, free: 1 << 20 };
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for _ in 0..5000 {
        let mut bytes = sound.clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            bytes[at] = [0, b'0', b'9', b' ', 0x80, 0xff, b'7', b'L'][next(8)];
        }
        // A checksum made right lets a change of a header through to what comes behind it.
        let headers: Vec<usize> = (0..bytes.len() - 512).filter(|at| bytes[at + 257..].starts_with(b"ustar")).collect();
        for at in headers {
            let mut block = [0; 512];
            block.copy_from_slice(&bytes[at..at + 512]);
            seal(&mut block);
            bytes[at..at + 512].copy_from_slice(&block);
        }
        if let Ok((summary, files)) = read_with(&bytes, &limits) {
            assert_eq!(summary.bytes, files.iter().map(|(_, content)| content.len() as u64).sum::<u64>());
            assert!(summary.bytes <= bytes.len() as u64 && summary.files == files.len() as u64);
        }
    }
}

#[test]
fn dpkg_and_this_reader_see_the_same_files() {
    let dir = std::env::temp_dir().join(format!("sealift-deb-{}", std::process::id()));
    let root = dir.join("root");
    std::fs::create_dir_all(root.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(root.join("opt")).unwrap();
    let control = "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n";
    std::fs::write(root.join("DEBIAN/control"), control).unwrap();
    std::fs::write(root.join("opt").join("x".repeat(180)), "content").unwrap();
    let mut build = std::process::Command::new("dpkg-deb");
    build.arg("--root-owner-group").arg("--build").arg(&root).arg(dir.join("a.deb"));
    match build.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let (summary, files) = read(&std::fs::read(dir.join("a.deb")).unwrap()).unwrap();
            assert_eq!(files.last().unwrap().0, format!("data.tar/opt/{}", "x".repeat(180)));
            assert_eq!(files.last().unwrap().1, b"content");
            assert_eq!(summary.files, files.len() as u64);
        }
        Err(error) => eprintln!("NOT CHECKED: dpkg-deb cannot be run here: {error}"),
    }
    std::fs::remove_dir_all(&dir).unwrap();
}
