//! Power cuts: after each operation of a run, what was not synced may be lost, kept or torn, in any combination.
//!
//! One run is recorded and played on a model of the disk (`sealift_crash_tests::disk`). What a power cut could leave is
//! laid out and opened by the tools themselves; then the same command must bring it to the same end as a run without
//! faults. The model is also asked the other way round: each sync is taken away in turn, and something must then break.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use sealift_crash_tests::disk::{Disk, Fate, Image, lay_out};
use sealift_crash_tests::trace::Step;

use crate::cases::{Case, cases, find};
use crate::invariants::broken;
use crate::sweep::{finish, record_from};
use crate::world::{clear, scratch};

/// Random combinations that are looked at after each operation.
const SEEDS: u64 = 64;
/// Most states of one command that random combinations add.
const RANDOM_STATES: usize = 60;
/// Pending changes of which each is tried alone.
const ALONE: usize = 12;

/// A recorded run: the disk before it, and the operations.
struct Run {
    disk: Disk,
    steps: Vec<Step>,
}

impl Run {
    fn of(case: &Case, dir: &Path, beside: &Path) -> Self {
        case.prepare(dir);
        let disk = Disk::load(dir).unwrap();
        Self { disk, steps: record_from(case, dir, beside) }
    }
}

/// Directories and files that are taken away without being read, so that their content makes no difference.
const UNREAD: [&str; 4] = [".tmp-", ".SEALIFT.", ".new-", ".isolated.sealift-init"];

