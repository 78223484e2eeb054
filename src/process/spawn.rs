//! What is to be started, and why it could not be.

use super::lookup::{Missing, Programs};
use super::output::LineSink;
use super::redact::Redactor;
use super::shell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// A process's variables, all of them.
pub type Env = BTreeMap<OsString, OsString>;

/// A process to start.
pub struct Spawn {
    /// What is run.
    pub program: Program,
    /// Absolute.
    pub cwd: PathBuf,
    /// Nothing of this process's own variables is added.
    pub env: Env,
    /// The file for its output; its folder is made. `None`: the output is kept in memory alone.
    pub log: Option<PathBuf>,
    /// What its output must not show.
    pub redactor: Arc<Redactor>,
    /// Where its stderr goes; `None`: to the same place as its stdout.
    pub stderr: Option<File>,
    /// Hears its lines from the first on.
    pub on_line: Option<LineSink>,
}

impl Spawn {
    /// Without a log, without secrets.
    pub fn new(program: Program, cwd: impl Into<PathBuf>, env: Env) -> Self {
        Spawn { program, cwd: cwd.into(), env, log: None, stderr: None, redactor: Arc::default(), on_line: None }
    }
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A program and its arguments.
    Argv(Vec<OsString>),
    /// A line for the platform's shell. One of plain words is run without it.
    Shell(String),
}

impl Program {
    /// A program and its arguments.
    pub fn argv<S: Into<OsString>>(words: impl IntoIterator<Item = S>) -> Self {
        Program::Argv(words.into_iter().map(Into::into).collect())
    }

