//! Which variables results depend on.

use super::super::plan::{Cache, Plan};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Variables by name, as `std::env::vars_os` has them.
pub type Environment = BTreeMap<OsString, OsString>;

/// Variables that count only where `cache.env` names them: those of the terminal, of the session, of temporary files and of the run itself. They
/// differ from one run to the next, and on CI from one machine to the next. `*` ends a prefix.
pub const VOLATILE: &[&str] = &[
    // The shell.
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "HISTFILE",
    "HISTSIZE",
    "PS1",
    "PS2",
    "PROMPT",
    "PROMPT_COMMAND",
    // The terminal.
    "TERM*",
    "COLORTERM",
    "COLUMNS",
    "LINES",
    "TTY",
    "VTE_VERSION",
    "ITERM_*",
    "LC_TERMINAL*",
    "KITTY_*",
    "ALACRITTY_*",
    "WEZTERM_*",
    "KONSOLE_*",
    "GNOME_TERMINAL_*",
    "WT_*",
    "ConEmu*",
    "TMUX*",
    "STY",
    "WINDOW",
    "LS_COLORS",
    "LESS*",
    "PAGER",
    // The session.
    "SSH_*",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "WINDOWID",
    "XAUTHORITY",
    "XDG_SESSION*",
    "XDG_RUNTIME_DIR",
    "XDG_SEAT*",
    "XDG_VTNR",
    "DESKTOP_*",
    "DBUS_SESSION_BUS_ADDRESS",
    "SESSION_MANAGER",
    "SESSIONNAME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_*",
    "GPG_*",
    "Apple_*",
    "SECURITYSESSIONID",
    "XPC_*",
    "__CF*",
    "LOGONSERVER",
    // Temporary files.
    "TMPDIR",
    "TMP",
    "TEMP",
    // The editor that the terminal belongs to.
    "VSCODE_*",
    "GIT_ASKPASS",
    "INSIDE_EMACS",
    "NVIM*",
    "IDEA_*",
    // What started the run, and the run.
    "npm_*",
    "INIT_CWD",
    "EPHEMERAL_*",
];

/// The variables of the plan that count.
pub(super) fn of_plan(plan: &Plan, cache: &Cache, base: &Environment) -> Environment {
    let mut all = base.clone();
    for (name, value) in &plan.env {
        // On Windows one variable has several spellings.
        all.retain(|other, _| !same_name(other, name));
        if let Some(value) = value {
            all.insert(name.into(), value.into());
        }
    }
    all.retain(|name, _| match &cache.env {
        Some(names) => names.iter().any(|pattern| matches(pattern, name)),
        None => !VOLATILE.iter().any(|pattern| matches(pattern, name)),
    });
    all
}

fn same_name(one: &OsStr, other: &str) -> bool {
    if cfg!(windows) { one.eq_ignore_ascii_case(other) } else { one == other }
}

fn matches(pattern: &str, name: &OsStr) -> bool {
    let Some(prefix) = pattern.strip_suffix('*') else { return same_name(name, pattern) };
    let (prefix, name) = (prefix.as_bytes(), name.as_encoded_bytes());
    name.get(..prefix.len())
        .is_some_and(|start| if cfg!(windows) { start.eq_ignore_ascii_case(prefix) } else { start == prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_prefixes() {
        assert!(matches("NODE_*", OsStr::new("NODE_ENV")));
        assert!(matches("*", OsStr::new("ANY")));
        assert!(!matches("NODE_*", OsStr::new("NODE")));
        assert!(!matches("NODE", OsStr::new("NODE_ENV")));
        let volatile = |name: &str| VOLATILE.iter().any(|pattern| matches(pattern, OsStr::new(name)));
        assert!(volatile("TERM_PROGRAM") && volatile("EPHEMERAL_PIPE") && volatile("npm_config_user_agent"));
        assert!(
            !volatile("PATH") && !volatile("HOME") && !volatile("CI") && !volatile("NODE_ENV") && !volatile("LANG")
        );
    }
}
