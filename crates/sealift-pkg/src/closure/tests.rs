use super::*;
use crate::catalog::tests::catalog;
use crate::select::{Matcher, Rule, select};

fn options() -> ClosureOptions {
    ClosureOptions {
        architecture: "amd64".into(),
        recommends: false,
        essential: false,
        missing: Missing::Report,
        base: Vec::new(),
    }
}

fn close(
    entries: &[(&str, &str, &str)],
    wanted: &[&str],
    options: &ClosureOptions,
) -> (Catalog, Result<Closure, ClosureError>) {
    let catalog = catalog(entries);
    let rules: Vec<_> = wanted.iter().map(|name| Rule::new(Matcher::Package((*name).into()))).collect();
    let selection = select(&catalog, &rules, &["amd64".into()]);
    let closure = closure(&catalog, &selection, options);
    (catalog, closure)
}

fn titles(entries: &[(&str, &str, &str)], wanted: &[&str], options: &ClosureOptions) -> Vec<String> {
    let (catalog, closure) = close(entries, wanted, options);
    let mut titles: Vec<_> = closure.unwrap().members.keys().map(|id| catalog.title(*id)).collect();
    titles.sort();
    titles
}

#[test]
fn takes_the_newest_version_that_fits_and_says_why() {
    let entries = [
        ("app", "1", "Depends: lib (>= 2), lib (<< 3)\n"),
        ("lib", "1", ""),
        ("lib", "2.5", "Pre-Depends: base\n"),
        ("lib", "3", ""),
        ("base", "1", ""),
        ("unrelated", "1", ""),
    ];
    let (catalog, closure) = close(&entries, &["app"], &options());
    let closure = closure.unwrap();
    let why = |name: &str, version: &str| {
        let found = closure.members.iter().find(|(id, _)| catalog.title(**id) == format!("{name}={version}"));
        found.map(|(_, why)| why.clone()).unwrap()
    };
    assert_eq!(closure.members.len(), 3);
    assert_eq!(why("app", "1"), Why::Rule(0));
    let Why::Needed { by, relation, field } = why("base", "1") else { panic!("base is needed") };
    assert_eq!((catalog.title(by).as_str(), relation.as_str(), field), ("lib=2.5", "base", Dependency::PreDepends));
}

#[test]
fn prefers_real_packages_then_providers_by_priority() {
    let entries = [
        ("a", "1", "Depends: mta\n"),
        ("b", "1", "Depends: mta | exim\n"),
        ("exim", "1", "Provides: mta\nPriority: optional\n"),
        ("postfix", "1", "Provides: mta (= 2)\nPriority: standard\n"),
        ("v", "1", "Depends: mta (>= 2)\n"),
        ("w", "1", "Depends: mta (>= 3)\n"),
    ];
    assert_eq!(titles(&entries, &["a"], &options()), ["a=1", "postfix=1"]);
    assert_eq!(titles(&entries, &["v"], &options()), ["postfix=1", "v=1"]);
    assert_eq!(close(&entries, &["w"], &options()).1.unwrap().unresolved[0].relation, "mta (>= 3)");
}

#[test]
fn conflicts_steer_the_choice() {
    let entries = [
        ("app", "1", "Depends: x | y\n"),
        ("x", "1", ""),
        ("y", "1", ""),
        ("other", "1", "Conflicts: x\n"),
        ("sole", "1", "Provides: slot\nConflicts: slot\n"),
    ];
    assert_eq!(titles(&entries, &["app"], &options()), ["app=1", "x=1"]);
    assert_eq!(titles(&entries, &["app", "other"], &options()), ["app=1", "other=1", "y=1"]);
    assert_eq!(titles(&entries, &["sole"], &options()), ["sole=1"], "what provides what it conflicts with fits itself");
}

#[test]
fn what_excludes_each_other_is_resolved_apart() {
    let entries = [
        ("exim", "1", "Conflicts: postfix\nDepends: libexim\n"),
        ("postfix", "1", "Depends: libpostfix\n"),
        ("libexim", "1", ""),
        ("libpostfix", "1", ""),
    ];
    let (catalog, closure) = close(&entries, &["exim", "postfix"], &options());
    let closure = closure.unwrap();
    assert_eq!(closure.members.len(), 4);
    assert_eq!(closure.apart.iter().map(|id| catalog.title(*id)).collect::<Vec<_>>(), ["postfix=1"]);
}

