//! Lists: results that come back. Appended to by anybody, read by anybody, kept until the end.

use super::Engine;
use super::command::Reply;
use super::error::Error;

/// The most bytes of all values in lists, queues and pools.
const MAX_KEPT: usize = 256 * 1024 * 1024;
/// The most lists.
const MAX_LISTS: usize = 10_000;
/// About how many bytes of items are given at once.
const PAGE: usize = 512 * 1024;

/// What a value takes, with what is kept beside it.
pub(super) fn kept_size(json: &str) -> usize {
    json.len() + 64
}

impl Engine {
    pub(super) fn append(&mut self, list: &str, items: &[&str]) -> Result<Reply<'static>, Error> {
        if !self.lists.contains_key(list) && self.lists.len() >= MAX_LISTS {
            return Err(Error::Full { what: "lists", limit: MAX_LISTS });
        }
        self.keep_bytes(items, || format!("the list \"{list}\""))?;
        let kept = self.lists.entry(list.into()).or_default();
        kept.extend(items.iter().map(|&json| Box::from(json)));
        Ok(Reply::Length(kept.len()))
    }

    /// The items from a place on, as many as go into one reply.
    pub(super) fn collect(&self, list: &str, from: usize) -> Reply<'_> {
        let kept: &[Box<str>] = self.lists.get(list).map_or(&[], Vec::as_slice);
        let mut bytes = 0;
        let items: Vec<&str> = kept
            .iter()
            .skip(from)
            .map(|json| &**json)
            .take_while(|json| {
                let fits = bytes < PAGE;
                bytes += json.len();
                fits
            })
            .collect();
        let next = from.saturating_add(items.len());
        Reply::Items { items, length: kept.len(), next: (next < kept.len()).then_some(next) }
    }

    /// Makes room for more values of lists, queues and pools, each of which is as small as any value must be.
    pub(super) fn keep_bytes(&mut self, values: &[&str], what: impl Fn() -> String) -> Result<(), Error> {
        let limit = self.config.max_value_size;
        if let Some(size) = values.iter().map(|json| json.len()).find(|&size| size > limit) {
            return Err(Error::ItemTooLarge { what: what(), size, limit });
        }
        let bytes: usize = values.iter().map(|json| kept_size(json)).sum();
        if self.kept_bytes + bytes > MAX_KEPT {
            return Err(Error::TooMuchKept { what: what(), limit: MAX_KEPT });
        }
        self.kept_bytes += bytes;
        Ok(())
    }
}