fn hash(image: &Image) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (path, entry) in image {
        let mut parts = path.iter().map(|part| part.to_string_lossy());
        match parts.position(|part| UNREAD.iter().any(|start| part.starts_with(start))) {
            None => (path, entry).hash(&mut hasher),
            Some(at) => path.iter().take(at + 1).collect::<Vec<_>>().hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// What may be on the disk now, the plain combinations first.
fn plain(disk: &Disk) -> Vec<Image> {
    let (names, data) = disk.pending();
    let (all, none) = (|_: usize| Fate::Kept, |_: usize| Fate::Lost);
    let mut images =
        vec![disk.image(&none, &none), disk.image(&all, &all), disk.image(&all, &none), disk.image(&none, &all)];
    for block in [512, 4096] {
        images.push(disk.image(&all, &|_| Fate::Torn(block)));
    }
    let one = |fate: Fate, other: Fate, at: usize| move |n: usize| if n == at { fate } else { other };
    for at in 0..names.min(ALONE) {
        images.push(disk.image(&one(Fate::Lost, Fate::Kept, at), &all));
        images.push(disk.image(&one(Fate::Kept, Fate::Lost, at), &all));
    }
    for at in 0..data.min(ALONE) {
        images.push(disk.image(&all, &one(Fate::Lost, Fate::Kept, at)));
        images.push(disk.image(&all, &one(Fate::Torn(512), Fate::Kept, at)));
    }
    images
}

/// A combination drawn by chance, always the same for a seed.
fn drawn(disk: &Disk, seed: u64) -> Image {
    let draw = |kind: u64, n: usize| {
        let mut hasher = DefaultHasher::new();
        (seed, kind, n).hash(&mut hasher);
        match hasher.finish() % 8 {
            0..=2 => Fate::Lost,
            3 if kind == 1 => Fate::Torn(512),
            4 if kind == 1 => Fate::Torn(4096),
            _ => Fate::Kept,
        }
    };
    disk.image(&|n| draw(0, n), &|n| draw(1, n))
}

fn cut_power(name: &str) {
    let case = find(name);
    let scratch = scratch();
    let dir = scratch.path().join("w");
    let Run { mut disk, steps } = Run::of(case, &dir, scratch.path());
    let (mut seen, mut random, mut looked_at) = (HashSet::new(), 0, 0_u64);
    let mut troubles = Vec::new();
    for at in 0..=steps.len() {
        let images = plain(&disk).into_iter().map(|image| (image, false));
        let drawn = (0..SEEDS).map(|seed| (drawn(&disk, seed), true));
        for (image, by_chance) in images.chain(drawn) {
            looked_at += 1;
            if by_chance && random >= RANDOM_STATES || !seen.insert((hash(&image), at == steps.len())) {
                continue;
            }
            random += usize::from(by_chance);
            if let Err(trouble) = survives(case, &dir, &image, at == steps.len()) {
                let step = steps.get(at).or(steps.last()).unwrap();
                troubles.push(format!("before operation {at}, {} from {}: {trouble}", step.change.word(), step.caller));
            }
        }
        if let Some(step) = steps.get(at) {
            disk.apply(step, &|_| false).unwrap();
        }
    }
    println!(
        "figure: power {name}: {} operations, {looked_at} combinations, {} different states opened, {} not recovered",
        steps.len(),
        seen.len(),
        troubles.len()
    );
    let shown: Vec<String> = troubles.iter().take(8).cloned().collect();
    assert!(shown.is_empty(), "{} troubles of {name}; the first:\n{}", troubles.len(), shown.join("\n\n"));
}

/// Opens what a power cut left, and finishes the work. With `done`, the command had said that it was done.
fn survives(case: &Case, dir: &Path, image: &Image, done: bool) -> Result<(), String> {
    clear(dir);
    lay_out(image, dir).unwrap();
    let reference = case.reference();
    if done {
        let now = case.state(dir);
        let lost = reference.state.iter().filter(|(name, content)| now.get(*name) != Some(content));
        let lost: Vec<&str> = lost.map(|(name, _)| name.as_str()).collect();
        if !lost.is_empty() {
            return Err(format!("I8: it ended with 0, then lost: {}", lost.join(", ")));
        }
    }
    if let Some(broken) = broken(case, reference, dir) {
        return Err(broken);
    }
    finish(case, dir)
}

/// The place in sealift-fs that asks for a sync, and the line that called it.
type Site = (String, String);

fn site(step: &Step) -> Option<Site> {
    step.change.sync().map(|why| (why.to_owned(), step.caller.clone()))
}

/// What is lost if a sync at this site does nothing: after each operation, from the last to the first.
fn without(run: &Run, site_of: &Site) -> Vec<(Image, bool)> {
    let (mut sound, mut broken) = (run.disk.clone(), run.disk.clone());
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (at, step) in run.steps.iter().enumerate() {
        sound.apply(step, &|_| false).unwrap();
        broken.apply(step, &|step| site(step).as_ref() == Some(site_of)).unwrap();
        let (names, data) = broken.durable_on(&sound);
        if !names.iter().chain(&data).any(|durable| *durable) {
            continue;
        }
        let lost = |lost: &[bool], n: usize, fate| if lost[n] { fate } else { Fate::Kept };
        for fate in [Fate::Lost, Fate::Torn(512)] {
            let last = at + 1 == run.steps.len();
            let kept = |_: usize| Fate::Kept;
            for image in [
                broken.image(&|n| lost(&names, n, Fate::Lost), &|n| lost(&data, n, fate)),
                broken.image(&kept, &|n| lost(&data, n, fate)),
                broken.image(&|n| lost(&names, n, Fate::Lost), &kept),
            ] {
                if seen.insert((hash(&image), last)) {
                    found.push((image, last));
                }
            }
        }
    }
    found.reverse();
    found
}

/// Syncs that are asked for twice on purpose, with the reason.
const EXPLAINED: [(&str, &str); 3] = [
    // For a directory whose name has to last by itself. All callers of today go on to sync the same directory, or the
    // whole file system, before they say that anything is done.
    ("create_dir", "what is made in it is synced with more than it"),
    // `sealift_fs::rename` between directories. In the model, as on journaling file systems, a rename is one step and the
    // directory of the new name carries it. Where it is two, the old name comes back, in the quarantine, and is swept.
    ("rename, old name", "a rename is one step"),
    // The callers' last word after files that were each made durable with their names.
    ("sync_dir", "every file in it was synced with its name before"),
];

/// Where cases start that are only failed and killed in place (docs/crash-safety.md, Not shown).
const SWEPT_ONLY: [&str; 5] = ["custodians", "register-begun", "register-of-two", "medium-added", "medium-written"];

/// What is known of the syncs: what broke without each.
type Verdicts = BTreeMap<Site, Option<String>>;

/// States in the middle of a run that are tried for each caller of a sync.
const TRIED_EACH: usize = 6;
/// States that are tried for a place of which no caller is needed so far.
const TRIED_MORE: usize = 150;

#[test]
fn every_sync_that_is_taken_away_turns_something_red() {
    let scratch = scratch();
    let dir = scratch.path().join("w");
    let mut verdicts = Verdicts::new();
    let mut tried = 0;
    for limit in [TRIED_EACH, TRIED_MORE] {
        for case in cases().iter().filter(|case| case.every == 1 && !SWEPT_ONLY.contains(&case.from)) {
            let run = Run::of(case, &dir, scratch.path());
            let sites: BTreeSet<Site> = run.steps.iter().filter_map(site).collect();
            for site in sites {
                if !is_open(&verdicts, &site, limit == TRIED_MORE) {
                    continue;
                }
                let broken = break_it(case, &run, &dir, &site, limit, &mut tried);
                verdicts.insert(site, broken);
            }
        }
    }
    report(&verdicts, tried);
}

/// Whether a sync has still to be shown to be needed; `by_place` asks only whether its place in sealift-fs has.
fn is_open(verdicts: &Verdicts, site: &Site, by_place: bool) -> bool {
    if by_place {
        return !verdicts.iter().any(|((place, _), broken)| *place == site.0 && broken.is_some());
    }
    !matches!(verdicts.get(site), Some(Some(_)))
}

fn break_it(case: &Case, run: &Run, dir: &Path, site: &Site, limit: usize, tried: &mut usize) -> Option<String> {
    let (end, middle): (Vec<_>, Vec<_>) = without(run, site).into_iter().partition(|(_, last)| *last);
    let every = middle.len().div_ceil(limit).max(1);
    for (image, last) in end.into_iter().chain(middle.into_iter().step_by(every)) {
        *tried += 1;
        if let Err(trouble) = survives(case, dir, &image, last) {
            return Some(format!("{}: {}", case.name, trouble.lines().next().unwrap_or_default()));
        }
    }
    None
}

fn report(verdicts: &Verdicts, tried: usize) {
    let places: BTreeSet<&str> = verdicts.keys().map(|(why, _)| why.as_str()).collect();
    for ((why, caller), broken) in verdicts {
        println!("figure: sync `{why}` for {caller}: {}", broken.as_deref().unwrap_or("nothing breaks without it"));
    }
    println!(
        "figure: syncs: {} places in sealift-fs, {} callers of them; {tried} states tried, red without {} of the callers",
        places.len(),
        verdicts.len(),
        verdicts.values().flatten().count()
    );
    let needed = |why: &str| verdicts.iter().any(|((place, _), broken)| place == why && broken.is_some());
    let explained = |why: &str| EXPLAINED.iter().any(|(place, _)| *place == why);
    let idle: Vec<&str> = places.into_iter().filter(|why| !needed(why) && !explained(why)).collect();
    assert!(idle.is_empty(), "nothing breaks without the syncs {idle:?}: take them away or explain them");
}

macro_rules! power_cuts {
    ($($test:ident $name:literal)*) => {
        $(#[test]
        fn $test() {
            cut_power($name);
        })*
    };
}

power_cuts! {
    keys_init_survives_power_cuts "keys-init"
    signing_a_root_survives_power_cuts "root-sign"
    publishing_a_root_survives_power_cuts "root-publish"
    mirror_init_survives_power_cuts "mirror-init"
    upstream_add_survives_power_cuts "upstream-add"
    sync_survives_power_cuts "sync"
    build_survives_power_cuts "build"
    build_into_a_new_directory_survives_power_cuts "build-new"
    build_onto_a_used_medium_survives_power_cuts "build-again"
    pack_survives_power_cuts "pack"
    unpack_survives_power_cuts "unpack"
    import_init_survives_power_cuts "import-init"
    receive_survives_power_cuts "receive"
    receive_of_a_second_bundle_survives_power_cuts "receive-again"
    promote_survives_power_cuts "promote"
    publish_survives_power_cuts "publish"
    publish_over_another_tree_survives_power_cuts "publish-again"
    receipt_survives_power_cuts "receipt"
    apply_init_survives_power_cuts "apply-init"
    plan_survives_power_cuts "plan"
    making_a_key_survives_power_cuts "generate"
    making_a_personal_key_survives_power_cuts "person-new"
    drafting_a_root_survives_power_cuts "root-draft"
    adding_a_key_survives_power_cuts "root-add-key"
    exporting_survives_power_cuts "export"
    signing_what_was_exported_survives_power_cuts "sign-exported"
    attaching_a_signature_survives_power_cuts "attach-signature"
    approving_survives_power_cuts "approve"
    attaching_statements_survives_power_cuts "attach-statement"
    building_without_all_keys_survives_power_cuts "build-waiting"
    signing_a_list_survives_power_cuts "sign-list"
    seal_survives_power_cuts "seal"
    revoke_survives_power_cuts "revoke"
    revert_survives_power_cuts "revert"
    recovering_floors_survives_power_cuts "recover-floors"
    recovering_the_index_survives_power_cuts "recover-index"
    recovering_a_document_survives_power_cuts "recover-document"
    scrub_survives_power_cuts "scrub"
    scrub_of_a_rotten_store_survives_power_cuts "scrub-rotten"
    receive_that_heals_survives_power_cuts "receive-heals"
    another_passphrase_survives_power_cuts "reseal"
    countersigning_survives_power_cuts "countersign"
    signing_a_statement_survives_power_cuts "statement-sign"
}
