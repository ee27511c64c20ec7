use super::*;

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn answer() -> String {
    let listen = "  0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1";
    let connected = "  1: 0100007F:1F90 0100007F:0016 01 00000000:00000000 00:00000000 00000000 0 0 1";
    format!(
        "Welcome!\n@facts 1\n\n@os-release\n|ID=debian\n|PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n|VERSION_ID=\"12\"\n\
         @kernel-running\n|6.1.0-1-amd64\n@kernels\n|6.1.0-9-amd64\n|6.1.0-10-amd64\n@architecture\n|amd64\n\
         @packages\n|b\tamd64\t1\tinstall ok installed\n|a\tall\t1:2\thold ok installed\n|gone\tall\t\tunknown ok not-installed\n|rc=0\n\
         @conffiles\n|\n| /etc/a b.conf 0123 obsolete\n| /etc/gone newconffile\n|rc=0\n\
         @conffiles-sha256\n|ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad */r/etc/a b.conf\n\
         @conffiles-md5\n|0123 */r/etc/a b.conf\n@tcp\n|  sl  local_address\n|{listen}\n|{connected}\n\
         @tcp6\n|  sl\n|  0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0\n\
         @reboot\n|required\n@reboot-packages\n|linux-base\n|linux-base\n@end\n"
    )
}

#[test]
fn an_answer_becomes_a_state() {
    let state = parse(&lines(&answer()), "/r").unwrap();
    assert_eq!((state.architecture.as_str(), state.os.version_id.as_deref()), ("amd64", Some("12")));
    assert_eq!(state.kernel.newest.as_deref(), Some("6.1.0-10-amd64"));
    let names: Vec<_> = state.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!((names, state.packages_count), (vec!["a", "b"], 2));
    assert!(state.packages[0].is_held() && state.packages[0].is_installed());
    let expected = sealift_model::Digest::of(b"a\tall\t1:2\thold ok installed\nb\tamd64\t1\tinstall ok installed\n");
    assert_eq!(state.packages_digest, expected);
    assert_eq!((state.conffiles[0].path.as_str(), state.conffiles[0].modified), ("/etc/a b.conf", false));
    assert!(state.conffiles[0].sha256.is_some() && state.conffiles[1].sha256.is_none());
    let ports: Vec<_> = state.ports.iter().map(|p| (p.address.as_str(), p.port, p.protocol.as_str())).collect();
    assert_eq!(ports, [("127.0.0.1", 22, "tcp"), ("::1", 80, "tcp6")]);
    assert_eq!((state.reboot.required, state.reboot.packages.as_slice()), (true, &["linux-base".to_owned()][..]));
    assert!(state.services.is_none() && state.check().is_ok());
}

#[test]
fn an_answer_of_another_form_is_refused() {
    for (from, to) in [
        ("@end\n", ""),
        ("@facts 1\n", ""),
        ("@tcp6", "@tcp"),
        ("@tcp6", "@unknown"),
        ("|rc=0\n@conffiles\n", "|rc=2\n@conffiles\n"),
        ("b\tamd64\t1\tinstall", "b\tamd64\tinstall"),
        ("b\tamd64\t1\t", "a\tall\t1:2\thold ok installed\n|b\tamd64\t1\t"),
        ("|amd64\n", "|amd64\n|i386\n"),
        ("|6.1.0-1-amd64\n", ""),
        ("0100007F:0016 0", "0100007F:10016 0"),
        ("0123 */r", "0123 /r"),
        ("@kernels", "noise\n@kernels"),
    ] {
        let bad = answer().replacen(from, to, 1);
        assert_ne!(bad, answer());
        assert!(parse(&lines(&bad), "/r").is_err(), "{from:?} -> {to:?}");
    }
}

#[test]
fn a_package_list_cannot_pretend_to_be_a_section() {
    let bad = answer().replacen("|b\tamd64", "|@end\n|b\tamd64", 1);
    assert!(matches!(parse(&lines(&bad), "/r"), Err(FactsError::Line { section: "packages", .. })));
}

#[test]
fn the_script_runs_on_this_machine_and_is_understood() {
    let output = std::process::Command::new("sh").args(["-c", SCRIPT, "sh", ""]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !text.contains("|rc=0") {
        eprintln!("NOT CHECKED: dpkg-query is not on this machine");
        return;
    }
    let state = parse(&lines(&text), "").unwrap();
    assert!(state.packages_count > 10 && !state.kernel.running.is_empty());
    state.check().unwrap();
}