#[test]
fn a_dependency_nobody_offers_is_reported_or_refused() {
    let entries =
        [("openssl", "3", "Depends: libssl3 (>= 3), libc6 (>= 2.36)\n"), ("libssl3", "3", "Depends: libc6\n")];
    let (catalog, closure) = close(&entries, &["openssl"], &options());
    let closure = closure.unwrap();
    assert_eq!(closure.members.len(), 2);
    let unresolved: Vec<_> =
        closure.unresolved.iter().map(|u| format!("{}: {}", catalog.title(u.by), u.relation)).collect();
    assert_eq!(unresolved, ["openssl=3: libc6 (>= 2.36)", "libssl3=3: libc6"]);

    let strict = ClosureOptions { missing: Missing::Refuse, ..options() };
    let error = close(&entries, &["openssl"], &strict).1.unwrap_err().to_string();
    assert!(error.starts_with("openssl=3 cannot be installed from what is offered:\n"), "{error}");
    assert!(error.contains("libc6"), "{error}");
}

#[test]
fn the_explanation_names_the_chain() {
    let entries = [
        ("app", "1", "Depends: middle\n"),
        ("middle", "1", "Depends: deep (>= 2)\n"),
        ("deep", "1", ""),
        ("deep", "2", "Conflicts: app\n"),
    ];
    let strict = ClosureOptions { missing: Missing::Refuse, ..options() };
    let error = close(&entries, &["app"], &strict).1.unwrap_err().to_string();
    for name in ["app=1", "middle", "deep"] {
        assert!(error.contains(name), "{name} in {error}");
    }
}

#[test]
fn one_uninstallable_package_does_not_stop_the_others() {
    let entries = [
        ("broken", "1", "Depends: x\n"),
        ("x", "1", "Conflicts: broken\n"),
        ("fine", "1", "Depends: y\n"),
        ("y", "1", ""),
    ];
    let (catalog, closure) = close(&entries, &["broken", "fine"], &options());
    let closure = closure.unwrap();
    assert_eq!(closure.members.len(), 3);
    let broken = &closure.uninstallable[0];
    assert_eq!(catalog.title(broken.entry), "broken=1");
    assert!(broken.explanation.contains('x'), "{}", broken.explanation);
}

#[test]
fn hosts_are_not_sent_what_they_have() {
    let entries = [("app", "1", "Depends: lib (>= 2), mta\n"), ("lib", "3", ""), ("exim", "1", "Provides: mta\n")];
    let base = |version: &str| BasePackage {
        package: "lib".into(),
        version: Version::new(version).unwrap(),
        provides: Some("mta".into()),
    };
    let has = |version| ClosureOptions { base: vec![base(version)], ..options() };
    assert_eq!(titles(&entries, &["app"], &has("2")), ["app=1"]);
    assert!(titles(&entries, &["app"], &has("1")).contains(&"lib=3".to_owned()));
}

#[test]
fn a_later_alternative_that_hosts_have_does_for_the_first() {
    let entries =
        [("app", "1", "Depends: usrmerge | merged\n"), ("usrmerge", "37", "Depends: perl\n"), ("perl", "5", "")];
    let base = BasePackage { package: "merged".into(), version: Version::new("37").unwrap(), provides: None };
    assert_eq!(titles(&entries, &["app"], &ClosureOptions { base: vec![base], ..options() }), ["app=1"]);
    assert_eq!(titles(&entries, &["app"], &options()), ["app=1", "perl=5", "usrmerge=37"]);
}

#[test]
fn essential_and_recommended_come_along_when_asked() {
    let entries = [
        ("app", "1", "Recommends: nice, gone\n"),
        ("nice", "1", "Recommends: nicer\n"),
        ("nicer", "1", ""),
        ("dash", "1", "Essential: yes\nDepends: libc\n"),
        ("tar", "1", "Priority: required\n"),
        ("libc", "1", ""),
    ];
    assert_eq!(titles(&entries, &["app"], &options()), ["app=1"]);
    let more = ClosureOptions { recommends: true, essential: true, ..options() };
    assert_eq!(titles(&entries, &["app"], &more), ["app=1", "dash=1", "libc=1", "nice=1", "nicer=1", "tar=1"]);
    let (catalog, closure) = close(&entries, &["app"], &more);
    let closure = closure.unwrap();
    let dash = closure.members.iter().find(|(id, _)| catalog.title(**id) == "dash=1").unwrap();
    assert_eq!(*dash.1, Why::Essential);
}

#[test]
fn a_relation_that_cannot_be_read_makes_its_package_unusable() {
    let entries = [("app", "1", "Depends: lib\n"), ("lib", "2", "Depends: !!\n"), ("lib", "1", "")];
    assert_eq!(titles(&entries, &["app"], &options()), ["app=1", "lib=1"]);
}
