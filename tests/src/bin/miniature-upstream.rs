//! Writes the miniature upstream: `miniature-upstream DIR [--failing-postinst]`.

use std::path::PathBuf;

use anyhow::bail;
use sealift_tests::miniature::{Miniature, Variant};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(dir), option) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        bail!("usage: miniature-upstream DIR [--failing-postinst]");
    };
    let variant = match option.as_ref().and_then(|text| text.to_str()) {
        None => Variant::Sound,
        Some("--failing-postinst") => Variant::FailingPostinst,
        Some(other) => bail!("unknown option {other}"),
    };
    Miniature::create(&dir, sealift_term::now().minus_seconds(3600), variant)?;
    Ok(())
}
