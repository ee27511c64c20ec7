//! The key desk: keys, the edits of a draft, and signatures made elsewhere.

use std::path::Path;

use sealift_keys::{KeyFile, Passphrase};

use super::{Case, DESK, SIGN_DRAFT, case};
use crate::state::State;
use crate::world::{Line, Worlds, private_file};

const SIGN_EXPORTED: &str = "sign to-sign --key keys/keys/root-1.key --passphrase-file passphrase -o root-1.sig";
const ADD_KEY: &str = "root add-key 2.draft --role targets --key holder.pub";
const POLICY: &str = "root policy 2.draft --kind approve 1";
const PERSON: &str = "root add-person 2.draft alice --key people/alice.pub --may approve,waive";

/// A case whose command refuses to do the same again, or does nothing.
pub fn once(
    from: &'static str,
    needs: &'static [&'static str],
    name: &'static str,
    tool: &'static str,
    line: &str,
) -> Case {
    Case { once: true, ..case(name, from, needs, tool, line) }
}

pub fn cases() -> Vec<Case> {
    let edit = |name, line: &str| once("handed-in", &["keys", "2.draft", "holder.pub", "people"], name, "keys", line);
    let key = "keys/keys/targets-1.key";
    let attach = "attach 2.draft --key keys/keys/root-1.key --signature root-1.sig";
    vec![
        Case { random: &["holder."], ..once("nothing", &["passphrase"], "generate", "generate", "holder passphrase") },
        Case {
            random: &["people/"],
            ..once("nothing", &["passphrase"], "person-new", "person", "people alice passphrase")
        },
        once("drafted", &["keys"], "root-draft", "keys", "root draft keys/root.json -o 3.draft"),
        edit("root-add-key", ADD_KEY),
        edit("root-add-person", PERSON),
        edit("root-replace-key", &format!("root replace-key 2.draft --role targets --old {key} --new holder.pub")),
        once(
            "two-targets-keys",
            DESK,
            "root-remove-key",
            "keys",
            &format!("root remove-key 2.draft --role targets --key {key}"),
        ),
        once("two-targets-keys", DESK, "root-threshold", "keys", "root threshold 2.draft --role targets 2"),
        once("drafted", DESK, "root-renew", "keys", "root renew 2.draft --expires-days 100"),
        once("alice-named", DESK, "root-policy", "keys", POLICY),
        once("alice-named", DESK, "root-remove-person", "keys", "root remove-person 2.draft alice"),
        // Once it is done, the old passphrase opens it no more: what is compared is which one does.
        Case {
            random: &["keys/keys/root-1"],
            ..once(
                "new-passphrase",
                &["keys", "passphrase", "passphrase.new"],
                "reseal",
                "reseal",
                "keys/keys/root-1.key passphrase passphrase.new",
            )
        },
        once("drafted", DESK, "export", "keys", "export 2.draft -o to-sign"),
        once("exported", &["keys", "passphrase", "to-sign"], "sign-exported", "keys", SIGN_EXPORTED),
        once("signed-elsewhere", &["keys", "2.draft", "root-1.sig"], "attach-signature", "keys", attach),
    ]
}

pub fn make_steps(worlds: &Worlds) {
    let nothing = |_: &Path| ();
    let keys = |line: &str| Line::new("keys", line);
    let made = [Line::new("generate", "holder passphrase"), Line::new("person", "people alice passphrase")];
    worlds.derive("handed-in", Some("drafted"), &nothing, &made);
    worlds.derive("two-targets-keys", Some("handed-in"), &nothing, &[keys(ADD_KEY)]);
    worlds.derive("alice-named", Some("handed-in"), &nothing, &[keys(PERSON)]);
    let chosen = |dir: &Path| private_file(&dir.join("passphrase.new"), "insecure-test-other\n");
    worlds.derive("new-passphrase", Some("drafted"), &chosen, &[]);
    worlds.derive("exported", Some("drafted"), &nothing, &[keys("export 2.draft -o to-sign")]);
    worlds.derive("signed-elsewhere", Some("exported"), &nothing, &[keys(SIGN_EXPORTED)]);
    // The next root asks for one approval of each bundle.
    let asked = [
        keys("root draft keys/root.json -o 2.draft"),
        Line::new("person", "people alice passphrase"),
        keys(PERSON),
        keys(POLICY),
        keys(SIGN_DRAFT),
        keys("root publish 2.draft --to keys"),
    ];
    worlds.derive("approvals-asked", Some("synced"), &nothing, &asked);
}

/// Adds which of two passphrases opens the key that is sealed anew.
pub fn opens(dir: &Path, state: &mut State) {
    if !dir.join("passphrase.new").exists() {
        return;
    }
    let opens = |name: &str| {
        let file = KeyFile::read(&dir.join("keys/keys/root-1.key"));
        file.is_ok_and(|file| file.open(&Passphrase::from_file(&dir.join(name)).unwrap()).is_ok())
    };
    state.insert("opens".into(), format!("old {}, new {}", opens("passphrase"), opens("passphrase.new")));
}
