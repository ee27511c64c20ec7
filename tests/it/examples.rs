//! The files of `examples/` are read by the tools they are for.

use crate::line::Line;

fn example(line: &Line, name: &str) {
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let status = std::process::Command::new("cp").arg("--recursive").arg(from).arg(line.path("example")).status();
    assert!(status.unwrap().success());
}

#[test]
fn mirror_example_is_read() {
    let line = Line::new();
    example(&line, "mirror");
    let said = line.run(env!("CARGO_BIN_EXE_t-sealift-mirror"), &["upstream", "list", "--dir", "example"]).done();
    assert!(said.contains("debian-security") && said.contains("bookworm"), "{said}");
}

#[test]
fn inventory_example_is_read() {
    let line = Line::new();
    example(&line, "apply");
    let apply = env!("CARGO_BIN_EXE_t-sealift-apply");
    // A host that is not there is the shortest command that needs the whole inventory and touches nothing.
    line.run(apply, &["facts", "--dir", "example", "--host", "web9"]).failed(2, &["web9", "web1", "trial1"]);
}
