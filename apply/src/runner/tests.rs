use std::collections::BTreeMap;
use std::fmt::Write as _;

use sealift_model::{Silent, SiteId};
use sealift_site::StatementKey;

use super::*;
use crate::host::fake::FakeHost;
use crate::inventory::{HostConfig, Repository};
use crate::planner::Wanted;
use crate::records::Records;

/// A site with fake hosts, all in group `g`.
struct Site {
    dir: tempfile::TempDir,
    key: StatementKey,
    hosts: BTreeMap<String, FakeHost>,
}

impl Site {
    fn new(hosts: &[(&str, FakeHost)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = hosts.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let mut text = format!(
            "[site]\nname = \"plant-a\"\nkeyring = \"k.asc\"\n[[group]]\nname = \"g\"\nrepository = \"file:/r\"\n\
             suites = [\"s\"]\ncomponents = [\"main\"]\nhosts = [{}]\n",
            names.join(", ")
        );
        for (name, _) in hosts {
            let _ = write!(text, "[[host]]\nname = \"{name}\"\nroot = \"{name}\"\n");
        }
        std::fs::write(dir.path().join("inventory.toml"), text).unwrap();
        std::fs::write(dir.path().join("k.asc"), "-----BEGIN").unwrap();
        // insecure-test-site-key
        let key = StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[7; 32]);
        Self { dir, key, hosts: hosts.iter().map(|(n, h)| ((*n).to_owned(), h.clone())).collect() }
    }

    fn inventory(&self) -> Inventory {
        Inventory::read(self.dir.path()).unwrap()
    }

    fn open(&self, config: &HostConfig) -> Box<dyn Host> {
        Box::new(self.hosts[config.name.as_str()].clone())
    }

    fn plan(&self, packages: &[&str]) -> Result<Plan, PlannerError> {
        let inventory = self.inventory();
        let group = inventory.group("g").unwrap();
        let hosts = planner::members(&inventory, group, &[]).unwrap();
        let packages = packages.iter().map(|p| (*p).to_owned()).collect();
        let wanted = Wanted { group, hosts, packages, created: Timestamp::from_unix(0) };
        planner::make(&inventory, &wanted, &|config: &HostConfig, _: &Repository| self.open(config), &Silent)
    }

    fn run(&self, plan: &Plan) -> Result<RunReport, RunnerError> {
        let inventory = self.inventory();
        let lock = Lock::take(self.dir.path()).unwrap();
        let records = RecordsWriter::open(self.dir.path(), &self.key);
        let session = Session {
            inventory: &inventory,
            records: &records,
            lock: &lock,
            open: &|config: &HostConfig, _: &Repository| self.open(config),
            clock: &|| Timestamp::from_unix(1),
            progress: &Silent,
        };
        let options = RunOptions {
            hosts: Vec::new(),
            timeout: Duration::from_secs(1),
            actor: "alice(1000)".into(),
            tool: "t".into(),
        };
        run(&session, Digest::of(&plan.to_bytes().unwrap()), plan, &options)
    }

    fn only(&self, plan: &Plan) -> HostReport {
        self.run(plan).unwrap().hosts.remove(0)
    }
}

