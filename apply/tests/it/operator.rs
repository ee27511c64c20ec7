//! What somebody reads who is new to the tool and gets something wrong: what, where, and what to type next.

use crate::site::{Deb, Site, tools_are_here};

#[test]
fn a_wrong_inventory_is_named_by_line_and_column() {
    let site = Site::new();
    let good = site.read("inventory.toml");
    let cases = [
        ("[site]", "[site", "line 1, column 6"),
        ("keyring", "keyrign", "unknown field `keyrign`, expected one of `name`, `keyring`, `statement_key`"),
        ("[\"stable\"]", "\"stable\"", "line 7, column 10: invalid type: string \"stable\", expected a list like"),
        ("name = \"web1\"", "name = \"Web 1\"", "line 11, column 8: `Web 1` is not a valid name"),
        ("root = \"roots/web1\"\n", "", "host `web1` needs either `root` or `ssh`"),
        ("\"chrootless\"", "\"jail\"", "unknown variant `jail`, expected `chroot` or `chrootless`"),
        ("file:repository", "ftp:repository", "begins with `file:`, `http://` or `https://`"),
    ];
    for (from, to, words) in cases {
        assert!(good.contains(from), "{from}");
        std::fs::write(site.path("inventory.toml"), good.replacen(from, to, 1)).unwrap();
        site.apply(&["facts"]).exits(2).complains(words).complains("Hint: ").complains("Nothing was changed.");
    }
}

#[test]
fn a_directory_that_is_no_host_says_what_it_lacks() {
    let site = Site::new();
    site.replace("inventory.toml", "roots/web1", "roots/none");
    site.apply(&["facts"]).exits(1).says("there is no directory").says("check `root` of the host");
    std::fs::create_dir_all(site.path("roots/none")).unwrap();
    site.apply(&["facts"]).exits(1).says("holds no dpkg database");
    let plan = site.apply(&["plan", "--group", "web"]);
    plan.exits(1).complains("holds no dpkg database").complains("sealift-apply plan --group web");
    plan.complains("No plan was made. Nothing was changed.");
    // Root hears that it is no Debian root, others that chroot takes root.
    site.replace("inventory.toml", "enter = \"chrootless\"", "enter = \"chroot\"");
    site.apply(&["facts"]).exits(1).says("cannot enter root directory");
}

#[test]
fn a_component_that_is_not_there_is_no_empty_plan() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.publish(&[Deb::new("alpha", "1.0")]);
    site.replace("inventory.toml", "components = [\"main\"]", "components = [\"mian\"]");
    site.apply(&["plan", "--group", "web"]).exits(1).complains("'mian'").complains("check `repository`");
}

#[test]
fn a_plan_that_cannot_be_copied_is_kept_and_said_to_be() {
    if !tools_are_here() {
        return;
    }
    let site = Site::new();
    site.publish(&[Deb::new("alpha", "1.0")]);
    let plan = site.apply(&["plan", "--group", "web", "--out", "nowhere/plan.json"]);
    plan.exits(1).complains("sealift-apply run ").complains("No host was changed.");
    assert!(site.exists("plans"));
}

#[test]
fn names_that_are_nearly_right_are_recognised_and_empty_groups_named() {
    let site = Site::new();
    site.replace("inventory.toml", "hosts = [\"web1\"]", "hosts = []");
    site.apply(&["facts", "--group", "web"]).exits(2).complains("group `web` has no hosts");
    site.replace("inventory.toml", "[[host]]", "[[host]]\nname = \"db1\"\nroot = \"roots/db1\"\n[[host]]");
    site.apply(&["facts", "--host", "wbe1"]).exits(2).complains("did you mean `web1`?");
    site.apply(&["run", "site"]).exits(1).complains("not a regular file").complains("Hint: a plan is named by");
    site.apply(&["run", "inventory.toml"]).exits(10).complains("refused the plan inventory.toml");
}
