use super::*;

fn stored(blob: &[u8]) -> Stored {
    Stored { encoding: Encoding::Zstd, sha256: Digest::of(blob), size: blob.len() as u64 }
}

fn read(blob: &[u8], size: u64) -> Result<Vec<u8>, BlobFault> {
    let mut out = Vec::new();
    let read = decode(stored(blob), size, blob).and_then(|mut content| content.read_to_end(&mut out));
    read.map(|_| out).map_err(|e| e.get_ref().and_then(|f| f.downcast_ref::<BlobFault>()).cloned().expect("a fault"))
}

/// A frame as another writer would make it.
fn frame(content: &[u8], configure: impl FnOnce(&mut zstd::Encoder<'_, Vec<u8>>)) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.set_pledged_src_size(Some(content.len() as u64)).unwrap();
    configure(&mut encoder);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn text() -> Vec<u8> {
    (0..60_000).flat_map(|n: u32| format!("Package: p{n}\n").into_bytes()).collect()
}

#[test]
fn what_is_written_reads_back_and_is_the_same_every_time() {
    for content in [Vec::new(), b"x".to_vec(), vec![7; 300], text()] {
        let size = content.len() as u64;
        let (mut one, mut two) = (Vec::new(), Vec::new());
        let stored = encode(&mut &content[..], size, &mut one).unwrap();
        encode(&mut &content[..], size, &mut two).unwrap();
        assert!(one == two);
        assert_eq!((stored.sha256, stored.size), (Digest::of(&one), one.len() as u64));
        assert_eq!(read(&one, size).unwrap(), content);
    }
    assert!(encode(&mut &b"abc"[..], 2, &mut Vec::new()).is_err());
    assert!(encode(&mut &b"abc"[..], 4, &mut Vec::new()).is_err());
}

#[test]
fn refuses_a_frame_of_another_form() {
    let content = text();
    let size = content.len() as u64;
    assert_eq!(read(&frame(&content, |_| ()), size).unwrap(), content);
    let no_checksum = frame(&content, |e| e.include_checksum(false).unwrap());
    assert_eq!(read(&no_checksum, size), Err(BlobFault::Lacks("a checksum")));
    let no_size = frame(&content, |e| e.include_contentsize(false).unwrap());
    assert!(matches!(read(&no_size, size), Err(BlobFault::Lacks(_))));
    let mut wide = vec![0; (1 << 23) + 1];
    wide[5] = 1;
    let big_window = frame(&wide, |e| e.window_log(24).unwrap());
    assert_eq!(read(&big_window, wide.len() as u64), Err(BlobFault::Window));
    let skippable = [&0x184D_2A50_u32.to_le_bytes()[..], &[0; 4], &frame(&content, |_| ())].concat();
    assert_eq!(read(&skippable, size), Err(BlobFault::NotZstd));
    assert_eq!(read(b"", 0), Err(BlobFault::NotZstd));
    assert_eq!(read(&content, size), Err(BlobFault::NotZstd));
}

#[test]
fn refuses_more_than_one_frame() {
    let one = frame(b"abc", |_| ());
    let two = [one.clone(), one.clone()].concat();
    assert_eq!(read(&two, 3), Err(BlobFault::Trailing));
    assert!(matches!(read(&two, 6), Err(BlobFault::ContentSize { .. })));
    assert_eq!(read(&[one, vec![0]].concat(), 3), Err(BlobFault::Trailing));
}

#[test]
fn a_bomb_stops_at_the_declared_size() {
    let bomb = frame(&vec![0; 64 << 20], |_| ());
    assert!(bomb.len() < 10_000);
    assert_eq!(read(&bomb, 1000), Err(BlobFault::ContentSize { expected: 1000, found: 64 << 20 }));
    // A header that lies about the size: the descriptor is followed by window and an eight or four byte size.
    let mut lying = frame(&vec![0; 1 << 20], |_| ());
    assert_eq!(lying[4] >> 6, 2, "a four byte content size");
    let at = if lying[4] & 0x20 == 0 { 6 } else { 5 };
    lying[at..at + 4].copy_from_slice(&1000_u32.to_le_bytes());
    assert!(matches!(read(&lying, 1000), Err(BlobFault::Damaged(_) | BlobFault::Length { .. })));
}

#[test]
fn refuses_damaged_and_truncated_frames() {
    let content = text();
    let whole = frame(&content, |_| ());
    for cut in [5, whole.len() / 2, whole.len() - 1] {
        assert!(read(&whole[..cut], content.len() as u64).is_err(), "cut at {cut}");
    }
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert!(read(&flipped, content.len() as u64).is_err());
}

#[test]
fn refuses_another_blob_under_the_listed_name() {
    let blob = frame(b"abc", |_| ());
    let mut listed = stored(&blob);
    listed.sha256 = Digest::of(b"another");
    let mut out = Vec::new();
    let error = decode(listed, 3, &blob[..]).unwrap().read_to_end(&mut out).unwrap_err();
    assert!(error.to_string().contains("the stored bytes"), "{error}");
}

#[test]
fn plain_blobs_end_exactly_where_declared() {
    let plain = |size, bytes: &'static [u8]| {
        let stored = Stored { encoding: Encoding::Identity, sha256: Digest::of(bytes), size };
        let mut out = Vec::new();
        decode(stored, size, bytes).unwrap().read_to_end(&mut out).map(|_| out)
    };
    assert_eq!(plain(3, b"abc").unwrap(), b"abc");
    assert!(plain(2, b"abc").is_err());
    assert!(plain(4, b"abc").is_err());
    assert_eq!(plain(0, b"").unwrap(), b"");
}

#[test]
fn refuses_a_size_that_no_disk_has_before_anything_is_reserved() {
    let blob = frame(b"abc", |_| ());
    for size in [1 << 53, 1 << 63, u64::MAX] {
        assert!(matches!(read(&blob, size), Err(BlobFault::ContentSize { found: 3, .. })), "{size}");
        let plain = Stored { encoding: Encoding::Identity, sha256: Digest::of(b"abc"), size };
        let mut out = Vec::new();
        let error = decode(plain, size, &b"abc"[..]).unwrap().read_to_end(&mut out).unwrap_err();
        assert_eq!((error.kind(), out.len()), (std::io::ErrorKind::InvalidData, 3), "{size}");
    }
}

#[test]
fn at_most_one_byte_more_than_listed_is_read_of_a_blob_without_end() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += buffer.len() as u64;
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }
    for encoding in [Encoding::Identity, Encoding::Zstd] {
        let mut endless = Endless(0);
        let listed = Stored { encoding, sha256: Digest::of(b"x"), size: 1000 };
        let opened = decode(listed, 1000, &mut endless);
        let result = opened.and_then(|mut content| content.read_to_end(&mut Vec::new()));
        assert!(result.is_err());
        assert!(endless.0 <= 1001, "{encoding:?}: {} bytes were asked for", endless.0);
    }
}

/// libzstd itself takes it or not by how much it is given at once.
#[test]
fn refuses_a_compressed_block_without_content_however_it_is_read() {
    let content = vec![7; 70_000];
    let size = content.len() as u64;
    let mut blob = Vec::new();
    encode(&mut &content[..], size, &mut blob).unwrap();
    let header = usize::try_from(check_header(&blob, size).unwrap()).unwrap();
    blob.splice(header..header, [4, 0, 0]);
    for step in [1, 1000, 100_000] {
        let mut buffer = vec![0; step];
        let mut reader = decode(stored(&blob), size, &blob[..]).unwrap();
        let fault = loop {
            match reader.read(&mut buffer) {
                Ok(0) => panic!("accepted in steps of {step}"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(fault.to_string().contains("without content"), "{fault}");
    }
}
