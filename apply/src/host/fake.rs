//! A host made of a table, for tests: answers what apt, dpkg and our scripts would, with faults on demand.
#![expect(clippy::format_collect, clippy::format_push_string, reason = "a test double may be slow")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use sealift_model::Digest;

use super::{Command, Host, HostError, Output};

/// What the host has and how it misbehaves.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Installed packages: name to version and status.
    pub packages: BTreeMap<String, (String, String)>,
    /// What the repository offers: name to version and content.
    pub offered: BTreeMap<String, (String, String)>,
    /// Nothing answers.
    pub unreachable: bool,
    /// Answers to the facts script before nothing answers any more.
    pub answers_left: Option<u32>,
    /// What `apt-get update` says and ends with.
    pub update: Option<(i32, String)>,
    /// This package's postinst fails.
    pub broken: Option<String>,
    /// apt-get never ends.
    pub hangs: bool,
    /// apt-get ends well and does nothing.
    pub lazy: bool,
    /// The commands that were run, shortened to program and last arguments.
    pub said: Vec<String>,
}

/// A host over a shared model.
#[derive(Debug, Clone, Default)]
pub struct FakeHost(pub Rc<RefCell<Model>>);

impl FakeHost {
    /// Makes a host with installed and offered packages (name, version).
    pub fn new(installed: &[(&str, &str)], offered: &[(&str, &str)]) -> Self {
        let mut model = Model::default();
        for (name, version) in installed {
            model.packages.insert((*name).into(), ((*version).into(), "install ok installed".into()));
        }
        let host = Self(Rc::new(RefCell::new(model)));
        for (name, version) in offered {
            host.offer(name, version, "");
        }
        host
    }

    /// Publishes a package version.
    pub fn offer(&self, name: &str, version: &str, content: &str) {
        self.0.borrow_mut().offered.insert(name.into(), (version.into(), content.into()));
    }

    /// Tells whether a command whose words contain `text` was run.
    pub fn ran(&self, text: &str) -> bool {
        self.0.borrow().said.iter().any(|line| line.contains(text))
    }
}

fn output(code: i32, text: &str) -> Output {
    Output { code: Some(code), lines: text.lines().map(str::to_owned).collect(), ..Output::default() }
}

impl Model {
    fn facts(&self) -> String {
        let lines: String = self
            .packages
            .iter()
            .map(|(name, (version, state))| format!("|{name}\tall\t{version}\t{state}\n"))
            .collect();
        format!("@facts 1\n@architecture\n|amd64\n@kernel-running\n|6.1\n@packages\n{lines}|rc=0\n@end\n")
    }

    /// Names what would be done for a request: all upgrades, or `name` and `name=version` arguments.
    fn wanted(&self, arguments: &[&str]) -> Vec<(String, String)> {
        let names: Vec<&str> = match arguments.iter().position(|a| *a == "--") {
            Some(at) => arguments[at + 1..].iter().map(|a| a.split('=').next().unwrap()).collect(),
            None => self.packages.keys().map(String::as_str).collect(),
        };
        let newer = |name: &&str| {
            let offered = self.offered.get(*name)?;
            let installed = self.packages.get(*name).map(|(version, _)| version);
            (installed != Some(&offered.0)).then(|| ((*name).to_owned(), offered.0.clone()))
        };
        names.iter().filter_map(newer).collect()
    }

    fn simulate(&self, arguments: &[&str]) -> Output {
        let line = |(name, to): &(String, String)| match self.packages.get(name) {
            Some((from, _)) => format!("Inst {name} [{from}] ({to} s [all])\nConf {name} ({to} s [all])\n"),
            None => format!("Inst {name} ({to} s [all])\nConf {name} ({to} s [all])\n"),
        };
        output(0, &self.wanted(arguments).iter().map(line).collect::<String>())
    }

    fn show(&self, arguments: &[&str]) -> Output {
        let at = arguments.iter().position(|a| *a == "--").unwrap();
        let paragraph = |argument: &&str| {
            let (name, _) = argument.split_once('=').unwrap();
            let (version, content) = &self.offered[name];
            let digest = Digest::of(format!("{name}{version}{content}").as_bytes());
            format!("Package: {name}\nVersion: {version}\nArchitecture: all\nSize: 7\nSHA256: {digest}\n\n")
        };
        output(0, &arguments[at + 1..].iter().map(paragraph).collect::<String>())
    }

    fn install(&mut self, arguments: &[&str]) -> Output {
        if self.hangs {
            return Output { lines: vec!["Unpacking".into()], timed_out: true, ..Output::default() };
        }
        if self.lazy {
            return output(0, "done");
        }
        let mut code = 0;
        let mut text = String::new();
        for (name, version) in self.wanted(arguments) {
            let fails = self.broken.as_ref() == Some(&name);
            let state = if fails { "install ok half-configured" } else { "install ok installed" };
            text.push_str(&format!("Setting up {name} ({version}) ...\n"));
            if fails {
                text.push_str(&format!("dpkg: error processing package {name} (--configure):\n"));
                code = 100;
            }
            self.packages.insert(name, (version, state.into()));
        }
        output(code, &text)
    }

    fn answer(&mut self, argv: &[&str]) -> Output {
        match argv {
            ["sh", "-c", script, ..] if script.contains("@facts") => output(0, &self.facts()),
            ["sh", "-c", script, ..] if script.contains("Release") => {
                output(0, &format!("{} *r_InRelease", Digest::of(b"release")))
            }
            ["apt-get", .., "update"] => {
                self.update.clone().map_or_else(|| output(0, ""), |(code, text)| output(code, &text))
            }
            ["apt-get", rest @ ..] if rest.contains(&"-s") => self.simulate(rest),
            ["apt-get", rest @ ..] if rest.contains(&"install") => self.install(rest),
            ["apt-cache", rest @ ..] => self.show(rest),
            _ => output(0, ""),
        }
    }
}

impl Host for FakeHost {
    fn describe(&self) -> String {
        "fake".into()
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let mut model = self.0.borrow_mut();
        let argv: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let is_facts = argv.get(2).is_some_and(|script| script.contains("@facts"));
        let spent = is_facts && model.answers_left == Some(0);
        if model.unreachable || spent {
            return Err(HostError::Unreachable { host: self.describe(), reason: "no route to host".into() });
        }
        if is_facts {
            model.answers_left = model.answers_left.map(|n| n - 1);
        }
        // Without the options, which are the same in every call.
        let mut words: Vec<&str> = Vec::new();
        let mut option = false;
        for word in &argv {
            match (*word, option) {
                ("-o", _) => option = true,
                (_, true) => option = false,
                (word, false) => words.push(word),
            }
        }
        model.said.push(words.join(" "));
        Ok(model.answer(&words))
    }

    fn repository_uri(&self, uri: &str) -> String {
        uri.to_owned()
    }

    fn is_root_directory(&self) -> bool {
        false
    }
}