    /// A line for the shell.
    pub fn shell(line: impl Into<String>) -> Self {
        Program::Shell(line.into())
    }
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no program.
    #[error("the command is empty")]
    Empty,
    /// No file of that name, in PATH or where the name says.
    #[error("command not found: {program}{}", searched(path.as_deref()))]
    NotFound {
        /// As it was given.
        program: String,
        /// The PATH that was searched; `None`: the name is a path.
        path: Option<String>,
    },
    /// A file that may not be run.
    #[error("{} cannot be run: it is not an executable file; give it the permission (chmod +x) or name what runs it", path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
    },
    /// There is no such directory to run in.
    #[error("{program} cannot be started in {}: there is no such directory", cwd.display())]
    NoDirectory {
        /// The program.
        program: String,
        /// Where it was to run.
        cwd: PathBuf,
    },
    /// What a script names in its first line is not there.
    #[error("{} cannot be run: what its first line names is not there", path.display())]
    NoInterpreter {
        /// The script.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{program} cannot be started: {source}")]
    System {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The host was closed.
    #[error("{program} cannot be started: the run is over")]
    Closed {
        /// The program.
        program: String,
    },
}

fn searched(path: Option<&str>) -> String {
    match path {
        None => String::new(),
        Some("") => " (PATH is empty)".to_owned(),
        Some(path) => format!(" (PATH is {path})"),
    }
}

/// Starts it in a group of its own, its output in the pipe.
pub(super) fn start(
    programs: &Programs,
    spawn: &Spawn,
    marker: (&OsStr, &str),
    output: io::PipeWriter,
) -> Result<Child, SpawnError> {
    let words = match &spawn.program {
        Program::Argv(words) => words.clone(),
        Program::Shell(line) => match shell::plain_words(line) {
            Some(words) => words.into_iter().map(OsString::from).collect(),
            None => return start_shell(spawn, line, marker, output),
        },
    };
    let Some((name, arguments)) = words.split_first().filter(|(name, _)| !name.is_empty()) else {
        return Err(SpawnError::Empty);
    };
    let file = find(programs, name, spawn)?;
    let mut command = Command::new(&file);
    command.args(arguments);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::arg0(&mut command, name);
    let again = output.try_clone().map_err(|source| system(name, source))?;
    match prepare(&mut command, spawn, marker, output).and_then(|command| command.spawn()) {
        Ok(child) => Ok(child),
        // A script without a first line that names what runs it: any shell runs it itself, and so does execvp.
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(libc::ENOEXEC) => {
            let mut command = Command::new("/bin/sh");
            command.arg(&file).args(arguments);
            let started = prepare(&mut command, spawn, marker, again).and_then(|command| command.spawn());
            started.map_err(|error| explain(spawn, name, &file, error))
        }
        Err(error) => {
            drop(again);
            Err(explain(spawn, name, &file, error))
        }
    }
}

fn find(programs: &Programs, name: &OsStr, spawn: &Spawn) -> Result<PathBuf, SpawnError> {
    let path = variable(&spawn.env, "PATH");
    programs.find(name, path, &spawn.cwd).map_err(|missing| match missing {
        _ if !spawn.cwd.is_dir() => no_directory(name, &spawn.cwd),
        Missing::NotExecutable(path) => SpawnError::NotExecutable { path },
        Missing::NotFound => {
            let is_path = name.to_string_lossy().chars().any(std::path::is_separator);
            let searched = path.unwrap_or_default().to_string_lossy().into_owned();
            SpawnError::NotFound { program: text(name), path: (!is_path).then_some(searched) }
        }
    })
}

fn start_shell(spawn: &Spawn, line: &str, marker: (&OsStr, &str), output: io::PipeWriter) -> Result<Child, SpawnError> {
    #[cfg(unix)]
    let (name, mut command) = {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(line);
        (OsStr::new("/bin/sh"), command)
    };
    #[cfg(windows)]
    let (name, mut command) = {
        use std::os::windows::process::CommandExt;
        let mut command = Command::new("cmd.exe");
        // Extensions on and delayed expansion off: `shell::quote` counts on both.
        command.raw_arg(format!("/d /e:on /v:off /s /c \"{line}\""));
        (OsStr::new("cmd.exe"), command)
    };
    if line.trim().is_empty() {
        return Err(SpawnError::Empty);
    }
    let started = prepare(&mut command, spawn, marker, output).and_then(|command| command.spawn());
    started.map_err(|error| if spawn.cwd.is_dir() { system(name, error) } else { no_directory(name, &spawn.cwd) })
}

fn prepare<'a>(
    command: &'a mut Command,
    spawn: &Spawn,
    (name, value): (&OsStr, &str),
    output: io::PipeWriter,
) -> io::Result<&'a mut Command> {
    command.env_clear().envs(&spawn.env).env(name, value).current_dir(&spawn.cwd);
    let stderr = match &spawn.stderr {
        Some(file) => Stdio::from(file.try_clone()?),
        None => Stdio::from(output.try_clone()?),
    };
    command.stdin(Stdio::null()).stderr(stderr).stdout(output);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    super::windows::prepare(command);
    Ok(command)
}

fn explain(spawn: &Spawn, name: &OsStr, file: &Path, error: io::Error) -> SpawnError {
    match error.kind() {
        _ if !spawn.cwd.is_dir() => no_directory(name, &spawn.cwd),
        ErrorKind::NotFound if file.exists() => SpawnError::NoInterpreter { path: file.into() },
        ErrorKind::NotFound => SpawnError::NotFound { program: text(name), path: None },
        ErrorKind::PermissionDenied => SpawnError::NotExecutable { path: file.into() },
        _ => system(name, error),
    }
}

fn variable<'a>(env: &'a Env, name: &str) -> Option<&'a OsStr> {
    let is_it = |key: &OsStr| if cfg!(windows) { key.eq_ignore_ascii_case(name) } else { key == name };
    env.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value.as_os_str())
}

pub(super) fn system(name: &OsStr, source: io::Error) -> SpawnError {
    SpawnError::System { program: text(name), source }
}

fn no_directory(name: &OsStr, cwd: &Path) -> SpawnError {
    SpawnError::NoDirectory { program: text(name), cwd: cwd.into() }
}

fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}
