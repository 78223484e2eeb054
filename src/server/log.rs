//! The log: lines on standard error, never a value or a secret.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
    Silent,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) level: Level,
    pub(super) structured: bool,
}

impl Log {
    pub(super) fn is_on(&self, level: Level) -> bool {
        level >= self.level && self.level != Level::Silent
    }

    pub(super) fn debug(&self, message: &str, fields: &[(&str, Value)]) {
        self.write(Level::Debug, message, fields);
    }

    pub(super) fn info(&self, message: &str, fields: &[(&str, Value)]) {
        self.write(Level::Info, message, fields);
    }

    pub(super) fn warn(&self, message: &str, fields: &[(&str, Value)]) {
        self.write(Level::Warn, message, fields);
    }

    pub(super) fn error(&self, message: &str, fields: &[(&str, Value)]) {
        self.write(Level::Error, message, fields);
    }

    fn write(&self, level: Level, message: &str, fields: &[(&str, Value)]) {
        if !self.is_on(level) {
            return;
        }
        let line = if self.structured { structured(level, message, fields) } else { plain(message, fields) };
        // A host whose standard error is closed is none the worse for it.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn plain(message: &str, fields: &[(&str, Value)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    match fields.is_empty() {
        true => format!("[broker] {message}\n"),
        false => format!("[broker] {message} ({})\n", fields.join(" ")),
    }
}

fn structured(level: Level, message: &str, fields: &[(&str, Value)]) -> String {
    let mut record = Map::new();
    record.insert("timestamp".into(), epoch_millis().into());
    record.insert("level".into(), format!("{level:?}").to_lowercase().into());
    record.insert("component".into(), "broker".into());
    record.insert("message".into(), message.into());
    record.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    format!("{}\n", Value::Object(record))
}

/// The wall clock: for people's eyes, never for deadlines.
pub(super) fn epoch_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
