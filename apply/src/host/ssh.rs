//! A machine reached by this system's OpenSSH.
//!
//! Host keys are always checked against known ones; there is no way to turn that off here, only to name the file they
//! are in. The command's time is limited on the host as well: ending our end of the connection would not end it there.

use std::time::Duration;

use sealift_model::escape::printable;

use super::quote::quote;
use super::{Command, ENVIRONMENT, Host, HostError, Output, copied_uri, process};

/// What `timeout` of coreutils exits with when the time was over.
const TIMED_OUT: [i32; 2] = [124, 137];
/// What ssh exits with when the connection failed.
const CONNECTION_FAILED: i32 = 255;

/// A host reached by ssh.
#[derive(Debug, Clone)]
pub struct SshHost {
    destination: String,
    options: Vec<String>,
}

impl SshHost {
    /// Makes a host of an ssh destination (`root@web1.example.org`) and more `-o` options.
    pub fn new(destination: String, options: Vec<String>) -> Self {
        Self { destination, options }
    }

    fn arguments(&self, command: &Command) -> Vec<String> {
        let mut arguments: Vec<String> = vec!["-T".into()];
        // ssh takes the first value of an option, so these cannot be overridden by what follows.
        let fixed = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "ClearAllForwardings=yes"];
        let defaults = ["ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=8", "LogLevel=ERROR"];
        let own = self.options.iter().map(String::as_str);
        for option in fixed.into_iter().chain(own).chain(defaults) {
            arguments.extend(["-o".to_owned(), option.to_owned()]);
        }
        let seconds = command.timeout.as_secs().max(1).to_string();
        let wrapper = ["timeout", "--kill-after=10", seconds.as_str()];
        let mut remote = vec!["env".to_owned(), "-i".to_owned()];
        remote.extend(ENVIRONMENT.into_iter().chain(wrapper).map(str::to_owned));
        remote.extend(command.argv.iter().cloned());
        arguments.extend(["--".to_owned(), self.destination.clone(), quote(&remote)]);
        arguments
    }
}

impl Host for SshHost {
    fn describe(&self) -> String {
        format!("ssh {}", self.destination)
    }

    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let mut ssh = std::process::Command::new("ssh");
        ssh.args(self.arguments(command));
        let patience = command.timeout + Duration::from_mins(1);
        let mut output = process::run(ssh, &command.stdin, patience).map_err(|source| HostError::Start {
            program: "ssh".into(),
            host: self.describe(),
            source,
        })?;
        if output.code == Some(CONNECTION_FAILED) {
            let last = output.lines.iter().rev().find(|line| !line.trim().is_empty());
            let mut reason = printable(last.map_or("ssh gave no reason", |line| line.trim()));
            if reason == "Host key verification failed." {
                let way = format!(" Connect once by hand and compare the key: ssh {}", self.destination);
                reason.push_str(&way);
            }
            return Err(HostError::Unreachable { host: self.describe(), reason });
        }
        if output.code.is_some_and(|code| TIMED_OUT.contains(&code)) {
            output.timed_out = true;
            output.code = None;
        }
        Ok(output)
    }

    fn repository_uri(&self, uri: &str) -> String {
        copied_uri(uri)
    }

    fn is_root_directory(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_reaches_the_remote_shell_quoted_and_after_the_destination() {
        let host = SshHost::new("root@web1.example.org".into(), vec!["StrictHostKeyChecking=no".into()]);
        let command = Command::new(["printf", "%s", "$(reboot); it's"], Duration::from_secs(5));
        let arguments = host.arguments(&command);
        let end = arguments.iter().position(|a| a == "--").unwrap();
        assert_eq!(arguments[end + 1], "root@web1.example.org");
        assert_eq!(arguments.len(), end + 3);
        assert!(arguments[end + 2].ends_with(r"timeout --kill-after=10 5 printf '%s' '$(reboot); it'\''s'"));
    }

    #[test]
    fn host_key_checking_cannot_be_turned_off_by_an_option() {
        let host = SshHost::new("root@web1.example.org".into(), vec!["StrictHostKeyChecking=no".into()]);
        let arguments = host.arguments(&Command::new(["true"], Duration::from_secs(5)));
        let at = |text: &str| arguments.iter().position(|a| a == text).unwrap();
        assert!(at("StrictHostKeyChecking=yes") < at("StrictHostKeyChecking=no"));
    }
}