#[test]
fn planned_packages_arrive_and_both_records_say_so() {
    let host = FakeHost::new(&[("a", "1"), ("b", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    let plan = site.plan(&[]).unwrap();
    assert_eq!(plan.hosts[0].changes[0].to_string(), "upgrade a 1 → 2");
    let report = site.only(&plan);
    assert_eq!((report.outcome, report.before, report.after), (Outcome::Changed, Some(1), 2));
    assert!(host.ran("install -- a=2") && host.ran("--no-remove"));
    let records = Records::open(site.dir.path(), site.key.public());
    let (before, after) = (records.find("1").unwrap().record, records.find("2").unwrap().record);
    assert_eq!(before.state.unwrap().package("a", "all").unwrap().version, "1");
    assert_eq!(after.state.unwrap().package("a", "all").unwrap().version, "2");
    assert_eq!(after.log.unwrap(), ["Setting up a (2) ..."]);
    assert_eq!(records.verify().unwrap().count, 2);
}

#[test]
fn a_host_with_nothing_to_do_is_unchanged_and_apt_installs_nothing() {
    let host = FakeHost::new(&[("a", "2")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    let report = site.only(&site.plan(&[]).unwrap());
    assert_eq!(report.outcome, Outcome::Unchanged);
    assert!(!host.ran("apt-get -y"));
}

#[test]
fn a_failing_postinst_is_named_and_the_next_host_has_its_turn() {
    let bad = FakeHost::new(&[("a", "1"), ("b", "1")], &[("a", "2"), ("b", "2")]);
    bad.0.borrow_mut().broken = Some("b".into());
    let good = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", bad), ("web2", good)]);
    let report = site.run(&site.plan(&[]).unwrap()).unwrap();
    let failed = &report.hosts[0];
    assert_eq!(failed.outcome, Outcome::Failed);
    assert_eq!(failed.failed_packages, ["b (2 half-configured)"]);
    assert!(failed.last_lines.iter().any(|line| line.contains("error processing package b")));
    assert_eq!(report.hosts[1].outcome, Outcome::Changed);
    assert_eq!(Records::open(site.dir.path(), site.key.public()).verify().unwrap().count, 4);
}

#[test]
fn a_plan_run_again_changes_nothing() {
    let host = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    let plan = site.plan(&[]).unwrap();
    assert_eq!(site.only(&plan).outcome, Outcome::Changed);
    host.0.borrow_mut().said.clear();
    let again = site.only(&plan);
    assert_eq!((again.outcome, again.reason.as_deref()), (Outcome::Unchanged, Some("already as planned")));
    assert!(!host.ran("apt-get"));
}

#[test]
fn an_exit_code_of_zero_does_not_make_a_success() {
    let host = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    let plan = site.plan(&[]).unwrap();
    host.0.borrow_mut().lazy = true;
    let report = site.only(&plan);
    assert_eq!((report.outcome, report.failed_packages), (Outcome::Failed, vec!["a (1 installed)".to_owned()]));
}

/// Leaves what a controller leaves that is killed after its record before.
fn left_before(site: &Site, host: &FakeHost, plan: &Plan) {
    let lock = Lock::take(site.dir.path()).unwrap();
    let draft = Draft {
        actor: "alice(1000)".into(),
        tool: "t".into(),
        plan: Digest::of(&plan.to_bytes().unwrap()),
        run: "killed-1".into(),
        host: HostId::new("web1").unwrap(),
        phase: Phase::Before,
        started: Timestamp::from_unix(1),
        finished: Timestamp::from_unix(1),
        state: Some(facts::gather(host).unwrap()),
        outcome: None,
        log: Vec::new(),
    };
    RecordsWriter::open(site.dir.path(), &site.key).append(&lock, draft).unwrap();
}

#[test]
fn a_run_after_one_that_was_killed_says_what_it_found() {
    let installed = "install ok installed";
    let half = "install ok half-configured";
    // What the killed run had done by its end, what comes of the next run, and its words.
    let cases = [
        (vec![], Outcome::Changed, "run killed-1 left no record after record 1; no package has changed since"),
        (
            vec![("a", installed), ("b", installed)],
            Outcome::Unchanged,
            "run killed-1 left no record after record 1; since then: a 1 → 2, b 1 → 2; already as planned",
        ),
        (vec![("a", installed)], Outcome::Skipped, "; since then: a 1 → 2; a fresh simulation differs from the plan"),
        (vec![("a", half)], Outcome::Skipped, "; since then: a 1 → 2 (half-configured); "),
    ];
    for (done, outcome, words) in cases {
        let host = FakeHost::new(&[("a", "1"), ("b", "1")], &[("a", "2"), ("b", "2")]);
        let site = Site::new(&[("web1", host.clone())]);
        let plan = site.plan(&[]).unwrap();
        left_before(&site, &host, &plan);
        for (name, state) in done {
            host.0.borrow_mut().packages.insert(name.into(), ("2".into(), state.into()));
        }
        let report = site.only(&plan);
        assert_eq!(report.outcome, outcome, "{report:?}");
        assert!(report.reason.as_ref().unwrap().contains(words), "{report:?}");
        let records = Records::open(site.dir.path(), site.key.public());
        assert_eq!(records.find("3").unwrap().record.reason, report.reason);
        assert_eq!(records.verify().unwrap().unfinished.len(), 1);
        // It is said once; the run after that has nothing to add.
        assert!(!site.only(&plan).reason.unwrap_or_default().contains("killed-1"));
    }
}

#[test]
fn skips_a_host_on_which_apt_would_now_do_something_else() {
    let cases = [
        (["a", "3", ""], "planned is `upgrade a 1 → 2`, apt would now do `upgrade a 1 → 3`"),
        (["b", "2", ""], "apt would now also do `upgrade b 1 → 2`"),
        (["a", "2", "other bytes"], "another file of the same version"),
        (["a", "1", ""], "which apt would not do now"),
    ];
    for ([name, version, content], words) in cases {
        let host = FakeHost::new(&[("a", "1"), ("b", "1")], &[("a", "2")]);
        let site = Site::new(&[("web1", host.clone())]);
        let plan = site.plan(&[]).unwrap();
        host.offer(name, version, content);
        let report = site.only(&plan);
        assert_eq!(report.outcome, Outcome::Skipped);
        assert!(report.reason.as_ref().unwrap().contains(words), "{report:?}");
        assert!(!host.ran("apt-get -y"));
        assert_eq!(report.after, 2);
    }
}

#[test]
fn a_host_that_does_not_answer_is_unreachable_and_says_so_in_a_record() {
    let host = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    let plan = site.plan(&[]).unwrap();
    host.0.borrow_mut().unreachable = true;
    let report = site.only(&plan);
    assert_eq!((report.outcome, report.before, report.after), (Outcome::Unreachable, None, 1));
    let record = Records::open(site.dir.path(), site.key.public()).find("1").unwrap().record;
    assert!(record.state.is_none() && record.reason.unwrap().contains("no route to host"));
}

#[test]
fn a_host_lost_during_the_run_has_failed() {
    let host = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    let plan = site.plan(&[]).unwrap();
    host.0.borrow_mut().answers_left = Some(1);
    let report = site.only(&plan);
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.reason.unwrap().starts_with("the state afterwards is not known"));
}

#[test]
fn an_apt_that_does_not_end_is_ended_and_the_host_has_failed() {
    let host = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    let plan = site.plan(&[]).unwrap();
    host.0.borrow_mut().hangs = true;
    let report = site.only(&plan);
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.reason.unwrap().contains("took too long"));
    assert_eq!(report.last_lines, ["Unpacking"]);
}

#[test]
fn a_repository_that_apt_does_not_accept_is_no_plan() {
    let host = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    let site = Site::new(&[("web1", host.clone())]);
    // Exit code 0 with a complaint, as apt does with old lists, is no acceptance either.
    for (code, words) in
        [(100, "W: GPG error: x InRelease: NO_PUBKEY 1\nE: not signed"), (0, "Err:1 file:/r s InRelease")]
    {
        host.0.borrow_mut().update = Some((code, words.into()));
        assert!(matches!(site.plan(&[]), Err(PlannerError::Repository { .. })), "{words}");
    }
}

#[test]
fn an_unreachable_host_stands_in_the_plan_with_its_problem_and_is_not_run() {
    let gone = FakeHost::new(&[("a", "1")], &[("a", "2")]);
    gone.0.borrow_mut().unreachable = true;
    let site = Site::new(&[("web1", FakeHost::new(&[("a", "1")], &[("a", "2")])), ("web2", gone.clone())]);
    let plan = site.plan(&[]).unwrap();
    assert!(plan.hosts[1].problems[0].contains("no route to host") && plan.hosts[1].changes.is_empty());
    gone.0.borrow_mut().unreachable = false;
    let report = site.run(&plan).unwrap();
    assert_eq!((report.hosts[0].outcome, report.hosts[1].outcome), (Outcome::Changed, Outcome::Skipped));
    assert!(!gone.ran("apt-get"));
}

#[test]
fn refuses_a_plan_that_no_longer_fits_the_inventory() {
    let site = Site::new(&[("web1", FakeHost::new(&[("a", "1")], &[("a", "2")]))]);
    let plan = site.plan(&[]).unwrap();
    let refused = |edit: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        edit(&mut plan);
        matches!(site.run(&plan), Err(RunnerError::Refused(_)))
    };
    assert!(refused(&|p| p.site = SiteId::new("plant-b").unwrap()));
    assert!(refused(&|p| p.repository.uri = "file:/elsewhere".into()));
    assert!(refused(&|p| p.hosts[0].host = HostId::new("web7").unwrap()));
    assert!(!refused(&|_| ()));
}

#[test]
fn marks_of_automatic_packages_are_kept() {
    let change = |package: &str, action| Change {
        action,
        architecture: "amd64".into(),
        from: None,
        package: package.into(),
        sha256: None,
        size: None,
        to: Some("1".into()),
    };
    let changes = [
        change("asked", Action::Install),
        change("pulled", Action::Install),
        change("auto", Action::Upgrade),
        change("manual", Action::Upgrade),
    ];
    assert_eq!(to_mark(&changes, &["asked".into()], &["auto".into()]), ["pulled:amd64", "auto:amd64"]);
}
