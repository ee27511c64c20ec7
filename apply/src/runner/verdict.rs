//! Decides what came of a run on a host, from what dpkg says there is (format/state-record §5).

use crate::host::Output;
use crate::plan::Change;
use crate::record::Outcome;
use crate::state::{HostState, PackageState};

/// Decides outcome and reason; `output` is what apt-get said, if it was started.
pub fn decide(
    changes: &[Change],
    before: &HostState,
    after: &HostState,
    output: Option<&Output>,
) -> (Outcome, Option<String>) {
    let wrong = not_as_planned(changes, after);
    if !wrong.is_empty() {
        let mut reason = format!("not as planned: {}", wrong.join(", "));
        reason.push_str(&ending(output));
        return (Outcome::Failed, Some(reason));
    }
    if changes.is_empty() {
        if before.packages == after.packages {
            return (Outcome::Unchanged, None);
        }
        return (Outcome::Failed, Some("nothing was planned, but somebody else changed packages meanwhile".into()));
    }
    // Everything is as planned all the same, so this is worth a word, not a verdict.
    let odd = output.filter(|output| !output.success()).map(|_| format!("as planned, but{}", ending(output)));
    (Outcome::Changed, odd.map(|text| text.replace("but;", "but")))
}

fn ending(output: Option<&Output>) -> String {
    match output {
        Some(output) if output.timed_out => "; apt-get took too long and was ended".into(),
        Some(Output { code: Some(0), .. }) | None => String::new(),
        Some(Output { code: Some(code), .. }) => format!("; apt-get ended with exit code {code}"),
        Some(_) => "; apt-get was ended by a signal or never ran".into(),
    }
}

/// Returns the packages that are not as planned, and those dpkg was left in the middle of, each with its state.
pub fn not_as_planned(changes: &[Change], after: &HostState) -> Vec<String> {
    let mut wrong = Vec::new();
    for change in changes {
        let found = after.package(&change.package, &change.architecture);
        let good = match &change.to {
            Some(to) => found.is_some_and(|p| p.is_installed() && p.version == *to),
            None => found.is_none_or(PackageState::is_removed),
        };
        if !good {
            let now = found.map_or_else(|| "not installed".into(), |p| format!("{} {}", p.version, status(&p.state)));
            wrong.push(format!("{} ({now})", change.package));
        }
    }
    for package in after.packages.iter().filter(|p| p.is_between()) {
        let planned = |c: &Change| c.package == package.name && c.architecture == package.architecture;
        if !changes.iter().any(planned) {
            wrong.push(format!("{} ({} {})", package.name, package.version, status(&package.state)));
        }
    }
    wrong
}

fn status(state: &str) -> &str {
    state.rsplit(' ').next().unwrap_or(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;
    use crate::state::tests::state_of;

    fn upgrade() -> Vec<Change> {
        vec![Change {
            action: Action::Upgrade,
            architecture: "all".into(),
            from: Some("1".into()),
            package: "a".into(),
            sha256: None,
            size: None,
            to: Some("2".into()),
        }]
    }

    fn output(code: i32) -> Output {
        Output { code: Some(code), ..Output::default() }
    }

    #[test]
    fn the_state_decides_not_the_exit_code() {
        let before = state_of(&[("a", "all", "1", "install ok installed")]);
        let after = state_of(&[("a", "all", "2", "install ok installed")]);
        let half = state_of(&[("a", "all", "2", "install ok half-configured")]);
        assert_eq!(decide(&upgrade(), &before, &after, Some(&output(0))), (Outcome::Changed, None));
        let (outcome, reason) = decide(&upgrade(), &before, &after, Some(&output(100)));
        assert_eq!(
            (outcome, reason.as_deref()),
            (Outcome::Changed, Some("as planned, but apt-get ended with exit code 100"))
        );
        assert_eq!(decide(&upgrade(), &before, &before, Some(&output(0))).0, Outcome::Failed);
        let (outcome, reason) = decide(&upgrade(), &before, &half, Some(&output(100)));
        assert_eq!(outcome, Outcome::Failed);
        assert_eq!(reason.unwrap(), "not as planned: a (2 half-configured); apt-get ended with exit code 100");
    }

    #[test]
    fn a_package_left_half_done_beside_the_plan_is_a_failure() {
        let before = state_of(&[("a", "all", "1", "install ok installed"), ("b", "all", "1", "install ok installed")]);
        let after =
            state_of(&[("a", "all", "2", "install ok installed"), ("b", "all", "1", "install ok triggers-pending")]);
        assert_eq!(decide(&upgrade(), &before, &after, Some(&output(0))).0, Outcome::Failed);
    }

    #[test]
    fn nothing_planned_and_nothing_changed_is_unchanged() {
        let state = state_of(&[("a", "all", "1", "install ok installed")]);
        assert_eq!(decide(&[], &state, &state, None), (Outcome::Unchanged, None));
        let other = state_of(&[("a", "all", "2", "install ok installed")]);
        assert_eq!(decide(&[], &state, &other, None).0, Outcome::Failed);
    }
}
