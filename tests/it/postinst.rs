//! A package whose postinst fails: its host is failed by name, the other packages and hosts are told truthfully.

use sealift_tests::host;
use sealift_tests::miniature::Variant;

use crate::line::Line;

#[test]
fn failing_postinst_is_a_failed_host_with_the_scripts_words_in_the_record() {
    if let Some(program) = host::missing() {
        eprintln!("NOT CHECKED: {program} is missing, so no host can be made");
        return;
    }
    let line = Line::with_bundle_of(Variant::FailingPostinst);
    line.hosts();
    line.apply("plan", &["--group", "web", "--out", "plan.json"]).done();
    let said = line.apply("run", &["plan.json"]);
    assert!(said.code == 1 || said.code == 3, "{said}");
    let story = format!("{}{}", said.stdout, said.stderr);
    assert!(story.contains("failed") && story.contains("compass"), "{said}");
    assert!(story.contains("cannot find north"), "the script's own words are missing: {said}");
    assert!(line.installed("web1", "compass").contains("half-configured"));
    assert_eq!(line.installed("db1", "compass"), "0.9-2 (install ok installed)", "another group's host was touched");
    line.apply("verify", &[]).done();
}

#[test]
fn unknown_group_and_host_are_named_with_those_that_exist() {
    let line = Line::with_bundle();
    line.hosts();
    line.apply("plan", &["--group", "wbe", "--out", "plan.json"]).failed(2, &["wbe", "web"]);
    line.apply("facts", &["--host", "web9"]).failed(2, &["web9", "web1"]);
}
